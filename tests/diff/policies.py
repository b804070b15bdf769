"""Policies of mounts beside a ZooKeeper whose znodes carry the same ACL.

Happy path: a real ZooKeeper and a pacekeeper with a mount for each mode and policy are asked the same, at random, by clients
of every kind. On the direct side each create has the ACL that the policy says, on the other it has the open one. Who may do
what he asks for is answered the same, and so is who may not (NOAUTH); the documented exceptions are that what is not there
is refused all the same, and what guards exists and check (pacekeeper(8), WHO MAY READ AND WRITE). By hand:
tests/run tests/diff/policies.py with POLICY_ROUNDS=5000, POLICY_SEED=7.
"""
import base64
import hashlib
import os
import random

import rig
import wire
from wire import ADMIN, CREATE, DELETE, OPEN, READ, WRITE, Conn

NOAUTH = wire.ERR["NOAUTH"]
ROUNDS = int(os.environ.get("POLICY_ROUNDS", 250))
SEED = int(os.environ.get("POLICY_SEED", 1))
USERS = {"nobody": (), "reader": (b"r:r",), "writer": (b"w:w",), "both": (b"r:r", b"w:w")}
WRITES = WRITE | CREATE | DELETE


def identity(credentials):
    user = credentials.split(b":")[0]
    return user.decode() + ":" + base64.b64encode(hashlib.sha1(credentials).digest()).decode()


R, W, ANYONE = ("digest", identity(b"r:r")), ("digest", identity(b"w:w")), ("world", "anyone")
POLICIES = {"pacemaker": ([R], [ANYONE]), "closed": ([R], [W]), "shown": ([ANYONE], [W]), "own": ([R], [R])}
MODES = ("pacemaker", "write-behind", "relay")


def acl_of(readers, writers):
    """What an ACL of ZooKeeper says of the same; who may do both may hand out rights."""
    perms = {}
    for who in readers + writers:
        may = (READ if who in readers else 0) | (WRITES if who in writers else 0)
        both = (who in readers or ANYONE in readers) and (who in writers or ANYONE in writers)
        perms[who] = may | (ADMIN if both else 0)
    return [(perm, *who) for who, perm in perms.items()]


def may(user, policy, perms):
    mine = {ANYONE} | {("digest", identity(c)) for c in USERS[user]}
    return any(perm & perms and (scheme, id) in mine for perm, scheme, id in acl_of(*POLICIES[policy]))


# ---- requests ---------------------------------------------------------------------------------------------------

def paths(base):
    return [base] + [f"{base}/{a}" for a in "ab"] + [f"{base}/{a}/{b}" for a in "ab" for b in "xy"]


def simple(rng, base, acl):
    """(opcode, body, what it needs); exists and check need anything at all."""
    path, version = rng.choice(paths(base)), rng.choice([-1, -1, -1, 0, 1])
    new = rng.choice(paths(base)[1:])
    return rng.choice([
        (wire.OP_CREATE, wire.create(new, b"c", acl), CREATE), (wire.OP_CREATE, wire.create(new, b"c", acl), CREATE),
        (wire.OP_CREATE, wire.create(new, b"c", acl), CREATE), (wire.OP_CREATE2, wire.create(new, b"d", acl), CREATE),
        (wire.OP_DELETE, wire.delete(new, version), DELETE), (wire.OP_SET_DATA, wire.set_data(new, b"s", version), WRITE),
        (wire.OP_SET_DATA, wire.set_data(new, rng.randbytes(9), -1), WRITE),
        (wire.OP_CREATE, wire.create(f"{path}/s-", b"", acl, wire.SEQUENCE), CREATE)])


def any_request(rng, base, acl):
    path = rng.choice(paths(base))
    dice = rng.random()
    if dice < 0.5:
        return simple(rng, base, acl)
    if dice < 0.6:
        parts = [simple(rng, base, acl) for _ in range(rng.choice([1, 2, 4]))]
        return wire.OP_MULTI, wire.multi([part[:2] for part in parts]), [part[2] for part in parts]
    return rng.choice([
        (wire.OP_EXISTS, wire.exists(path), READ | WRITE), (wire.OP_GET_DATA, wire.get_data(path), READ),
        (wire.OP_GET_DATA, wire.get_data(path, True), READ), (wire.OP_GET_CHILDREN, wire.get_children(path), READ),
        (wire.OP_GET_CHILDREN2, wire.get_children2(path), READ), (wire.OP_GET_ACL, wire.get_acl(path), READ),
        (wire.OP_GET_ALL_CHILDREN_NUMBER, wire.get_all_children_number(path), READ)])


def plain(value):
    """Without what no two servers have in common: zxids and times, and the order of names."""
    if isinstance(value, wire.Stat):
        return (value.version, value.cversion, value.aversion, value.dataLength, value.numChildren)
    if isinstance(value, (list, tuple)):
        parts = [plain(v) for v in value]
        return sorted(parts, key=repr) if all(isinstance(p, str) for p in parts) else parts
    return value


class Client:
    """One identity, on both sides."""

    def __init__(self, direct, proxied, user):
        self.conns = [Conn(addr, 30000) for addr in (direct, proxied)]
        for conn in self.conns:
            for credentials in USERS[user]:
                assert conn.call(wire.OP_AUTH, wire.auth("digest", credentials)).err == 0

    def ask(self, op, bodies):
        got = []
        for conn, body in zip(self.conns, bodies):
            reply = conn.call(op, body, timeout=15)
            got.append((reply.err, plain(wire.parse_reply(op, reply.body)) if reply.body else None))
            conn.events.clear()
        return got

    def close(self):
        for conn in self.conns:
            conn.close_session()


def refused(op, got):
    """Whether an answer says that it was; a multi by the error of an operation."""
    err, value = got
    return err == NOAUTH or op == wire.OP_MULTI and any(part[1] == NOAUTH for part in value or ())


def changed_nothing(op, got):
    err, value = got
    return err != 0 or op == wire.OP_MULTI and any(part[1] for part in value)


def check(user, policy, op, needs, direct, proxied):
    """None, or what is wrong."""
    allowed = all(may(user, policy, need) for need in (needs if op == wire.OP_MULTI else [needs]))
    if allowed and op == wire.OP_GET_ACL:
        return None if direct[0] == proxied[0] else "getACL"
    if allowed:
        return None if direct == proxied else "allowed, and answered otherwise"
    if not refused(op, proxied):
        return "not refused"
    if op != wire.OP_EXISTS and not changed_nothing(op, direct):
        return "refused, and a server would not"
    return None


def episode(seed, direct, proxied, mode, policy):
    """Returns how many requests were made, and how many of them were refused."""
    rng = random.Random(f"{seed} {mode} {policy}")
    base, acl = mount(mode, policy), acl_of(*POLICIES[policy])
    clients = {user: Client(direct, proxied, user) for user in USERS}
    denied = 0
    for at in range(ROUNDS):
        user = rng.choice(list(USERS))
        state = rng.getstate()
        op, body, needs = any_request(rng, base, acl)
        rng.setstate(state)
        _, open_body, _ = any_request(rng, base, OPEN)
        got = clients[user].ask(op, (body, open_body))
        wrong = check(user, policy, op, needs, *got)
        assert wrong is None, (f"seed {seed}, {mode}, {policy}, request {at}: {user} asks {wire.OP_NAMES[op]} {body}: {wrong}\n"
                               f"  direct:  {got[0]}\n  proxied: {got[1]}")
        denied += refused(op, got[1])
    for client in clients.values():
        client.close()
    return ROUNDS, denied


def mount(mode, policy):
    return f"/{mode}-{policy}"


def text():
    """The configuration with all mounts."""
    lines = []
    for mode in MODES:
        for policy, lists in POLICIES.items():
            readers, writers = ([":".join(who) for who in who_list] for who_list in lists)
            lines.append(f"  - {{path: {mount(mode, policy)}, mode: {mode}, readers: {readers}, writers: {writers}}}\n")
    return "instances: none\nmounts:\n" + "".join(lines)


def servers():
    """The direct one has the ACLs, the one behind pacekeeper is open."""
    def make():
        every = [(mode, policy) for mode in MODES for policy in POLICIES]
        other = rig.zookeeper_with(*(mount(*which) for which in every))
        one = rig.zookeeper_with(*(mount(*which) for which in every))
        for server, acl in ((one, lambda policy: acl_of(*POLICIES[policy])), (other, lambda policy: OPEN)):
            conn = Conn(server.addr)
            for mode, policy in every:
                assert conn.call(wire.OP_SET_ACL, wire.set_acl(mount(mode, policy), acl(policy))).err == 0
            conn.close_session()
        return one, rig.Pacekeeper(other.connect_string, mounts=(), config=text()).start()
    return rig.shared("servers", make)


def test_answers_are_those_of_a_server_with_the_same_acl():
    one, proxy = servers()
    for mode in MODES:
        for policy in POLICIES:
            asked, denied = episode(SEED, one.addr, proxy.addr, mode, policy)
            assert 0.1 * asked < denied < 0.7 * asked, (mode, policy, denied)
    figures = proxy.mntr()
    assert figures["pk_local_creates"] > 20 and figures["pk_requests_denied"] > 100, figures


if __name__ == "__main__":
    rig.main(globals())
