"""Client programs of the integration tests: compiled in a scratch folder, run to their end.

Happy path: java("ZkBasics", "127.0.0.1:2181", "/base") compiles tests/integration/java once per test
program and returns the standard output; client_mt(...) does the same with the C client. A program that
fails or hangs raises AssertionError with all that it wrote.
"""
import glob
import os
import shlex
import subprocess

from procs import need, temp_dir
from zkserver import NETTY, java_classpath, java_of

JARS = ("zookeeper", "slf4j-nop", "guava", "curator-client", "curator-framework", "curator-recipes")
JVM = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dzookeeper.jmx.log4j.disable=true"]
_built = {}


def _folder(*parts):
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.join(os.path.dirname(here), *parts)


def _run(argv, timeout, stdin="", with_errors=False):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, input=stdin)
    except subprocess.TimeoutExpired as e:
        wrote = "".join((x or b"").decode("utf-8", "replace") for x in (e.stdout, e.stderr))
        raise AssertionError(f"{argv[-3:]} did not end within {timeout} s:\n{wrote}") from e
    if done.returncode != 0:
        raise AssertionError(f"{argv[-3:]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr if with_errors else done.stdout


def _compile(key, classpath, sources, *flags):
    if key not in _built:
        folder = temp_dir()
        _run([need("javac", "default-jdk-headless"), "-J-XX:TieredStopAtLevel=1", "-nowarn", "-proc:none", *flags, "-d", folder,
              "-cp", classpath, *sources], 120)
        _built[key] = folder
    return _built[key]


def java_classes():
    """The folder with the compiled Java programs."""
    return _compile("java", java_classpath(*JARS), sorted(glob.glob(_folder("integration", "java", "*.java"))))


def _of_release(program, jars):
    """The program alone, compiled against a release's own client for the Java that it was made for."""
    folder = _folder("integration", "java")
    return _compile((program, jars), jars + "/*", [os.path.join(folder, program + ".java")], "-Xlint:-options", "--release", "8",
                    "-sourcepath", folder)


def java_argv(program, *args, jvm=(), netty=False, jars=None):
    """netty: with what the client needs for TLS. jars: a folder with a client of another release, in place of Debian's
    (java_of)."""
    path = f"{_of_release(program, jars)}:{jars}/*" if jars else \
        f"{java_classes()}:{java_classpath(*(JARS + NETTY if netty else JARS))}"
    return [java_of(jars)] + JVM + list(jvm) + ["-cp", path, program] + list(args)


def java(program, *args, jvm=(), timeout=60, netty=False, jars=None):
    """Runs a Java program and returns its standard output."""
    return _run(java_argv(program, *args, jvm=jvm, netty=netty, jars=jars), timeout)


def zkcli(connect, commands, timeout=60, jvm=(), netty=False):
    """Runs ZooKeeper's command line client with these commands and returns all that it wrote."""
    return _run(java_argv("org.apache.zookeeper.ZooKeeperMain", "-server", connect, jvm=jvm, netty=netty), timeout,
                "\n".join(commands + ["quit", ""]), True)


def with_client_mt():
    """False where configure was told --without-libzookeeper-mt."""
    return os.environ.get("WITH_LIBZOOKEEPER_MT") != "no"


def client_mt_path():
    """The compiled C client on libzookeeper_mt."""
    if "c" not in _built:
        need("/usr/include/zookeeper/zookeeper.h", "libzookeeper-mt-dev")
        program = os.path.join(temp_dir(), "client_mt")
        compiler = shlex.split(os.environ.get("CC") or "cc")
        need(compiler[0], "gcc")
        _run(compiler + ["-std=gnu11", "-Wall", "-Wextra", "-O1", "-DTHREADED", "-o", program,
                         _folder("integration", "client_mt.c"), "-lzookeeper_mt"], 60)
        _built["c"] = program
    return _built["c"]


def client_mt(*args, timeout=60):
    """Runs the C client and returns its standard output."""
    return _run([client_mt_path()] + list(args), timeout)
