"""What secures a cluster: how Storm's processes show who they are, to whom, and what pacekeeper is told of it.

Happy path: Cluster(home, through, security.OpenDigest) asks an instance for the settings and the Java options of Storm's
processes, for the servers' configuration and for pacekeeper's. RIG is whose credentials the rig itself shows (addauth), with
which it may look at heartbeats.
"""
import base64
import hashlib
import os

import rig
from certs import Certs

# Storm 2.8's daemons as sasl:storm; DIGEST-MD5 needs no KDC. The class of the client is the one inside Storm's jar.
USERS = """Server {{ org.apache.zookeeper.server.auth.DigestLoginModule required user_{name}="{secret}"; }};
"""
CLIENT = """Client {{ org.apache.storm.shade.org.apache.zookeeper.server.auth.DigestLoginModule required
  username="{name}" password="{secret}"; }};
"""
TICKETS = """Client {{ com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab="{keytab}" storeKey=true
  useTicketCache=false principal="nimbus@{realm}"; }};
"""
MD5 = "-Dzookeeper.fips-mode=false"     # since ZooKeeper 3.9 the client knows a mode without MD5, and it is the default


def hashed(credentials):
    """An id of the scheme digest, for user:password."""
    user = credentials.split(":")[0]
    return f"{user}:{base64.b64encode(hashlib.sha1(credentials.encode()).digest()).decode()}"


class Plain:
    """Nobody shows who he is."""
    RIG = None
    PACEKEEPERS = ("127.0.0.1",)        # their addresses; several are a group
    TOPOLOGIES = (("steady", "steady", 2), ("failing", "failing", 1), ("slow", "slow", 1))
    SECRETS = {}            # of topologies, with which their workers authenticate (addauth)
    tls = None              # an SSL context where Storm speaks TLS
    pacemaker_port = None   # where Storm's state store is Pacemaker's
    FIRST_TURN = 0          # seconds after which a Nimbus that was going to end has ended, and been started again

    @staticmethod
    def home_for(home):
        """The home of Storm that such a cluster runs from."""
        return home

    def __init__(self, folder):
        self.folder = folder
        self.settings = ""              # more of every storm.yaml
        self.jvm = []                   # more options of every daemon of Storm
        self.nimbus_jvm = []            # and of Nimbus alone
        self.server_cfg, self.server_jvm = "", []
        self.old_settings = ""          # more of the storm.yaml that pacekeeper is given
        self.config = None              # pacekeeper's own
        self.env = {}                   # of pacekeeper

    def settings_of(self, _name, _line):
        """More of the storm.yaml of one host."""
        return ""

    def file(self, name, text):
        """Its path; only its owner can read it."""
        path = os.path.join(self.folder, name)
        with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
            f.write(text)
        return path

    def stop(self):
        pass


class Secured(Plain):
    """The ensemble knows Storm's daemons by SASL, workers by their topologies' digests, and ACLs say who may what."""
    RIG = "super:rig"
    TOPOLOGIES = (("steady", "steady", 1), ("slow", "slow", 1))
    SECRETS = {"steady": "steady:first-secret", "slow": "slow:second-secret"}

    def __init__(self, folder):
        super().__init__(folder)
        self.settings = 'storm.zookeeper.superACL: "sasl:storm"\n'
        self.jvm = [self._login("client", CLIENT), MD5]
        self.server_cfg = "authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n"
        self.server_jvm = [self._login("server", USERS),
                           f"-Dzookeeper.DigestAuthenticationProvider.superDigest={hashed(self.RIG)}"]

    def _login(self, name, text):
        path = self.file(f"jaas-{name}.conf", text.format(name="storm", secret="stormsecret"))
        return f"-Djava.security.auth.login.config={path}"


SECURE_PORT = """secureClientPort={port}
secureClientPortAddress={{host}}
serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory
ssl.keyStore.location={store}
ssl.keyStore.type=PEM
ssl.clientAuth=none
"""
STORM_TLS = """storm.zookeeper.ssl.enable: true
storm.zookeeper.ssl.hostnameVerification: true
storm.zookeeper.ssl.keystore.path: "{store}"
storm.zookeeper.ssl.keystore.password: "{password}"
storm.zookeeper.ssl.truststore.path: "{ca}"
storm.zookeeper.ssl.truststore.password: "none"
"""
OUR_TLS = """tls: {{listen: "127.0.0.1:{port}", certificate: {certificate}, key: {key}, ca: {ca}, client: optional}}
upstream-tls: {{ca: {ca}, verify: full}}
connect-timeout: 10s
"""


class SecuredTls(Secured):
    """The same, and every one of Storm's processes speaks TLS with pacekeeper, which speaks it with the ensemble.

    The first handshake of a JVM takes seconds. Storm wants a key store, and passwords that are not empty. The servers ask for no certificate: else each session would
    have the identity of ours, and an ACL of who creates a znode (CREATOR_ALL) would name it.
    """
    PASSWORD = "keystore"

    def __init__(self, folder):
        super().__init__(folder)
        self.certs = Certs()
        self.certs.sign("server", "/O=Lab/CN=pacekeeper")
        self.certs.sign("zookeeper", "/O=Lab/CN=zookeeper", ",".join(f"IP:127.0.0.{i}" for i in (1, 2, 3)))
        self.certs.sign("storm", "/O=Lab/CN=storm")
        self.ensemble_port, self.port = rig.free_ports(2)
        self.server_cfg += SECURE_PORT.format(port=self.ensemble_port, store=self.certs.bundle("zookeeper"))
        self.settings += STORM_TLS.format(store=self.certs.key_store("storm", self.PASSWORD), ca=self.certs.ca,
                                          password=self.PASSWORD)
        self.config = OUR_TLS.format(port=self.port, certificate=self.certs.path("server.pem"),
                                     key=self.certs.path("server.key"), ca=self.certs.ca)
        self.tls = self.certs.context()


class OpenDigest(Plain):
    """The ensemble knows nobody. Nimbus shows pacekeeper, by DIGEST-MD5, who he is; workers hold no secret.

    With java.security.auth.login.config Storm would put ACLs on its znodes, which such an ensemble refuses; what
    java.security names is read in its place, and Storm does not look there.
    """
    RIG = "nimbus:a long secret"
    TOPOLOGIES = (("steady", "steady", 2),)
    METHOD = "DIGEST"
    PACEMAKER = """PacemakerDigest { org.apache.storm.Unused required username="nimbus" password="a long secret"; };
"""

    def __init__(self, folder):
        super().__init__(folder)
        self.old_settings = f"pacemaker.auth.method: {self.METHOD}\nnimbus.daemon.user: nimbus\n"
        self.nimbus_jvm = [MD5]
        self._secrets()

    def _secrets(self):
        user = {"name": "nimbus", "secret": "a long secret"}
        jaas = self.file("jaas-pacekeeper.conf", USERS.format(**user) + self.PACEMAKER)
        self.config = f"jaas: {jaas}\nsasl: {{mechanisms: DIGEST-MD5, jaas: {jaas}}}\n"
        self.nimbus_jvm.append(self._login(CLIENT.format(**user)))

    def _login(self, text):
        jaas = self.file("jaas-nimbus.conf", text)
        return "-Djava.security.properties=" + self.file("java.security", f"login.config.url.1=file:{jaas}\n")


class OpenKerberos(OpenDigest):
    """The same with Kerberos. The rig itself is a reader by a password."""
    RIG = "rig:looks"
    METHOD = "KERBEROS"

    def _secrets(self):
        self.kdc = rig.Kdc().start()
        keytab = self.kdc.add_user("nimbus")
        os.chmod(self.kdc.service_keytab, 0o600)
        self.config = (f"sasl: {{mechanisms: GSSAPI, keytab: {self.kdc.service_keytab}, "
                       f"principal: zookeeper/localhost@{rig.REALM}}}\nmounts:\n"
                       f"  - {{path: /storm/workerbeats, mode: pacemaker, auth: kerberos, "
                       f"readers: ['digest:{hashed(self.RIG)}']}}\n"
                       "  - {path: /storm/supervisors, mode: write-behind, flush: 60s}\nnimbus-user: nimbus\n")
        self.env = {**self.kdc.env, "KRB5RCACHENAME": "none:"}
        self.nimbus_jvm += [self._login(TICKETS.format(keytab=keytab, realm=rig.REALM)),
                            f"-Djava.security.krb5.conf={self.kdc.env['KRB5_CONFIG']}",
                            f"-Dzookeeper.server.principal=zookeeper/localhost@{rig.REALM}"]

    def stop(self):
        self.kdc.stop()
