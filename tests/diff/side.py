"""One side of the comparison: its clients, what they send, and what arrives as comparable items.

Items: ("reply", xid, err, value), ("event", type, state, path), ("eof",), ("silence",). Values hold no zxids and no
times; session ids are replaced by the clients' own labels and names are sorted.
"""
import socket

import script
import wire


class Broken(Exception):
    """An invariant that holds for every ZooKeeper server is broken on this side."""


class Client:
    """A session and its present connection (conn is None while it is down)."""

    def __init__(self, index):
        self.index = index
        self.conn = None
        self.session, self.passwd, self.last_zxid = 0, b"\0" * 16, 0
        self.generation = 0
        self.header_zxid = 0
        self.may_watch = False


class Side:
    def __init__(self, name, addr, proxied, timeout=10.0):
        self.name, self.addr, self.proxied, self.timeout = name, addr, proxied, timeout
        self.clients = {}
        self.labels = {}
        self.top_zxid = 0

    # ---- connections -----------------------------------------------------------------------------------

    def client(self, index):
        if index not in self.clients:
            self.clients[index] = Client(index)
        return self.clients[index]

    def connect(self, index, session=None, passwd=None, last_zxid=None, read_only=False, timeout_ms=40000):
        """Opens a connection, new session or reattached one. Returns a comparable description of the outcome."""
        client = self.client(index)
        session = client.session if session is None else session
        passwd = client.passwd if passwd is None else passwd
        last_zxid = client.last_zxid if last_zxid is None else last_zxid
        try:
            conn = wire.Conn(self.addr, timeout_ms, session, passwd, last_zxid, read_only)
        except wire.Closed:
            return "closed without an answer"
        return self._connected(client, conn)

    def connect_with(self, index, requests, base):
        """Opens a connection with requests right behind the ConnectRequest, in one write. Returns the outcome of
        connect() and what send() returns."""
        client = self.client(index)
        client.conn = conn = wire.Conn(self.addr, 40000, client.session, client.passwd, connect=False)
        hello = wire.connect_request(40000, client.session, client.passwd, client.last_zxid)
        sent = self.send(index, requests, base, before=wire.i32(len(hello)) + hello)
        conn.read_handshake(self.timeout)
        return self._connected(client, conn, bool(sent and client.may_watch)), sent

    def _connected(self, client, conn, may_watch=False):
        if conn.session == 0:
            ended = conn.recv(self.timeout)
            conn.close()
            return f"refused, {len(conn.response_bytes)} bytes, then {'eof' if ended is None else ended}"
        known = self.labels.get(conn.session)
        if known is None:
            client.generation += 1
            self.labels[conn.session] = known = f"session {client.index}.{client.generation}"
        client.conn, client.session, client.passwd = conn, conn.session, conn.passwd
        client.header_zxid = 0
        client.may_watch = may_watch
        return (known, conn.timeout, len(conn.passwd), len(conn.response_bytes), conn.response_bytes[36:])

    def down(self, index, forget=False):
        """Drops the connection on our side; forget: the session is over as well."""
        client = self.clients[index]
        if client.conn is not None:
            client.last_zxid = max(client.last_zxid, client.conn.last_zxid)
            client.conn.close()
            client.conn = None
        if forget:
            client.session, client.passwd = 0, b"\0" * 16

    def close_all(self):
        for client in self.clients.values():
            if client.conn is not None:
                client.conn.close()
        self.clients, self.labels = {}, {}

    # ---- requests --------------------------------------------------------------------------------------

    def send(self, index, requests, base, before=b"", piece=None):
        """Sends requests in one write, or in pieces. Returns [(xid, opcode)] of the replies to wait for."""
        conn = self.clients[index].conn
        sent, out = [], []
        for request in requests:
            op = script.opcode(request, self.proxied)
            xid = script.options(request).get("xid")
            if xid is None:
                xid = {wire.OP_PING: wire.XID_PING, wire.OP_AUTH: wire.XID_AUTH}.get(op) or conn.next_xid()
            out.append(wire.frame(xid, op, script.encode(request, base, conn.last_zxid)))
            sent.append((wire.XID_PING if op == wire.OP_PING else xid, op))
            if script.watched_paths(request):
                self.clients[index].may_watch = True
        data = before + b"".join(out)
        for at in range(0, len(data), piece or len(data) or 1):
            self.send_bytes(index, data[at:at + (piece or len(data))])
        return sent

    def send_bytes(self, index, data):
        try:
            self.clients[index].conn.send_raw(data)
        except ConnectionError:
            pass                                      # what was closed shows when it is read

    def collect(self, index, sent):
        """Reads until every sent request is answered, or the end of the connection, or silence."""
        ops = dict(sent)
        items, left = [], len(sent)
        while left:
            item = self.read_item(index, ops)
            items.append(item)
            if item[0] in ("eof", "silence"):
                return items
            if item[0] == "reply":
                left -= 1
                if self.closes(item, ops):
                    return items + self.read_to_end(index, ops)
        return items

    @staticmethod
    def closes(item, ops):
        op = ops.get(item[1])
        if op == wire.OP_CLOSE_SESSION:
            return True
        if item[2] == wire.ERR["AUTHFAILED"]:
            return op in (wire.OP_AUTH, wire.OP_SASL)
        return item[2] in (wire.ERR["UNIMPLEMENTED"], wire.ERR["NEEDSASL"])

    def read_to_end(self, index, ops=None):
        items = []
        while not items or items[-1][0] not in ("eof", "silence"):
            items.append(self.read_item(index, ops or {}))
        return items

    def read_item(self, index, ops):
        client = self.clients[index]
        try:
            reply = client.conn.recv(self.timeout)
        except socket.timeout:
            return ("silence",)
        if reply is None:
            return ("eof",)
        if reply.xid == wire.XID_EVENT:
            if reply.zxid > client.conn.last_zxid:
                raise Broken(f"event with zxid {reply.zxid:#x}")
            return ("event",) + wire.event(reply.body)
        self._check_header(client, reply)
        return ("reply", reply.xid, reply.err, self.comparable(ops.get(reply.xid), reply))

    def _check_header(self, client, reply):
        if reply.xid == wire.XID_PING or reply.zxid <= 0:
            return
        if reply.zxid < client.header_zxid:
            raise Broken(f"{self.name}: header zxid fell from {client.header_zxid:#x} to {reply.zxid:#x}")
        client.header_zxid = reply.zxid
        self.top_zxid = max(self.top_zxid, reply.zxid)

    # ---- comparable values -----------------------------------------------------------------------------

    def comparable(self, op, reply):
        if op not in wire.REPLIES or (reply.err and op != wire.OP_MULTI_READ):
            return reply.body
        if not reply.body:
            return None                               # an ordinary error; a failed multiRead may bring results
        try:
            return self.plain(op, wire.parse_reply(op, reply.body))
        except ValueError as e:
            return f"undecodable: {e}: {reply.body.hex()}"

    def plain(self, op, value):
        if isinstance(value, wire.Stat):
            return self.plain_stat(value)
        if op in (wire.OP_GET_CHILDREN, wire.OP_GET_EPHEMERALS, wire.OP_WHO_AM_I):
            return sorted(value)
        if op == wire.OP_GET_CHILDREN2:
            return (sorted(value[0]), self.plain_stat(value[1]))
        if op in (wire.OP_MULTI, wire.OP_MULTI_READ):
            return [(r.type, r.err, self.plain(r.type, r.value)) for r in value]
        if isinstance(value, tuple) and isinstance(value[1], wire.Stat):
            return (value[0], self.plain_stat(value[1]))
        return value

    def plain_stat(self, stat):
        if not (0 < stat.czxid <= stat.mzxid and stat.czxid <= stat.pzxid) and stat.czxid != 0:
            raise Broken(f"{self.name}: impossible zxids in {stat}")
        if stat.mtime < stat.ctime:
            raise Broken(f"{self.name}: mtime before ctime in {stat}")
        owner = stat.ephemeralOwner
        return (("version", stat.version), ("cversion", stat.cversion), ("aversion", stat.aversion),
                ("owner", self.labels.get(owner, owner)), ("length", stat.dataLength),
                ("children", stat.numChildren))
