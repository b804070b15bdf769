"""A pair with real processes, a real ensemble of three and real clients: either of both is killed, frozen, stopped or cut
off while sessions beat. No acknowledged beat, no session, no ephemeral and no watch is lost, and no version goes back.

How long sessions were without an answer is printed. PAIR_SESSIONS=200, PAIR_ROUNDS=10 and PAIR_PAUSE=30 make it longer,
PAIR_MEMBERS=3 wider.
"""
import os
import time

import group
import rig
import wire
from relay import Relay
from wire import Conn
from workers import Workers

SESSIONS = int(os.environ.get("PAIR_SESSIONS", "40"))
ROUNDS = int(os.environ.get("PAIR_ROUNDS", "1"))
PAUSE = float(os.environ.get("PAIR_PAUSE", "3"))
MEMBERS = int(os.environ.get("PAIR_MEMBERS", "2"))


class Watcher:
    """A kazoo client with an ephemeral and a watch, outside mounts and below, that goes through all members."""

    def __init__(self, members):
        client = rig.need_module("kazoo.client", "python3-kazoo")
        self.states, self.seen = [], []
        self.client = client.KazooClient(hosts=",".join(m.connect_string for m in members), timeout=12)
        self.client.start(15)
        self.session = self.client.client_id[0]
        self.client.create("/ours", b"", ephemeral=True)
        self.client.ensure_path("/told")
        self.client.DataWatch("/told", self.heard)
        self.client.add_listener(self.states.append)

    def heard(self, data, _stat):
        self.seen.append(data)

    def check(self, number):
        """A write of somebody else arrives; session and ephemeral are the same."""
        text = b"%d" % number
        rig.eventually(lambda: self.client.connected, 15, "kazoo is connected")
        self.client.retry(self.client.set, "/told", text)
        rig.eventually(lambda: text in self.seen[-1:], 15, f"the watch tells of {text}")
        assert self.client.client_id[0] == self.session and "LOST" not in self.states, self.states
        owner = self.client.retry(self.client.exists, "/ours").ephemeralOwner
        assert owner == self.session, (owner, self.session)


class Pair:
    """What the tests share: servers behind relays, members, sessions that beat through all of them."""

    def __init__(self):
        self.ensemble = rig.Ensemble(3, "maxClientCnxns=0").start()
        conn = Conn(self.ensemble.servers[0].addr)
        assert conn.call(wire.OP_CREATE, wire.create("/m")).err == 0
        conn.close_session()
        secret = group.secret_file()
        self.ways = [[Relay(s.addr).start() for s in self.ensemble.servers] for _ in range(MEMBERS)]
        self.group = group.Group.__new__(group.Group)
        self.group.members = [group.Member(",".join(w.connect_string for w in ways), secret) for ways in self.ways]
        self.group.start()
        self.members = self.group.members
        self.workers = Workers([m.addr for m in self.members], SESSIONS, pause=max(0.1, SESSIONS / 500)).begin()
        self.watcher = Watcher(self.members)
        self.number = 0
        self.workers.beating()

    def ways_of(self, member):
        return self.ways[self.members.index(member)]

    def again(self, member):
        """The same address, another process."""
        member.argv[member.argv.index("--listen") + 1] = f"127.0.0.1:{member.port}"
        member.start()

    def settle(self, what, since):
        """All are answered again, nothing is lost; says how long it took."""
        self.workers.beating()
        gaps = self.workers.gaps()
        self.number += 1
        self.watcher.check(self.number)
        for member in self.group.alive():
            if member.role() in ("primary", "standby"):
                self.workers.checked(member.addr)
        print(f"{what}: {len(gaps)} sessions without an answer for p50 {gaps[len(gaps) // 2]:.2f}, longest {gaps[-1]:.2f} s; "
              f"{sum(s.moves for s in self.workers.sessions)} moves so far, {self.workers.acked} beats")
        assert gaps[-1] < since, f"{gaps[-1]:.2f} s without an answer"


def pair():
    return rig.shared("pair", Pair)


def test_a_beat_through_any_member_is_one_memory():
    p = pair()
    p.settle("start", 15)
    assert all("TWO PACEKEEPERS" not in m.log() for m in p.members)
    assert sorted(m.group_line().split()[1].strip(",") for m in p.members) == ["primary"] + ["standby"] * (MEMBERS - 1)


def kills(what, choose):
    p = pair()
    for _ in range(ROUNDS):
        victim = choose(p.group)
        p.workers.spread()
        victim.kill()
        p.settle(f"kill -9 of {what}", 12)
        p.again(victim)
        p.group.whole()


def test_the_primary_is_killed():
    kills("the primary", lambda members: members.primary())


def test_a_standby_is_killed():
    kills("a standby", lambda members: members.standbys()[0])


def test_the_primary_hands_over():
    p = pair()
    victim = p.group.primary()
    p.workers.spread()
    assert victim.stop() == 0
    p.settle("SIGTERM of the primary", 12)
    p.again(victim)
    p.group.whole()


def test_the_primary_stands_still():
    p = pair()
    victim = p.group.primary()
    p.workers.spread()
    victim.process.freeze()
    time.sleep(PAUSE)
    victim.process.thaw()
    p.settle(f"the primary frozen for {PAUSE:.0f} s", PAUSE + 12)
    p.group.whole()


def test_the_primary_is_cut_off_from_the_ensemble():
    """It cannot prove its reign any more, and another one takes over when its session has ended."""
    p = pair()
    victim = p.group.primary()
    p.workers.spread()
    for way in p.ways_of(victim):
        way.cut(refuse=True)
    rig.eventually(lambda: [m for m in p.members if m is not victim and m.role() == "primary"], 25, "another primary")
    for way in p.ways_of(victim):
        way.allow()
    p.settle("the primary cut off from the ensemble", 25)
    p.group.whole()


def test_the_end():
    """Memory is what was acknowledged; every member ends well."""
    p = pair()
    p.workers.stop()
    p.workers.checked(p.group.primary().addr)
    p.watcher.client.stop()
    for member in p.group.standbys() + [p.group.primary()]:
        assert member.stop() == 0, member.log()[-2000:]


if __name__ == "__main__":
    for test in [value for name, value in globals().items() if name.startswith("test_")]:
        test.limit = 60 + SESSIONS // 10 + int(ROUNDS * (20 + PAUSE))
    rig.main(globals())
