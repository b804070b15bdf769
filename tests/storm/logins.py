"""How Storm logs in at a Pacemaker: what storm.yaml, JAAS file and the JVMs need for it; and Storm's own client alone.

Happy path: Login("DIGEST") is a folder with the JAAS file that daemons and pacekeeper share; settings, jvm and env are what
a cluster adds. client_replies(home, login, port) is what Storm's client, without a cluster, is answered.
By hand, both lines in half a minute: tests/run tests/storm/logins.py CACHE.
"""
import os
import subprocess
import sys

import rig
from daemon import Pacekeeper
from home import Home
from lines import LINES

USER, PASSWORD = "nimbus", "a secret"
DIGEST_JAAS = f"""PacemakerDigest {{ org.apache.storm.Unused required username="{USER}" password="{PASSWORD}"; }};
"""
KERBEROS_JAAS = """PacemakerServer { com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true
  useTicketCache=false keyTab="KEYTAB" principal="nimbus/localhost@LAB.LOCAL"; };
PacemakerClient { com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true
  useTicketCache=false serviceName="nimbus" keyTab="KEYTAB" principal="USER@LAB.LOCAL"; };
"""
NIMBUS = "storm/localhost"
GOOD = ["SEND_PULSE_RESPONSE", "GET_PULSE_RESPONSE with the beat", "GET_ALL_NODES_FOR_PATH_RESPONSE"]


class Login:
    def __init__(self, method, user=NIMBUS):
        self.method, self.kdc = method, None
        self.settings, self.jvm, self.env = f'pacemaker.auth.method: "{method}"\n', [], {}
        if method == "DIGEST":
            self._jaas(DIGEST_JAAS)
        if method == "KERBEROS":
            self.kdc = rig.Kdc().start()
            keytab = f"{self.kdc.dir}/storm.keytab"
            for principal in ("nimbus/localhost", NIMBUS, "bob"):
                self.kdc.add(principal, keytab)
            self.env = {**self.kdc.env, "KRB5RCACHENAME": "none:"}
            self.jvm = [f"-Djava.security.krb5.conf={self.kdc.env['KRB5_CONFIG']}"]
            self.settings += 'nimbus.daemon.user: "storm"\n'
            self._jaas(KERBEROS_JAAS.replace("KEYTAB", keytab).replace("USER", user))

    def _jaas(self, text):
        path = os.path.join(rig.temp_dir(), "jaas.conf")
        with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
            f.write(text)
        self.settings += f'java.security.auth.login.config: "{path}"\n'

    def stop(self):
        if self.kdc:
            self.kdc.stop()


def client_replies(home, login, port):
    """The lines of Pulser, or the end of what it said when it came to no end within its patience."""
    folder = home.host_folder(os.path.join(rig.temp_dir(), "client"))
    with open(os.path.join(folder, "conf", "storm.yaml"), "w") as f:
        f.write(f'storm.local.dir: "{folder}/data"\npacemaker.port: {port}\n{login.settings}')
    # Java 11 as assembled has no Kerberos; the client alone runs on today's too.
    java = rig.need("java", "default-jre-headless")
    argv = [java, "-Djava.net.preferIPv4Stack=true", "-Dstorm.options=", "-Dstorm.conf.file=", f"-Dstorm.home={folder}",
            *login.jvm, "-cp", f"{folder}/conf:{home.jar}:{folder}/{home.line.worker_lib}/*", "Pulser", "localhost"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=40, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return ["no end"]
    lines = [line for line in done.stdout.splitlines() if "_RESPONSE" in line or "NOT_AUTHORIZED" in line]
    return lines or [(done.stdout + done.stderr)[-1500:]]


def start_proxy(zk, login, port):
    yaml = os.path.join(rig.temp_dir(), "storm.yaml")
    with open(yaml, "w") as f:
        f.write(f'storm.zookeeper.servers: ["127.0.0.1"]\nstorm.zookeeper.port: {zk.port}\npacemaker.port: {port}\n'
                f'storm.cluster.state.store: "{LINES["2.8"].pacemaker_store}"\n{login.settings}')
    return Pacekeeper(None, None, ["--storm-yaml", yaml, "--pacemaker", f"127.0.0.1:{port}"], env=login.env).start()


def measure_logins(home, note):
    """Storm's own client with each method that it has, as Nimbus and as somebody else."""
    zk = rig.zookeeper_with("/storm", "/storm/workerbeats")
    cases = [("NONE", "NONE"), ("KERBEROS", "KERBEROS")] + ([("DIGEST", "DIGEST")] if home.line.name == "1.2" else [])
    for name, method in cases:
        login, port = Login(method), rig.free_port()
        proxy = start_proxy(zk, login, port)
        replies = client_replies(home, login, port)
        note(f"Storm's client by {name}", "works" if replies == GOOD else replies)
        if method != "NONE":
            strangers = client_replies(home, Login("NONE"), port)
            note(f"the same, not logged in, by {name}", ", ".join(strangers))
        proxy.stop()
        login.stop()
    zk.stop()


if __name__ == "__main__":
    for line in LINES.values():
        measure_logins(Home(line, sys.argv[1]).assemble(), lambda label, value, v=line.version: print(v, label, value))
