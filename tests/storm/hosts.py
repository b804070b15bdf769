"""The hosts of a Storm cluster on loopback: a folder each with its own storm.yaml, and Storm's daemons run in it.

Happy path: Host(name, home, folder, settings).use(servers, port) writes conf/storm.yaml; start("nimbus") runs that
daemon by plain java; kill() and start() again as an init system would. use() with other servers changes the two lines
storm.zookeeper.servers and .port and nothing else: the daemon sees them at its next start.

workers(folder) are the worker processes of all hosts below a folder: read from /proc, since a supervisor starts them
and they outlive it. end_all(folder) ends whatever runs with that folder in its command line.
"""
import os
import signal
import time
from collections import namedtuple

from procs import Process

JVM = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.net.preferIPv4Stack=true"]
HEAP = {"nimbus": "-Xmx320m", "supervisor": "-Xmx192m", "ui": "-Xmx192m", "logviewer": "-Xmx128m",
        "operator": "-Xmx128m", "pacemaker": "-Xmx1024m"}

# A Nimbus is known by its host alone: two of one name would delete each other's znode.
ADDRESSES = {"nimbus-1": "127.0.0.11", "nimbus-2": "127.0.0.12", "supervisor-1": "127.0.0.21",
             "supervisor-2": "127.0.0.22", "ui": "127.0.0.31", "pacemaker": "127.0.0.41"}

# A supervisor that was restarted sees the end of its workers only by their files: after 30 s by default, when Nimbus
# 1.2 has missed their heartbeats for 30 s as well.
COMMON = """nimbus.seeds: ["127.0.0.11", "127.0.0.12"]
storm.local.hostname: "{address}"
storm.local.dir: "{folder}/data"
storm.log4j2.conf.dir: "{folder}/log4j2"
worker.childopts: "-Xmx128m {jvm}"
worker.heap.memory.mb: 128
topology.worker.max.heap.size.mb: 128
supervisor.worker.timeout.secs: 10
supervisor.worker.start.timeout.secs: 180
nimbus.task.launch.secs: 180
"""

folders = []                     # of all clusters of this program: what is left below them is ended at its end
Worker = namedtuple("Worker", "topology port pid host")


class Host:
    """settings: more lines of storm.yaml; jvm: more options of every daemon; env: as Process'."""

    def __init__(self, name, home, folder, settings="", jvm=(), env=None):
        self.name, self.home, self.folder = name, home, folder
        self.settings = COMMON.format(folder=folder, address=ADDRESSES[name], jvm=" ".join(JVM + home.jvm))
        self.settings += home.line.settings + settings
        self.jvm = list(jvm)
        self.env = dict(env or {})
        self.processes = {}
        home.host_folder(folder)
        if home.java_home:
            self.env["JAVA_HOME"] = home.java_home      # its workers run on it too

    def use(self, servers, port):
        """Where this host finds ZooKeeper, from the next start of a daemon on."""
        with open(os.path.join(self.folder, "conf", "storm.yaml"), "w") as f:
            f.write(self.storm_yaml_with(servers, port))
        return self

    def storm_yaml_with(self, servers, port):
        names = ", ".join(f'"{s}"' for s in servers)
        return f"storm.zookeeper.servers: [{names}]\nstorm.zookeeper.port: {port}\n{self.settings}"

    def java(self, *options):
        return [self.home.java] + JVM + self.home.jvm + self.jvm + [
            f"-Dstorm.home={self.folder}", f"-Dstorm.log.dir={self.folder}/logs",
            f"-Djava.io.tmpdir={self.folder}/data", "-Dstorm.options=", "-Dstorm.conf.file="] + list(options)

    def daemon_argv(self, role):
        line = self.home.line
        classpath = ":".join(f"{self.folder}/{x}" for x in ("conf", "lib/*", "extlib/*", "extlib-daemon/*"))
        return self.java(HEAP[role], f"-Ddaemon.name={role}", f"-Dlogfile.name={role}.log",
                         f"-Dlog4j.configurationFile={self.folder}/log4j2/cluster.xml",
                         "-Djava.library.path=/usr/local/lib", "-Djava.deserialization.disabled=true",
                         "-cp", classpath, getattr(line, role))

    def client_argv(self, main, *args, options=(), lib=None):
        """A program of ours, or a command of Storm's, beside the daemons."""
        classpath = f"{self.folder}/conf:{self.home.jar}:{self.folder}/{lib or self.home.line.worker_lib}/*"
        return self.java(*options, "-cp", classpath, main, *args)

    def run(self, role, argv):
        """Starts a process in this host's folder."""
        self.processes[role] = Process(argv, os.path.join(self.folder, "logs", role + ".out"), self.env,
                                       self.folder).start()
        return self.processes[role]

    def start(self, role):
        return self.run(role, self.daemon_argv(role))

    def kill(self, role):
        return self.processes[role].kill()

    def running(self, role):
        return self.processes[role].running()

    def stop(self):
        for process in self.processes.values():
            process.kill()                              # what an orderly end would write is of no use to anyone

    def log(self, role):
        try:
            with open(os.path.join(self.folder, "logs", role + ".log"), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""


def _commands():
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    argv = f.read().decode("utf-8", "replace").split("\0")[:-1]
            except OSError:
                continue
            if argv:
                yield int(pid), argv


def workers(folder, main):
    """The worker processes of the hosts below a folder. main: the line's class of workers."""
    found = set()
    for pid, argv in _commands():
        if main not in argv or "org.apache.storm.LogWriter" in argv or not any(folder in a for a in argv):
            continue
        args = argv[argv.index(main) + 1:]
        home = next((a.split("=", 1)[1] for a in argv if a.startswith("-Dstorm.home=")), "")
        found.add(Worker(args[0], int(args[-2]), pid, os.path.basename(home)))
    return found


def kill(pid):
    """kill -9 of a process that may just have ended."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end_all(folder, timeout=5.0):
    """Ends every process that has the folder in its command line; returns how many there were."""
    ended = set()
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        left = [pid for pid, argv in _commands() if pid != os.getpid() and any(folder in a for a in argv)]
        if not left:
            break
        for pid in left:
            ended.add(pid)
            kill(pid)
        time.sleep(0.1)
    return len(ended)
