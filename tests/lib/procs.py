"""Processes, scratch folders and ports of a test program.

Happy path: a Process starts its command with its output in a log file, the test talks to it, stop()
ends it by pid and waits. Whatever is left at the end of the program is ended by cleanup(), newest
first, also after a failure or a SIGTERM; a killed test program takes its children along (PDEATHSIG).
"""
import atexit
import ctypes
import importlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

_processes = []
_folders = []
_libc = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


class Missing(Exception):
    """A component that the test needs is not installed."""


def need(path, package):
    """The file must be there; the failure names the Debian package that brings it."""
    found = path if os.path.isabs(path) and os.path.exists(path) else shutil.which(path, path=_search_path())
    if not found:
        raise Missing(f"{path} is missing: install the Debian package {package}")
    return found


def need_module(name, package):
    """The Python module must be there; the failure names the Debian package that brings it."""
    try:
        return importlib.import_module(name)
    except ImportError as e:
        raise Missing(f"the Python module {name} is missing ({e}): install the Debian package {package} "
                      "and use /usr/bin/python3") from e


def _search_path():
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/lib/zookeeper/bin"


def temp_dir():
    """A scratch folder, removed at the end unless KEEP_SCRATCH is set."""
    folder = tempfile.mkdtemp(prefix="pacekeeper-test.")
    _folders.append(folder)
    return folder


FIRST_PORT, PORTS, LANES = 11000, 1000, 21
_lane, _given = None, set()


def _own_ports():
    """The ports of this program: test programs that run side by side never share one, also between the choice of a
    port and the bind of its server. The lane is a name in the network's own namespace that ends with the process."""
    global _lane
    for lane in random.sample(range(LANES), LANES) if _lane is None else ():
        s = socket.socket(socket.AF_UNIX)
        try:
            s.bind(f"\0pacekeeper-test-ports-{lane}")
            _lane = (lane, s)
            break
        except OSError:
            s.close()
    if _lane is None:
        raise RuntimeError(f"{LANES} test programs run already")
    first = FIRST_PORT + _lane[0] * PORTS
    return range(first, first + PORTS)


def free_port():
    """A free loopback port below the kernel's ephemeral range, so that no outgoing connection takes it
    before its server binds it, or while that server is being restarted."""
    ports = _own_ports()
    for port in random.sample(ports, PORTS):
        if port in _given:
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                _given.add(port)
                return port
            except OSError:
                continue
    raise RuntimeError(f"no free port on 127.0.0.1 from {ports[0]} to {ports[-1]}")


def free_ports(n):
    """n different free ports."""
    ports = set()
    while len(ports) < n:
        ports.add(free_port())
    return sorted(ports)


def eventually(probe, timeout=10.0, what="condition", pause=0.02):
    """Calls probe until it returns something true, and returns that; fails naming `what`."""
    end = time.monotonic() + timeout
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(pause)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One child process with its output in a log file."""

    def __init__(self, argv, log_path, env=None, cwd=None, pass_fds=()):
        self.argv = argv
        self.log_path = log_path
        self.env = dict(os.environ, **env) if env else None
        self.cwd = cwd
        self.pass_fds = pass_fds
        self.popen = None
        self.frozen = False

    def start(self):
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env,
                                          cwd=self.cwd, preexec_fn=_die_with_parent,
                                          pass_fds=self.pass_fds)
        _processes.append(self)
        return self

    @property
    def pid(self):
        return self.popen.pid if self.popen else None

    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def send(self, number):
        if self.running():
            self.popen.send_signal(number)

    def wait(self, timeout=10.0):
        return self.popen.wait(timeout)

    def stop(self, number=signal.SIGTERM, timeout=10.0):
        """Ends it by a signal, by SIGKILL when it does not obey. Returns its exit status."""
        if self.popen is None:
            return None
        if self.running():
            self.popen.send_signal(number)
            if self.frozen:
                self.thaw()
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait(10)
        if self in _processes:
            _processes.remove(self)
        return self.popen.returncode

    def kill(self):
        return self.stop(signal.SIGKILL)

    def freeze(self):
        self.frozen = True
        self.send(signal.SIGSTOP)

    def thaw(self):
        self.frozen = False
        self.send(signal.SIGCONT)

    def log(self):
        """What it wrote so far."""
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""


class Served:
    """A process that listens: at host and port, once it does."""

    @property
    def addr(self):
        return (self.host, self.port)

    @property
    def connect_string(self):
        return f"{self.host}:{self.port}"

    @property
    def pid(self):
        return self.process.pid


def cleanup():
    """Ends every process of this program and removes its scratch folders."""
    for process in list(reversed(_processes)):
        process.stop(timeout=3.0)
    while _folders:
        folder = _folders.pop()
        if os.environ.get("KEEP_SCRATCH"):
            print("scratch kept:", folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


atexit.register(cleanup)
