"""Clusters whose state store is Pacemaker's.

Happy path: Cluster(home, through, pacemakers.Pulsing) runs Storm's own Pacemaker, a JVM, when it is not through pacekeeper,
which takes its place otherwise.
"""
import logins
import pulse
import rig
import security

HOST = "localhost"              # by a name, which is what a ticket is for
STATE_FILE = "state-file: {folder}/pacekeeper-state\n"
GUARDED = """mounts:
  - {{path: /storm/workerbeats, mode: pacemaker, auth: {method}, readers: ['digest:{rig}']}}
  - {{path: /storm/supervisors, mode: write-behind, flush: 60s}}
"""


def spelled(times):
    """A host's name in so many ways, of which Storm thinks as of so many hosts, and they have one principal."""
    return ["".join(c.upper() if way >> i & 1 else c for i, c in enumerate(HOST)) for way in range(times)]


def servers(names):
    return f"pacemaker.servers: [{', '.join(names)}]\n"


class Pulsing(security.Plain):
    """Nobody logs in."""
    TOPOLOGIES = (("steady", "steady", 2),)
    METHOD = "NONE"
    PULSE_SECRET = None         # with which the rig logs in

    def __init__(self, folder):
        super().__init__(folder)
        self.login = logins.Login(self.METHOD)
        self.pacemaker_port = rig.free_port()
        self.settings = f"pacemaker.port: {self.pacemaker_port}\n"
        self.jvm, self.env = self.login.jvm, self.login.env
        self.config = STATE_FILE.format(folder=folder)

    def settings_of(self, name, line):
        """As Storm's documentation has it, where Nimbus and the Pacemaker are is said how they log in."""
        if not name.startswith(("nimbus", "pacemaker")):
            return servers([HOST])
        return servers([HOST] if self.METHOD == "NONE" else spelled(line.pacemaker_spellings)) + self.login.settings

    def stop(self):
        self.login.stop()


class PulsingDigest(Pulsing):
    """Nimbus shows a password, and so does the rig at Storm's own Pacemaker; here the rig reads with one of ZooKeeper's."""
    METHOD = "DIGEST"
    RIG = "super:rig"
    PULSE_SECRET = pulse.derived(logins.USER, logins.PASSWORD)
    FIRST_TURN = 12

    def __init__(self, folder):
        super().__init__(folder)
        self.config += GUARDED.format(method=self.METHOD.lower(), rig=security.hashed(self.RIG))


class PulsingKerberos(PulsingDigest):
    """Nimbus shows a ticket."""
    METHOD = "KERBEROS"
    PULSE_SECRET = None

    @staticmethod
    def home_for(home):
        return home.with_kerberos()
