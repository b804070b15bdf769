"""The rig of the integration tests: servers, daemons, and the runner of a test file.

Happy path: a test file defines functions test_*, calls rig.main(globals()); they run in order of
definition, each within a time limit; the last line is "N passed, N failed" and the exit status says
the same. Names on the command line choose tests. Servers that a file's tests share come from
rig.shared(key, maker). A missing component fails the test and names its Debian package.
"""
import os
import re
import signal
import sys
import time
import traceback

from daemon import Pacekeeper, check_all, daemon_path, last_lines
from kdc import Kdc, REALM
from procs import (Missing, Process, cleanup, eventually, free_port, free_ports, need, need_module, temp_dir)
from wire import OP_CREATE, Conn, create
from zkserver import Ensemble, JAVA_FOLDER, ZooKeeper, java_classpath, words

__all__ = ["Ensemble", "JAVA_FOLDER", "Kdc", "Missing", "Pacekeeper", "Process", "REALM", "ZooKeeper",
           "cleanup", "daemon_path", "eventually", "free_port", "free_ports", "java_classpath", "main", "need",
           "need_module", "said", "shared", "temp_dir", "top_srcdir", "words",
           "zookeeper_with"]

_shared = {}


def top_srcdir():
    """The root of the source tree."""
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.dirname(os.path.dirname(here))


def shared(key, maker):
    """The value that maker() returned the first time: one server for all tests of a file."""
    if key not in _shared:
        _shared[key] = maker()
    return _shared[key]


def said(daemon, pattern, timeout=10.0):
    """Waits until the daemon's log has the pattern; returns what its first group matched, or all that matched."""
    found = eventually(lambda: re.search(pattern, daemon.log()), timeout, f"`{pattern}` in the daemon's log")
    return found.group(1 if found.groups() else 0)


def zookeeper_with(*paths, **options):
    """A started ZooKeeper (options as ZooKeeper's) with these znodes."""
    zk = ZooKeeper(**options).start()
    conn = Conn(zk.addr)
    for path in paths:
        reply = conn.call(OP_CREATE, create(path))
        assert reply.err == 0, (path, reply.err)
    conn.close_session()
    return zk


class _TooSlow(Exception):
    pass


def _alarm(_number, _frame):
    raise _TooSlow("the test did not end within its time limit")


def _terminated(_number, _frame):
    sys.exit(143)


def _run_one(name, function, limit):
    started = time.monotonic()
    signal.alarm(getattr(function, "limit", limit))
    try:
        function()
        problem = None
    except (KeyboardInterrupt, SystemExit):
        raise
    except Missing as e:
        problem = str(e)
    except BaseException:
        problem = traceback.format_exc()
    finally:
        signal.alarm(0)
    took = time.monotonic() - started
    print(f"{'FAILED' if problem else 'ok'} {name} ({took:.2f} s)", flush=True)
    if problem:
        print(f"{problem}\n--- the daemon's log ends with\n{last_lines()}\n---", flush=True)
    return problem is None


def main(namespace, limit=60):
    """Runs the test_* functions of a file. A function's attribute `limit` overrides the time limit (s)."""
    signal.signal(signal.SIGALRM, _alarm)
    signal.signal(signal.SIGTERM, _terminated)
    tests = [(n, f) for n, f in namespace.items() if n.startswith("test_") and callable(f)]
    chosen = [a for a in sys.argv[1:] if not a.startswith("-")]
    if chosen:
        tests = [(n, f) for n, f in tests if any(c in n for c in chosen)]
    passed = failed = 0
    try:
        for name, function in tests:
            if _run_one(name, function, limit):
                passed += 1
            else:
                failed += 1
        for problem in check_all():
            failed += 1
            print("FAILED", problem, flush=True)
    finally:
        cleanup()
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.stdout.flush()
    os._exit(1 if failed or not passed else 0)
