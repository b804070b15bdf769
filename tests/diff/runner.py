"""Runs one script on both sides at the same time and reports the first difference.

Happy path: Runner(direct, proxied, upstream).run("local", steps) makes a fresh base path, executes each step on
both sides, compares, audits the whole tree with a super user's eyes at the end, closes all sessions, removes the
tree, and asks the upstream server whether anything was left there. Failure modes: a Difference (the two sides
disagree), a Broken invariant, silence where an answer is due.
"""
import itertools
import time

import compare
import script
import wire
from side import Broken, Side

BASES = {"out": "/o", "local": "/m", "up": "/m", "root": "/k", "relay": "/r", "behind": "/b", "never": "/n"}
PARENTS = ("/o", "/m", "/k", "/r", "/b", "/n")
NEVER_LOCAL = ("behind", "never")   # what is below is the ensemble's, once it has been flushed
FLUSH = "150ms"                  # of /b: several in each episode, wherever it is then
FLUSH_PATIENCE = 3.0             # seconds until connections that were cut have been flushed
ROOTS = 24                       # mount roots /k/x00000 ... that take turns
LAST_WORDS = 0.2                 # seconds for requests whose connection has ended; nobody says when they are done
_SERIALS = itertools.count(1)    # of the base paths, one for all runners: what a failed run left is not met again
READS = {"exists", "get_data", "get_acl", "get_children", "get_children2", "sync", "multi_read", "who_am_i",
         "get_ephemerals", "get_all_children_number", "ping", "check_watches"}


class Difference(Exception):
    def __init__(self, step, text):
        super().__init__(f"step {step}: {text}")
        self.step, self.text = step, text


def base_path(kind, number):
    return f"{BASES[kind]}/x{number:05}"


def mounts():
    """What the proxy is started with: each root of "root" is a mount of its own."""
    roots = [f"{base_path('root', i)}=pacemaker" for i in range(ROOTS)]
    return ["/m=pacemaker", "/r=relay", f"/b=write-behind,flush={FLUSH}", "/n=write-behind,flush=never"] + roots


def prepare(addr):
    """Creates what every base stands under, mount roots included, straight at a server."""
    conn = wire.Conn(addr)
    for path in PARENTS + tuple(base_path("root", i) for i in range(ROOTS)):
        reply = conn.call(wire.OP_CREATE, wire.create(path))
        assert reply.err in (0, wire.ERR["NODEEXISTS"]), reply
    conn.close_session()


class Runner:
    BARRIER = ("ping", ())       # when it is answered, the events of what was written before have come

    def __init__(self, direct, proxied, upstream, timeout=10.0):
        """Addresses: the direct server, the proxy, and the server behind the proxy (which may be the proxy's
        own address when two servers are compared without one)."""
        self.sides = (Side("direct", direct, False, timeout), Side("proxied", proxied, proxied != upstream, timeout))
        self.servers = (direct, upstream)
        self.steps_run = self.requests_run = 0

    # ---- a whole script --------------------------------------------------------------------------------

    def run(self, kind, steps, observe=None):
        """Raises Difference. observe(client, request, error, value, base) is told each direct outcome."""
        serial = next(_SERIALS) % 100000
        self.kind, self.observe = kind, observe
        self.base = base_path(kind, serial % ROOTS if kind == "root" else serial)
        self.dirty, self.unordered = set(), set()
        at = -1
        try:
            self._make_base()
            for at, step in enumerate(steps):
                self.steps_run += 1
                self.requests_run += max(1, len(script.requests_of(step)))
                self.execute(step)
            at = "end"
            self._finish()
        except Broken as e:
            self.sweep()
            raise Difference(at, str(e)) from e
        except Difference as e:
            self.sweep()
            raise Difference(at, e.text) from e
        except (ValueError, OSError) as e:
            self.sweep()
            raise Difference(at, f"{type(e).__name__}: {e}") from e

    def abandon(self):
        for side in self.sides:
            side.close_all()
            side.top_zxid = 0

    def sweep(self):
        """After a difference: what can be removed is, so that counts of the whole tree stay comparable."""
        self.abandon()
        for side in self.sides:
            try:
                self._walk(side, remove=True)
            except (Difference, Broken, ValueError, OSError):
                pass

    def _make_base(self):
        if self.kind == "root":                       # recycled, also after a run that ended in the middle
            for side in self.sides:
                self._walk(side, remove=True)
        for addr in self.servers:
            conn = wire.Conn(addr)
            for path in [script.outside(self.base)] + ([] if self.kind == "local" else [self.base]):
                reply = conn.call(wire.OP_CREATE, wire.create(path))
                if reply.err not in (0, wire.ERR["NODEEXISTS"]):
                    raise Difference(-1, f"base {path} cannot be made: {reply.err}")
            conn.close_session()
        if self.kind == "local":
            self.execute(("req", 0, ("create", ("@", b"", "open", 0))))

    def _finish(self):
        for index in sorted(self.sides[0].clients):
            self.flush(index)
        trees = [self._walk(side) for side in self.sides]
        for path in sorted(set(trees[0]) | set(trees[1])):
            one, other = trees[0].get(path), trees[1].get(path)
            if one != other:
                raise Difference("end", f"audit of {path}\n  direct:  {one}\n  proxied: {other}")
        for index in sorted(self.sides[0].clients):
            if self.sides[0].clients[index].session:
                self.execute(("req", index, ("close_session", ())))
        if self.kind in NEVER_LOCAL:
            self._check_flushed()
        trees = [self._walk(side, remove=True) for side in self.sides]
        if set(trees[0]) != set(trees[1]):
            only = sorted(set(trees[0]) - set(trees[1])), sorted(set(trees[1]) - set(trees[0]))
            raise Difference("end", f"after the sessions' ends\n  only direct:  {only[0]}\n  only proxied: {only[1]}")
        self._check_upstream()
        self.abandon()

    def _check_flushed(self):
        """Nobody holds a session any more: the server behind the proxy has what the direct one has, counters too."""
        until = time.monotonic() + FLUSH_PATIENCE
        while True:
            one, other = self._walk(self.sides[0]), self._walk(self.sides[1], addr=self.servers[1])
            if one == other:
                return
            if time.monotonic() > until:
                break
            time.sleep(0.05)
        path = min(p for p in set(one) | set(other) if one.get(p) != other.get(p))
        raise Difference("end", f"not flushed: {path}\n  direct: {one.get(path)}\n  behind: {other.get(path)}")

    def _walk(self, side, remove=False, addr=None):
        """{path: everything about it} of both bases, by a super user; with remove, the tree is deleted."""
        conn = wire.Conn(addr or side.addr)
        conn.call(wire.OP_AUTH, wire.auth("digest", script.SUPER))
        conn.call(wire.OP_SYNC, wire.sync("/"))
        found, queue = {}, [self.base, script.outside(self.base)]
        while queue:
            path = queue.pop()
            answers = []
            for op, body in ((wire.OP_GET_CHILDREN2, wire.path_watch(path)), (wire.OP_GET_DATA, wire.path_watch(path)),
                             (wire.OP_GET_ACL, wire.get_acl(path))):
                reply = conn.call(op, body, timeout=side.timeout)
                error = wire.ERR_NAMES.get(reply.err, reply.err)
                answers.append(error if reply.err else side.comparable(op, reply))
            found[path] = tuple(answers)
            if isinstance(answers[0], tuple):
                queue += [path.rstrip("/") + "/" + name for name in answers[0][0]]
        if remove:
            self._remove(conn, found)
        conn.close_session()
        return found

    def _remove(self, conn, found):
        for path in sorted(found, key=len, reverse=True):
            if isinstance(found[path][0], tuple):
                reply = conn.call(wire.OP_DELETE, wire.delete(path))
                if reply.err:
                    raise Difference("end", f"{path} cannot be removed: {reply.err}")

    def _check_upstream(self):
        """What the proxy's clients see is what its server knows: no header zxid beyond, nothing left behind."""
        conn = wire.Conn(self.servers[1])
        for path in (script.outside(self.base), self.base):
            reply = conn.call(wire.OP_EXISTS, wire.exists(path))
            if reply.err == 0:
                raise Difference("end", f"{path} was left on the server behind the proxy")
        conn.close_session()
        if self.sides[1].top_zxid > reply.zxid:
            raise Difference("end", f"header zxid {self.sides[1].top_zxid:#x} was seen, "
                                    f"the server is at {reply.zxid:#x}")

    # ---- steps -----------------------------------------------------------------------------------------

    def execute(self, step):
        getattr(self, "_step_" + step[0])(*step[1:])

    def _up(self, index):
        """Both sides' connection of a client, opened or reattached when it is down."""
        if self.sides[0].client(index).conn is None:
            self._same(index, [side.connect(index) for side in self._with_client(index)])

    def _with_client(self, index):
        for side in self.sides:
            side.client(index)
        return self.sides

    def _same(self, index, outcomes):
        if outcomes[0] != outcomes[1]:
            raise Difference(None, f"connection of client {index}\n  direct:  {outcomes[0]}\n  proxied: {outcomes[1]}")
        return outcomes[0]

    def _step_open(self, index, how):
        if self.sides[0].client(index).conn is None and not self.sides[0].client(index).session:
            self._same(index, [side.connect(index, read_only=how.get("read_only", False),
                                            timeout_ms=how.get("timeout", 40000)) for side in self._with_client(index)])

    def _step_req(self, index, request):
        self._exchange(index, [request])

    def _step_pipe(self, index, requests, piece=None):
        self._exchange(index, requests, piece)

    def _step_first(self, index, requests):
        for side in self._with_client(index):
            side.down(index)
        got = [side.connect_with(index, requests, self.base) for side in self.sides]
        self._same(index, [outcome for outcome, _ in got])
        self._finish_exchange(index, requests, [sent for _, sent in got])

    def _exchange(self, index, requests, piece=None):
        self._up(index)
        self.flush(index)
        self._finish_exchange(index, requests, [s.send(index, requests, self.base, piece=piece) for s in self.sides])

    def _finish_exchange(self, index, requests, sent):
        got = [side.collect(index, s) for side, s in zip(self.sides, sent)]
        self._compare(index, requests, sent, got)
        self._after(index, requests, sent[0], got)

    def _compare(self, index, requests, sent, got, free=False):
        free = free or any(r[0] == "close_session" for r in requests)
        text = compare.streams(got[0], got[1], sent, requests, self.base, free)
        if text is None and got[0] and got[0][-1][0] == "silence":
            text = f"no answer on either side to {requests}"
        if text:
            raise Difference(None, f"client {index}: {text}")

    def _after(self, index, requests, sent, got):
        """Bookkeeping after equal outcomes: who may have events waiting, which connections ended."""
        names = {r[0] for r in requests}
        if names - READS:
            others = set(self.sides[0].clients) - {index}
            self.dirty |= others
            if "close_session" in names:
                self.unordered |= others
        if got[0] and got[0][-1][0] == "eof":
            closed = "close_session" in names
            for side in self.sides:
                side.down(index, forget=closed)
        if self.observe:
            asked = {xid: request for (xid, _op), request in zip(sent, requests)}
            for item in got[0]:
                if item[0] == "reply" and item[1] in asked:
                    self.observe(index, asked[item[1]], item[2], item[3], self.base)

    def _step_par(self, batches):
        clients = sorted(batches)
        for index in clients:
            self._up(index)
            self.flush(index)
        sent = {c: [side.send(c, batches[c], self.base) for side in self.sides] for c in clients}
        got = {c: [side.collect(c, s) for side, s in zip(self.sides, sent[c])] for c in clients}
        events = {}
        for c in clients:
            for side, items in zip(self.sides, got[c]):
                if side.clients[c].conn and side.clients[c].may_watch and items[-1:] != [("eof",)]:
                    events[c] = True
        for c in clients:
            if events.get(c):
                ping = [side.send(c, [self.BARRIER], self.base) for side in self.sides]
                for i, side in enumerate(self.sides):
                    got[c][i] += side.collect(c, ping[i])
            self._compare(c, batches[c], sent[c], got[c], free=True)
            self._after(c, batches[c], sent[c][0], got[c])
        self.dirty -= set(clients)
        self.unordered |= self.dirty

    def flush(self, index):
        """Waits for what other clients' writes may have sent to this one, and compares it."""
        if index not in self.dirty:
            return
        self.dirty.discard(index)
        free = index in self.unordered
        self.unordered.discard(index)
        client = self.sides[0].clients.get(index)
        if client is None or client.conn is None or not client.may_watch:
            return
        sent = [side.send(index, [self.BARRIER], self.base) for side in self.sides]
        got = [side.collect(index, s) for side, s in zip(self.sides, sent)]
        self._compare(index, [self.BARRIER], sent, got, free)

    def _step_bytes(self, index, data):
        self._up(index)
        self.flush(index)
        ends = []
        for side in self.sides:
            side.send_bytes(index, data)
            ends.append(side.read_to_end(index))
            side.down(index)
        self._same(index, ends)

    def _step_lastwords(self, index, requests):
        self._up(index)
        for side in self.sides:
            side.send(index, requests, self.base)
            side.clients[index].conn.sock.shutdown(1)
            end = side.read_to_end(index, {})
            if end[-1] != ("eof",):
                raise Difference(None, f"client {index}, {side.name}: connection stays open after its end")
            side.down(index)
        time.sleep(LAST_WORDS)
        self.dirty |= set(self.sides[0].clients) - {index}

    def _step_reattach(self, index, how):
        if self.sides[0].client(index).conn is None or how not in ("live", "badpasswd", "future"):
            self._reattach_closed(index, how)
            return
        self.flush(index)
        old = [side.clients[index].conn for side in self.sides]
        zxids = [max(s.clients[index].last_zxid, s.clients[index].conn.last_zxid) for s in self.sides]
        if how == "future":
            self._same(index, [s.connect(index, last_zxid=script.MAX_ZXID) for s in self.sides])
            return
        passwd = b"\1" * 16 if how == "badpasswd" else None
        self._same(index, [s.connect(index, passwd=passwd, last_zxid=z) for s, z in zip(self.sides, zxids)])
        for side, conn, zxid in zip(self.sides, old, zxids):
            fresh, side.clients[index].conn = side.clients[index].conn, conn
            end = side.read_to_end(index)
            if end[-1] != ("eof",):
                raise Difference(None, f"client {index}, {side.name}: the older connection stays open")
            conn.close()
            side.clients[index].conn = fresh if fresh is not conn else None
            side.clients[index].last_zxid = zxid

    def _reattach_closed(self, index, how):
        for side in self._with_client(index):
            conn = side.clients[index].conn
            if conn is not None and how == "abort":
                side.clients[index].last_zxid = max(side.clients[index].last_zxid, conn.last_zxid)
                conn.abort()
                side.clients[index].conn = None
            else:
                side.down(index)
        self._up(index)
