"""The daemon under test as a process.

Happy path: Pacekeeper(upstream).start() runs $PACEKEEPER on a free port, reads the port from the line
`listening on HOST:PORT` of its log; stop() sends SIGTERM and returns the exit status. A sanitizer
report in the log fails stop(), and the whole program at its end.
"""
import os
import re

from procs import Process, Served, eventually, need, temp_dir
from wire import mntr

SANITIZER = re.compile(r"ERROR: \w*Sanitizer|runtime error:|WARNING: ThreadSanitizer")
_all = []


def daemon_path():
    """Where the daemon is: $PACEKEEPER."""
    path = os.environ.get("PACEKEEPER")
    if not path:
        raise AssertionError("set PACEKEEPER to the daemon's path")
    return need(os.path.abspath(path), "none: build it with make")


class Pacekeeper(Served):
    def __init__(self, upstream=None, mounts=("/m=pacemaker",), args=(), config=None, listen="127.0.0.1:0",
                 env=None, wrapper=(), pass_fds=()):
        """config: the text of a configuration file. wrapper: a command in front that executes the daemon."""
        self.dir = temp_dir()
        self.argv = list(wrapper) + [daemon_path()]
        if config is not None:
            path = os.path.join(self.dir, "pacekeeper.yaml")
            with open(path, "w") as f:
                f.write(config)
            self.argv += ["-c", path]
        if listen:
            self.argv += ["--listen", listen]
        if upstream:
            self.argv += ["--upstream", upstream]
        for mount in mounts or ():
            self.argv += ["--mount", mount]
        self.argv += list(args)
        self.process = Process(self.argv, os.path.join(self.dir, "log"), env, pass_fds=pass_fds)
        self.port = self.pacemaker_port = None
        self.host = "127.0.0.1"

    def start(self, timeout=15.0):
        _all.append(self)
        self.process.start()

        def heard():
            found = re.search(r"listening on (\S+):(\d+)", self.log())
            started = found and ("--pacemaker" not in self.argv or "for Pacemaker's clients" in self.log())
            return started and found or not self.process.running()

        found = eventually(heard, timeout, "`listening on` in the daemon's log")
        if found is True:
            raise AssertionError(f"the daemon ended with {self.process.popen.returncode}:\n{self.log()}")
        self.host, self.port = found.group(1).strip("[]"), int(found.group(2))
        pacemaker = re.search(r"listening on \S+:(\d+) for Pacemaker's clients", self.log())
        self.pacemaker_port = int(pacemaker.group(1)) if pacemaker else None
        return self

    def run(self, timeout=15.0):
        """Runs it to its own end (-t, -V, refusals). Returns (exit status, output)."""
        self.process.start()
        try:
            self.process.wait(timeout)
        finally:
            self.process.stop()
        self.check_sanitizers()
        return self.process.popen.returncode, self.log()

    def mntr(self):
        return mntr(self.addr)

    def stop(self, timeout=15.0):
        status = self.process.stop(timeout=timeout)
        self.check_sanitizers()
        return status

    def kill(self):
        return self.process.kill()

    def running(self):
        return self.process.running()

    def log(self):
        return self.process.log()

    def check_sanitizers(self):
        found = SANITIZER.search(self.log())
        if found:
            raise AssertionError("sanitizer report in the daemon's log:\n" + self.log()[found.start():][:4000])


def last_lines(n=25):
    """The end of the log of every daemon that runs, for the report of a failed test."""
    return "\n".join(line[:240] for d in _all if d.running() for line in d.log().splitlines()[-n:])


def check_all():
    """Every daemon of this program: still running or ended well, no sanitizer report. Returns failures."""
    failures = []
    for daemon in _all:
        status = daemon.process.popen.returncode if daemon.process.popen and not daemon.running() else 0
        if status < 0 and status not in (-9, -15):
            failures.append(f"the daemon died by signal {-status}:\n{daemon.log()[-2000:]}")
        try:
            if daemon.running():
                daemon.stop()
            else:
                daemon.check_sanitizers()
        except AssertionError as e:
            failures.append(str(e))
    _all.clear()
    return failures
