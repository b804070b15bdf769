"""Sessions that race on the same few znodes: some order of their requests must explain every reply.

Happy path: each round three sessions work through a short batch each at the same time; afterwards one of them reads
everything. A search over all interleavings that keep each session's own order must find one in which a tiny model of
ZooKeeper gives exactly the replies that were seen. One standalone server, whose replies are linearizable.

One test has one request of a session on its way, and every reply counts. The other sends a batch in one write; there
only the writes count, since the proxy answers a local read when it leaves, maybe after a later request of the session
took effect. Both below a mount in mode pacemaker and below one in write-behind, where most requests are refreshes.
INTERLEAVE_SECONDS (default 3) of rounds each; INTERLEAVE_SEED; RACES_DIRECT=1 leaves the proxy out.
"""
import itertools
import os
import random
import select
import time

import rig
import wire
import znodes

SECONDS = float(os.environ.get("INTERLEAVE_SECONDS", "3"))
DIRECT = bool(os.environ.get("RACES_DIRECT"))
SESSIONS, BATCH = 3, 5
ROUNDS_LEAST = 100                # however slow the machine is
SHORTEN_SECONDS, TRIES = 40, 60
PATHS = ("", "/a", "/a", "/b", "/a/x", "/a/x", "/a/y")        # below a round's root
READS = {"get", "exists", "watch", "children", "child watch", "count"}
ANY = object()
LEAVES = ("/a", "/b", "/a/x", "/a/y")
WEIGHTS = {"create": 8, "local create": 8, "delete": 6, "set": 9, "get": 6, "exists": 4, "children": 5, "watch": 2,
           "child watch": 1, "ephemeral": 2, "sequence": 2, "container": 1, "set_acl": 1, "multi create": 2,
           "multi set": 2, "count": 2}
REFRESHES = {**WEIGHTS, "set": 30, "get": 10, "exists": 10, "watch": 1, "child watch": 0.5}
MOUNTS = {"/m": WEIGHTS, "/b": REFRESHES}


def random_op(rng, i, weights):
    """(kind, path, data or None, version)"""
    kind = rng.choices(list(weights), list(weights.values()))[0]
    path = rng.choice(PATHS)
    if path == "" and (kind in znodes.CREATES or kind == "delete"):
        path = "/a"
    return (kind, path, b"%d" % i, rng.choice([-1, -1, -1, 0, 1, 2]))


def request(op, root):
    """(opcode, body) of an operation."""
    kind, path, data, version = op
    path = root + path
    sub_create = (wire.OP_CREATE, wire.create(path, data))
    return {
        "create": (wire.OP_CREATE2, wire.create2(path, data)), "local create": sub_create,
        "ephemeral": (wire.OP_CREATE, wire.create(path, data, flags=wire.EPHEMERAL)),
        "sequence": (wire.OP_CREATE, wire.create(path, data, flags=wire.SEQUENCE)),
        "container": (wire.OP_CREATE_CONTAINER, wire.create_container(path, data)),
        "multi create": (wire.OP_MULTI, wire.multi([sub_create])),
        "multi set": (wire.OP_MULTI, wire.multi([(wire.OP_SET_DATA, wire.set_data(path, data, version))])),
        "delete": (wire.OP_DELETE, wire.delete(path, version)),
        "set": (wire.OP_SET_DATA, wire.set_data(path, data, version)),
        "get": (wire.OP_GET_DATA, wire.get_data(path)), "exists": (wire.OP_EXISTS, wire.exists(path)),
        "watch": (wire.OP_EXISTS, wire.exists(path, True)),
        "children": (wire.OP_GET_CHILDREN2, wire.get_children2(path)),
        "child watch": (wire.OP_GET_CHILDREN2, wire.get_children2(path, True)),
        "set_acl": (wire.OP_SET_ACL, wire.set_acl(path)),
        "count": (wire.OP_GET_ALL_CHILDREN_NUMBER, wire.get_all_children_number(path)),
    }[kind]


class Seen:
    """A reply as the model would say it: result is the error or the znode's own half; family is the half that depends
    on its children, (cversion, numChildren, names), with None for what a reply does not show."""

    def __init__(self, result, family=None):
        self.result, self.family = result, family

    def __repr__(self):
        return f"{self.result} {self.family or ''}"

    def own_matches(self, result):
        if not isinstance(self.result, tuple) or not isinstance(result, tuple):
            return self.result in (result, ANY)
        return all(mine in (theirs, None) for mine, theirs in zip(self.result, result))

    def family_matches(self, family):
        return family is not None and all(mine in (theirs, None) for mine, theirs in zip(self.family, family))


def outcome(opcode, reply, root):
    if reply.err:
        return Seen(reply.err)
    value = wire.parse_reply(opcode, reply.body)
    if opcode == wire.OP_MULTI:
        if value[0].err:
            return Seen(value[0].err)
        opcode, value = value[0].type, value[0].value
    if opcode == wire.OP_CREATE:
        return Seen(value[len(root):])
    if opcode in (wire.OP_CREATE2, wire.OP_CREATE_CONTAINER):
        assert value[1].version == value[1].cversion == value[1].numChildren == 0, value
        return Seen(value[0][len(root):])
    if isinstance(value, wire.Stat):
        value = (None, value)
    if not isinstance(value, tuple):
        return Seen(value)
    first, stat = value
    names = tuple(sorted(first)) if opcode == wire.OP_GET_CHILDREN2 else None
    data = first if opcode == wire.OP_GET_DATA else None
    return Seen((stat.version, stat.aversion, data, stat.dataLength), (stat.cversion, stat.numChildren, names))


def explains(batches, seen, state):
    """Whether some interleaving of the batches, from this state on, gives what was seen; the last batch comes last.

    The proxy adds what it holds below a znode of the ensemble when the answer leaves: a Stat's two halves may belong
    to two moments, the children's being the later one. So each answer with a family makes two steps."""
    batches, seen = zip(*[_steps(batch, replies) for batch, replies in zip(batches, seen)])
    failed = set()

    def search(at, state):
        if (at, state) in failed:
            return False
        left = [i for i in range(len(batches) - 1) if at[i] < len(batches[i])] or [len(batches) - 1]
        if at[left[0]] == len(batches[left[0]]):
            return True
        for i in left:
            op, reply, after = batches[i][at[i]], seen[i][at[i]], state
            if op[0] == "family":
                fits = reply.family_matches(znodes.family(dict(state), op[1]))
            else:
                result, after = znodes.apply(dict(state), op, i)
                fits, after = reply.own_matches(result), frozenset(after.items())
            if fits and search(at[:i] + (at[i] + 1,) + at[i + 1:], after):
                return True
        failed.add((at, state))
        return False

    return search((0,) * len(batches), frozenset(state.items()))


def answer(conn, xid, opcode, root):
    """The outcome of the oldest request on its way; events are passed over."""
    while True:
        reply = conn.recv(10.0)
        assert reply is not None, "the connection ended"
        if reply.xid != wire.XID_EVENT:
            assert reply.xid == xid, f"xid {reply.xid} instead of {xid}"
            return outcome(opcode, reply, root)


def _steps(batch, replies):
    ops, seen = [], []
    for op, reply in zip(batch, replies):
        ops.append(op)
        seen.append(reply)
        if reply.family:
            ops.append(("family", op[1]))
            seen.append(reply)
    return ops, seen


def exchange(conns, batches, root):
    """Sends every session its batch at the same moment; the outcomes."""
    requests = [[request(op, root) for op in batch] for batch in batches]
    xids = [[conn.next_xid() for _ in batch] for conn, batch in zip(conns, batches)]
    writes = [b"".join(wire.frame(x, *r) for x, r in zip(xs, rs)) for xs, rs in zip(xids, requests)]
    for conn, data in zip(conns, writes):
        conn.send_raw(data)
    return [[answer(conn, x, r[0], root) for x, r in zip(xs, rs)] for conn, xs, rs in zip(conns, xids, requests)]


def closed_loop(conns, batches, root):
    """The same with one request of each session on its way."""
    seen = [[] for _ in batches]
    waiting = {}

    def send(i):
        if len(seen[i]) < len(batches[i]):
            opcode, body = request(batches[i][len(seen[i])], root)
            waiting[conns[i].sock] = (i, conns[i].next_xid(), opcode)
            conns[i].send(waiting[conns[i].sock][1], opcode, body)

    for i in range(len(batches)):
        send(i)
    while waiting:
        for sock in select.select(list(waiting), [], [], 10.0)[0]:
            i, xid, opcode = waiting.pop(sock)
            seen[i].append(answer(conns[i], xid, opcode, root))
            send(i)
    return seen


def random_round(rng, weights):
    """(upstream, operations of one session before, a batch for each session)"""
    before = [random_op(rng, 1000 + i, weights) for i in range(rng.choice([0, 0, 3, 6]))]
    batches = [[random_op(rng, 10 * c + i, weights) for i in range(rng.randrange(1, BATCH + 1))]
               for c in range(SESSIONS)]
    return (rng.random() < 0.4, before, batches)


def play(conns, plan, root, run):
    """None, or what no order explains. run: exchange or closed_loop."""
    upstream, before, batches = plan
    conns[0].call(wire.OP_CREATE, wire.create(root))
    if upstream:                                      # the root is the ensemble's, and unwatched
        conns[0].call(wire.OP_EXISTS, wire.exists(root, True))
        conns[0].call(wire.OP_REMOVE_WATCHES, wire.remove_watches(root, 3))
    last = [("children", p, None, -1) for p in ("", "/a", "/b", "/a/x")] + [("get", p, None, -1) for p in LEAVES]
    state = {"": (b"", 0, 0, 0, False)}
    for op in before:
        seen = exchange(conns[:1], [[op]], root)[0][0]
        result, state = znodes.apply(state, op, 0)
        if not seen.own_matches(result) or (seen.family and not seen.family_matches(znodes.family(state, op[1]))):
            return f"alone, {op} gave {seen} instead of {result}"
    seen = run(conns, batches, root)
    if run is exchange:
        seen = [[Seen(ANY if op[0] in READS else reply.result) for op, reply in zip(b, replies)]
                for b, replies in zip(batches, seen)]
    seen += exchange(conns[:1], [last], root)
    if explains(batches + [last], seen, state):
        return None
    lines = [f"{root} is {'upstream' if upstream else 'local'}, before: {before}"]
    for batch, replies in zip(batches + [last], seen):
        lines += ["  session:"] + [f"    {op!s:45} {r}" for op, r in zip(batch, replies)]
    return "no order explains these replies\n" + "\n".join(lines)


def shorter(plan):
    """Every plan with one operation less."""
    upstream, before, batches = plan
    for i in range(len(before)):
        yield (upstream, before[:i] + before[i + 1:], batches)
    for c, batch in enumerate(batches):
        for i in range(len(batch)):
            yield (upstream, before, batches[:c] + [batch[:i] + batch[i + 1:]] + batches[c + 1:])


def shorten(conns, plan, problem, roots, run):
    """Leaves out one operation after the other while the rest still fails in one of TRIES rounds."""
    end = time.monotonic() + SHORTEN_SECONDS
    again = True
    while again:
        again = False
        for candidate in shorter(plan):
            for _ in range(TRIES):
                if time.monotonic() > end:
                    return problem
                found = play(conns, candidate, next(roots), run)
                if found:
                    plan, problem, again = candidate, found, True
                    break
            if again:
                break
    return problem


def _addr():
    server = rig.ZooKeeper(jvm=["-Dzookeeper.extendedTypesEnabled=true"]).start()
    conn = wire.Conn(server.addr)
    for mount in MOUNTS:
        assert conn.call(wire.OP_CREATE, wire.create(mount)).err == 0
    conn.close_session()
    return server.addr if DIRECT else rig.Pacekeeper(
        server.connect_string, mounts=["/m=pacemaker", "/b=write-behind,flush=100ms"]).start().addr


def rounds_of(run, name, mount):
    addr = rig.shared("addr", _addr)
    seed = int(os.environ.get("INTERLEAVE_SEED", "1"))
    rng = random.Random(seed)
    roots = (f"{mount}/{name}{i}" for i in itertools.count(1))
    end = time.monotonic() + SECONDS
    rounds = 0
    while time.monotonic() < end or rounds < ROUNDS_LEAST:
        conns = [wire.Conn(addr) for _ in range(SESSIONS)]
        for _ in range(50):
            rounds += 1
            plan = random_round(rng, MOUNTS[mount])
            problem = play(conns, plan, next(roots), run)
            if problem:
                raise AssertionError(f"round {rounds}, seed {seed}: {shorten(conns, plan, problem, roots, run)}")
        for conn in conns:
            conn.close_session()
    print(f"  {rounds} rounds, seed {seed}")


def test_every_reply_one_at_a_time():
    rounds_of(closed_loop, "i", "/m")


def test_every_write_pipelined():
    rounds_of(exchange, "p", "/m")


def test_every_reply_in_write_behind():
    rounds_of(closed_loop, "i", "/b")


def test_every_write_pipelined_in_write_behind():
    rounds_of(exchange, "p", "/b")


if __name__ == "__main__":
    rig.main(globals(), limit=int(SECONDS * 2 + SHORTEN_SECONDS) + 60)
