"""A resolver under the test's control: fake_names.c, compiled and preloaded into a daemon.

    names = Names(zk1="127.0.0.1")
    proxy = rig.Pacekeeper("zk1:2181", env=names.env).start()
    names.set(zk1="127.0.0.2 127.0.0.3")    # or "hangs", or "" for a name that does not exist
"""
import os
import shlex
import subprocess

from procs import need, temp_dir

_built = []


def _library():
    if not _built:
        here = os.path.dirname(os.path.abspath(__file__))
        path = os.path.join(temp_dir(), "fake_names.so")
        compiler = shlex.split(os.environ.get("CC") or "cc")
        need(compiler[0], "gcc")
        subprocess.run([*compiler, "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-O1", "-shared", "-fPIC", "-o", path,
                        os.path.join(here, "..", "integration", "fake_names.c")], check=True, timeout=60)
        _built.append(path)
    return _built[0]


class Names:
    def __init__(self, **names):
        self.path = os.path.join(temp_dir(), "names")
        self.names = {}
        self.set(**names)
        # A sanitizer's library wants to be the first one; that fake_names comes before it does no harm.
        asan = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        self.env = {"LD_PRELOAD": _library(), "FAKE_NAMES": self.path, "ASAN_OPTIONS": asan}

    def set(self, **names):
        self.names.update(names)
        with open(self.path + ".new", "w") as f:
            f.writelines(f"{name} {addresses}\n" for name, addresses in self.names.items())
        os.replace(self.path + ".new", self.path)
