"""All heartbeats of a cluster, as a client of its own sees them: by ZooKeeper's protocol, or by Pacemaker's.

Happy path: reader.paths() are those of all heartbeats; stamps(paths) is {path: (stamp, when it was read)} of those that are
there. Another beat has a larger stamp, an older one that comes back the smaller one that it had. OSError while nobody answers:
drop(), and ask again later. close() at the end.
"""
import time

from pulse import PulseConn
from wire import OP_EXISTS, OP_GET_CHILDREN2, exists, get_children2, parse_reply

ROOT = "/storm/workerbeats"


class ZnodeReader:
    """With a session where Storm has its own, or at addresses. The stamp is the znode's mtime."""

    def __init__(self, cluster, addresses=None):
        self.cluster, self.addresses = cluster, addresses
        self._conn = None

    @property
    def conn(self):
        if self._conn is None:
            self._conn = self.cluster.conn(addresses=self.addresses)
        return self._conn

    def _names(self, path):
        reply = self.conn.call(OP_GET_CHILDREN2, get_children2(path))
        return parse_reply(OP_GET_CHILDREN2, reply.body)[0] if reply.err == 0 else []

    def paths(self):
        return {f"{ROOT}/{top}/{leaf}" for top in self._names(ROOT) for leaf in self._names(f"{ROOT}/{top}")}

    def stamps(self, paths):
        found = {}
        for path in paths:
            reply = self.conn.call(OP_EXISTS, exists(path))
            if reply.err == 0:
                found[path] = parse_reply(OP_EXISTS, reply.body).mtime, time.monotonic()
        return found

    def drop(self):
        if self._conn:
            self._conn.sock.close()
        self._conn = None

    def close(self):
        if self._conn:
            try:
                self._conn.close_session()
            except (OSError, ValueError):
                pass
        self.drop()


class PulseReader:
    """At a Pacemaker, where it logs in with the cluster's secret if there is one. A pulse has no times: its stamp is when its
    bytes were first seen, milliseconds."""

    def __init__(self, cluster):
        self.addr = ("127.0.0.1", cluster.pacemaker_port)
        self.secret = cluster.security.PULSE_SECRET
        self._conn = None
        self.first = {}                  # (path, details): stamp

    @property
    def conn(self):
        if self._conn is None:
            self._conn = PulseConn(self.addr)
            if self.secret:
                self._conn.log_in(self.secret)
        return self._conn

    def paths(self):
        return {f"{ROOT}/{top}/{leaf}" for top in self.conn.nodes("/workerbeats")
                for leaf in self.conn.nodes(f"/workerbeats/{top}")}

    def stamps(self, paths):
        found = {}
        for path in paths:
            details = self.conn.get(path[len("/storm"):])
            if details is not None:
                found[path] = self.first.setdefault((path, details), int(time.time() * 1000)), time.monotonic()
        return found

    def drop(self):
        if self._conn:
            self._conn.close()
        self._conn = None

    close = drop
