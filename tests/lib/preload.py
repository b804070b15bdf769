"""Libraries that take the place of functions in a process: tests/integration/NAME.c, built once a program, preloaded.

    server = rig.ZooKeeper(env=preload.into("slow_disk", SLOW_DISK_MS="400"))
"""
import os
import shlex
import subprocess

from procs import need, temp_dir

_built = {}


def _library(name):
    if name not in _built:
        here = os.path.dirname(os.path.abspath(__file__))
        path = os.path.join(temp_dir(), f"{name}.so")
        compiler = shlex.split(os.environ.get("CC") or "cc")
        need(compiler[0], "gcc")
        subprocess.run([*compiler, "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-O1", "-shared", "-fPIC", "-o", path,
                        os.path.join(here, "..", "integration", f"{name}.c"), "-ldl"], check=True, timeout=60)
        _built[name] = path
    return _built[name]


def into(name, **env):
    """The environment of a process that is to have it; env: what the library reads."""
    # A sanitizer's library wants to be the first one; that this comes before it does no harm.
    asan = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
    return {"LD_PRELOAD": _library(name), "ASAN_OPTIONS": asan, **env}
