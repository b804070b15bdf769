"""Storm's Pacemaker daemon as a process, from the jars of a Storm home, of 2.x or of 1.x.

Happy path: Pacemaker(jars).start() writes a storm.yaml into a scratch folder and runs the daemon's main class, with the heap
that Storm gives it by default, until its port answers. Failure modes: no jars: jars() is None; a daemon that ends at its
start fails with the end of its log.
"""
import glob
import os
import socket
import tempfile

import rig

LOG4J2 = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration monitorInterval="0" shutdownHook="disable">
  <Appenders><Console name="A1"><PatternLayout pattern="%d %c{1.} [%p] %msg%n"/></Console></Appenders>
  <Loggers><Root level="warn"><AppenderRef ref="A1"/></Root></Loggers>
</Configuration>
"""


def jars():
    """The folder of Storm 2.8's jars that contrib/check-storm assembled ($STORM_CACHE, as there); None: it has not."""
    cache = os.environ.get("STORM_CACHE") or os.path.join(tempfile.gettempdir(), "pacekeeper-storm")
    folders = sorted(glob.glob(os.path.join(cache, "storm-2.8*", "lib")))
    return folders[-1] if folders and glob.glob(folders[-1] + "/storm-server-*.jar") else None


class Pacemaker:
    """java: the program, this machine's unless given."""

    def __init__(self, lib, java=None):
        self.is_2x = bool(glob.glob(lib + "/storm-server-*.jar"))
        self.dir = rig.temp_dir()
        self.port = rig.free_port()
        for name, text in (("conf/storm.yaml", f'pacemaker.port: {self.port}\nstorm.local.dir: "{self.dir}/data"\n'),
                           ("log4j2/cluster.xml", LOG4J2)):
            os.makedirs(os.path.dirname(os.path.join(self.dir, name)), exist_ok=True)
            with open(os.path.join(self.dir, name), "w") as f:
                f.write(text)
        argv = [java or rig.need("java", "default-jre-headless"), "-server", "-Xmx1024m", f"-Dstorm.home={self.dir}",
                f"-Dstorm.log.dir={self.dir}", "-Dstorm.options=", "-Dstorm.conf.file=", "-Dlogfile.name=pacemaker.log",
                f"-Dlog4j.configurationFile={self.dir}/log4j2/cluster.xml", "-cp", f"{self.dir}/conf:{lib}/*",
                "org.apache.storm.pacemaker." + ("Pacemaker" if self.is_2x else "pacemaker")]
        self.process = rig.Process(argv, os.path.join(self.dir, "log"), cwd=self.dir)

    @property
    def pid(self):
        return self.process.pid

    def _answers(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def start(self, timeout=60.0):
        self.process.start()
        rig.eventually(lambda: self._answers() or not self.process.running(), timeout, "a Pacemaker that listens", 0.2)
        if not self.process.running():
            raise AssertionError("Pacemaker ended at its start:\n" + self.process.log()[-2000:])
        return self

    def stop(self):
        return self.process.stop()
