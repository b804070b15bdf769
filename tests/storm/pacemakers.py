"""Clusters whose state store is Pacemaker's.

Happy path: Cluster(home, through, pacemakers.Pulsing) runs Storm's own Pacemaker, a JVM, when it is not through pacekeeper,
which takes its place otherwise.
"""
import logins
import rig
import security

STATE_FILE = "state-file: {folder}/pacekeeper-state\n"
GUARDED = """mounts:
  - {{path: /storm/workerbeats, mode: pacemaker, auth: {method}, readers: ['digest:{rig}']}}
  - {{path: /storm/supervisors, mode: write-behind, flush: 60s}}
"""


class Pulsing(security.Plain):
    """Nobody logs in."""
    TOPOLOGIES = (("steady", "steady", 2),)
    METHOD = "NONE"

    def __init__(self, folder):
        super().__init__(folder)
        self.login = logins.Login(self.METHOD)
        self.pacemaker_port = rig.free_port()
        # By a name, which is what a ticket is for.
        self.settings = f'pacemaker.servers: ["localhost"]\npacemaker.port: {self.pacemaker_port}\n{self.login.settings}'
        self.jvm, self.env = self.login.jvm, self.login.env
        self.config = STATE_FILE.format(folder=folder)

    def stop(self):
        self.login.stop()


class PulsingKerberos(Pulsing):
    """Nimbus shows a ticket; the rig reads with a password of ZooKeeper's."""
    METHOD = "KERBEROS"
    RIG = "super:rig"

    def __init__(self, folder):
        super().__init__(folder)
        self.config += GUARDED.format(method=self.METHOD.lower(), rig=security.hashed(self.RIG))
