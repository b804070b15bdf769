"""Real ZooKeeper servers from Debian's packages, run by plain java.

Happy path: ZooKeeper().start() writes a zoo.cfg into a scratch folder, starts a JVM and polls `srvr`
until the server says its mode (`ruok` answers before it serves). An Ensemble is n of them. A port that
was taken meanwhile makes the JVM exit: a standalone server then tries another one.
"""
import os
import re
import signal
import time

from procs import Process, Served, eventually, free_port, free_ports, need, temp_dir
from wire import four_letter

JAVA_FOLDER = "/usr/share/java"
JVM = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Dzookeeper.forceSync=no",
       "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dzookeeper.jmx.log4j.disable=true",
       "-Dzookeeper.preAllocSize=1024"]


# What TLS needs and zookeeper.jar does not name completely.
NETTY = ("netty-handler", "netty-common", "netty-buffer", "netty-transport", "netty-resolver", "netty-codec",
         "netty-transport-native-epoll", "netty-transport-native-unix-common")


def java_classpath(*names):
    """The class path of jars by name, each checked to be there."""
    packages = {"zookeeper": "libzookeeper-java", "slf4j": "libslf4j-java", "guava": "libguava-java",
                "netty": "libnetty-java"}
    jars = []
    for name in names:
        stem = name.split("-")[0]
        package = packages.get(stem, f"lib{name}-java")
        jars.append(need(f"{JAVA_FOLDER}/{name}.jar", package))
    return ":".join(jars)


def java_of(jars):
    """The runtime for a folder with the jars of a release: in a folder java beside it, if it needs one of its own; else, and
    for None, Debian's."""
    own = os.path.join(os.path.dirname(jars or ""), "java", "bin", "java")
    return own if jars and os.access(own, os.X_OK) else need("java", "default-jre-headless")


def words(addr, word):
    """A four-letter word's answer, "" when nobody answers."""
    try:
        return four_letter(addr, word)
    except OSError:
        return ""


class ZooKeeper(Served):
    """One server. Standalone unless the ensemble's lines come in extra_cfg with a myid. jars: a folder with another
    release in place of Debian's (java_of). env: what its process has beside ours."""

    def __init__(self, dir=None, extra_cfg="", jvm=(), tick=2000, myid=None, port=None, client_port=True,
                 host="127.0.0.1", jars=None, env=None):
        self.jars = jars
        self.env = env
        self.dir = dir or temp_dir()
        self.extra_cfg = extra_cfg
        self.jvm = list(jvm)
        self.tick = tick
        self.myid = myid
        self.fixed_port = port
        self.port = port
        self.client_port = client_port
        self.host = host
        self.process = None
        self.txnlog_dir = os.path.join(self.dir, "datalog", "version-2")

    def _write_config(self):
        for sub in ("data", "datalog"):
            os.makedirs(os.path.join(self.dir, sub), exist_ok=True)
        lines = [f"tickTime={self.tick}", "initLimit=10", "syncLimit=5", f"dataDir={self.dir}/data",
                 f"dataLogDir={self.dir}/datalog", "maxClientCnxns=0", "admin.enableServer=false",
                 "4lw.commands.whitelist=*"]
        if self.client_port:
            lines += [f"clientPort={self.port}", f"clientPortAddress={self.host}"]
        if self.myid is not None:
            with open(f"{self.dir}/data/myid", "w") as f:
                f.write(f"{self.myid}\n")
        path = os.path.join(self.dir, "zoo.cfg")
        if not os.path.exists(path) or self.client_port:
            with open(path, "w") as f:
                f.write("\n".join(lines) + "\n" + self.extra_cfg + "\n")
        return path

    def launch(self):
        """Starts the JVM and returns at once."""
        if self.port is None:
            self.port = free_port()
        config = self._write_config()
        argv = [java_of(self.jars)] + JVM + self.jvm
        more = NETTY if "secureClientPort" in self.extra_cfg else ()
        path = f"{self.jars}/*:" + java_classpath("slf4j-simple") if self.jars else \
            java_classpath("zookeeper", "slf4j-simple", *more)
        argv += ["-cp", path,
                 "org.apache.zookeeper.server.quorum.QuorumPeerMain", config]
        self.process = Process(argv, os.path.join(self.dir, "log"), self.env, cwd=self.dir).start()
        return self

    def mode(self):
        """"standalone", "leader", "follower", "observer" or "" while it does not serve."""
        found = re.search(r"^Mode: (\S+)", words(self.addr, "srvr"), re.M)
        return found.group(1) if found else ""

    def start(self, timeout=30.0):
        for _ in range(5):
            self.launch()
            eventually(lambda: self.mode() or not self.process.running(), timeout, "a serving ZooKeeper", 0.05)
            if self.process.running():
                return self
            if self.fixed_port or "Address already in use" not in self.log():
                break
            self.port = None
        raise AssertionError("ZooKeeper ended at its start:\n" + self.log()[-2000:])

    def wait_ready(self, timeout=30.0):
        try:
            eventually(self.mode, timeout, f"server on port {self.port} serving", 0.05)
        except AssertionError as e:
            raise AssertionError(f"{e}; {'running' if self.process.running() else 'ended'}, its log ends with\n"
                                 + self.log()[-2000:]) from None
        return self

    def stop(self):
        return self.process.stop()

    def kill(self):
        return self.process.kill()

    def freeze(self):
        self.process.freeze()

    def thaw(self):
        self.process.thaw()

    def restart(self, wait=True):
        """Stops it and starts it again with its data, on the same port."""
        self.process.stop(signal.SIGKILL)
        end = time.monotonic() + 10
        while True:
            self.launch()
            time.sleep(0.3)
            if self.process.running() or time.monotonic() > end:
                break
        return self.wait_ready() if wait else self

    def log(self):
        return self.process.log() if self.process else ""


class Ensemble:
    """n servers that know each other. With dynamic=True the client addresses stand in the dynamic
    configuration (server.N=...;host:port), which is what EnsembleTrackers read. With one_port=True the
    clients' port is the same on 127.0.0.1, 127.0.0.2 ..., which is what Storm's configuration wants; {host} in extra_cfg
    is each server's own address."""

    def __init__(self, n=3, extra_cfg="", jvm=(), tick=2000, dynamic=False, one_port=False, jars=None):
        ports = free_ports(3 * n)
        self.servers = []
        lines = []
        for i in range(n):
            client, quorum, election = ports[3 * i:3 * i + 3]
            suffix = f":participant;127.0.0.1:{client}" if dynamic else ""
            lines.append(f"server.{i + 1}=127.0.0.1:{quorum}:{election}{suffix}")
        for i in range(n):
            folder = temp_dir()
            port, host = (ports[0], f"127.0.0.{i + 1}") if one_port else (ports[3 * i], "127.0.0.1")
            cfg = extra_cfg.replace("{host}", host) + "\n"
            if dynamic:
                with open(f"{folder}/zoo.cfg.dynamic", "w") as f:
                    f.write("\n".join(lines) + "\n")
                cfg += f"standaloneEnabled=false\nreconfigEnabled=true\ndynamicConfigFile={folder}/zoo.cfg.dynamic"
            else:
                cfg += "\n".join(lines)
            self.servers.append(ZooKeeper(folder, cfg, jvm, tick, i + 1, port, not dynamic, host, jars))

    @property
    def connect_string(self):
        return ",".join(s.connect_string for s in self.servers)

    def start(self):
        for server in self.servers:
            server.launch()
        for server in self.servers:
            server.wait_ready()
        return self

    def whole(self):
        """One leads, all others follow."""
        modes = sorted(s.mode() for s in self.servers)
        return modes == ["follower"] * (len(modes) - 1) + ["leader"]

    def wait_whole(self, lasts=0.0, timeout=60.0):
        """Until it is whole and has been for lasts seconds: servers that were frozen say for a tick or two what they
        were, and elect then."""
        end = time.monotonic() + timeout
        since = None
        while since is None or time.monotonic() - since < lasts:
            since = (since or time.monotonic()) if self.whole() else None
            assert time.monotonic() < end, f"an ensemble that is whole: {[s.mode() for s in self.servers]}"
            time.sleep(0.05)
        return self

    def leader(self):
        return next((s for s in self.servers if s.mode() == "leader"), None)

    def followers(self):
        return [s for s in self.servers if s.mode() == "follower"]

    def stop(self):
        for server in self.servers:
            server.stop()
