"""A pair with real processes, a real ensemble of three and real clients: either of both is killed, frozen, stopped or
upgraded while sessions beat. No acknowledged beat, no session, no ephemeral and no watch is lost, and no version goes back.

How long sessions waited for an answer is printed. For longer than `make check`: PAIR_SESSIONS=2000, PAIR_ROUNDS=10 kills of
each, PAIR_PAUSES=3,10,30 seconds, PAIR_MEMBERS=3; PAIR_UPGRADE=FILE is the daemon of another build, to which members are
taken, and from which they are upgraded; else that is a daemon that speaks the first version of the link.
"""
import os
import re
import time

import group
import rig
import wire
from wire import Conn, four_letter
from workers import Workers

SESSIONS = int(os.environ.get("PAIR_SESSIONS", "40"))
ROUNDS = int(os.environ.get("PAIR_ROUNDS", "1"))
PAUSES = [float(x) for x in os.environ.get("PAIR_PAUSES", "3").split(",")]
MEMBERS = int(os.environ.get("PAIR_MEMBERS", "2"))
EARLIER = os.environ.get("PAIR_UPGRADE")
LIMIT = 12 + SESSIONS / 100        # seconds without an answer that are a failure whatever the machine does meanwhile


class Watcher:
    """A kazoo client with an ephemeral and a watch, outside mounts and below, that goes through all members."""

    def __init__(self, members):
        client = rig.need_module("kazoo.client", "python3-kazoo")
        self.states, self.seen = [], []
        self.client = client.KazooClient(hosts=",".join(m.connect_string for m in members), timeout=12)
        self.client.start(15)
        self.session = self.client.client_id[0]
        self.client.create("/ours", b"", ephemeral=True)
        self.client.DataWatch("/told", self.heard)
        self.client.add_listener(self.states.append)

    def heard(self, data, _stat):
        self.seen.append(data)

    def check(self, text):
        """A write of somebody else arrives; session and ephemeral are the same."""
        rig.eventually(lambda: self.client.connected, 15, "kazoo is connected")
        self.client.retry(self.client.set, "/told", text)
        rig.eventually(lambda: text in self.seen[-1:], 15, f"the watch tells of {text}")
        assert self.client.client_id[0] == self.session and "LOST" not in self.states, self.states
        owner = self.client.retry(self.client.exists, "/ours").ephemeralOwner
        assert owner == self.session, (owner, self.session)


class Pair:
    """What the tests share: servers, members, sessions that beat through all of them."""

    def __init__(self):
        self.ensemble = rig.Ensemble(3, "maxClientCnxns=0").start()
        conn = Conn(self.ensemble.servers[0].addr)
        for path in ("/m", "/aside", "/told"):
            assert conn.call(wire.OP_CREATE, wire.create(path)).err == 0
        conn.close_session()
        servers = ",".join(s.connect_string for s in self.ensemble.servers)
        self.group = group.Group(servers, MEMBERS, config="max-connections-per-address: 0\n").start()
        self.members = self.group.members
        self.workers = Workers([m.addr for m in self.members], SESSIONS, pause=max(0.1, SESSIONS / 1000), aside="/aside").begin()
        self.watcher = Watcher(self.members)
        self.number = 0

    def settle(self, what, since=0.0):
        """All are answered again, nothing is lost; says how long it took. since: they may have waited for so long more."""
        self.workers.beating(60)
        gaps = self.workers.gaps()
        self.number += 1
        text = b"%d" % self.number
        self.watcher.check(text)
        rig.eventually(lambda: self.workers.all_told(text), 30, "every watch has told")
        for member in self.group.alive():
            if member.role() in ("primary", "standby"):
                self.workers.checked(member.addr)
        waited = sum(g > 0.05 for g in gaps)
        print(f"  {what}: {len(gaps)} sessions waited for p25 {gaps[len(gaps) // 4]:.2f}, p50 {gaps[len(gaps) // 2]:.2f}, p99 {gaps[len(gaps) * 99 // 100]:.2f}, "
              f"longest {gaps[-1]:.2f} s, {waited} of them for more than 0.05; "
              f"{sum(s.moves for s in self.workers.sessions)} moves so far, {self.workers.acked} beats")
        assert gaps[-1] < LIMIT + since, f"{gaps[-1]:.2f} s without an answer"


def pair():
    return rig.shared("pair", Pair)


def test_a_beat_through_any_member_is_one_memory():
    p = pair()
    p.settle("nothing happens")
    assert all("TWO PACEKEEPERS" not in m.log() for m in p.members)


def test_each_member_says_what_it_is():
    p = pair()
    primary = p.group.primary()
    for member in p.members:
        role, figures = "primary" if member is primary else "standby", member.figures()
        assert "Mode: proxy" in four_letter(member.addr, "srvr").splitlines()
        assert re.match(rf"Group: {role}\b.*, epoch {figures['pk_group_epoch']}, ", member.group_line()), member.group_line()
        assert figures["pk_group_primary"].endswith(f":{primary.member_port}") and figures["pk_group_reigning"] == 1
        assert figures["pk_group_epoch"] == primary.figures()["pk_group_epoch"]
    figures = primary.figures()
    copies = [figures[f"pk_group_member_{i}"].split() for i in range(MEMBERS - 1)]
    assert sorted(c[0] for c in copies) == sorted(f"127.0.0.1:{m.member_port}" for m in p.group.standbys())
    assert all(c[1:3] == ["listed=1", "link_version=2"] for c in copies), copies
    assert figures["pk_group_copy_wait_p99_us"] > 0
    assert primary.log().count("a snapshot of memory goes to another member") == MEMBERS - 1
    assert all(m.log().count("the copy of the primary's memory is whole") == 1 for m in p.group.standbys())


def killed(what, choose):
    p = pair()
    for _ in range(ROUNDS):
        victim = choose(p)
        p.workers.spread()
        victim.kill()
        p.settle(f"kill -9 of {what}")
        victim.again()
        p.group.whole(60)


def test_the_primary_is_killed():
    killed("the primary", lambda p: p.group.primary())


def test_a_standby_is_killed():
    killed("a standby", lambda p: p.group.standbys()[0])


def link_versions(p):
    """Those of the primary's links."""
    figures = p.group.primary().figures()
    return {int(re.search(r"link_version=(\d+)", text).group(1)) for name, text in figures.items()
            if name.startswith("pk_group_member_")}


def test_all_are_upgraded():
    """To a release of before, and back: the standbys first; the primary hands over."""
    p = pair()
    own, first = p.members[0].argv[0], rig.need(os.environ["PACEKEEPER_LINK1"], "none: `make check` builds it")
    for binary, version in ((EARLIER or first, 1), (own, 2)):
        for victim in p.group.standbys() + [p.group.primary()]:
            role = victim.role()
            p.workers.spread()
            assert victim.stop() == 0
            p.settle(f"SIGTERM of the {role}")
            victim.argv[0] = binary
            victim.again()
            p.group.whole(60)
        assert EARLIER or link_versions(p) == {version}, link_versions(p)


def test_the_primary_stands_still():
    p = pair()
    for pause in PAUSES:
        victim = p.group.primary()
        p.workers.spread()
        victim.process.freeze()
        time.sleep(pause)
        victim.process.thaw()
        p.settle(f"the primary frozen for {pause:.0f} s", pause)
        p.group.whole(60)


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
        test.limit = 60 + SESSIONS // 10 + ROUNDS * (20 + SESSIONS // 50) + int(sum(PAUSES)) + 20 * len(PAUSES)
    rig.main(globals())
