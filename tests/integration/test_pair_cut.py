"""A pair whose network fails: between the two members, and between the primary and the ensemble, by resets and by silence.
Relays are on every way. Nothing that was acknowledged is lost, nobody is served by a standby that is alone, and it says so.
"""
import re
import socket

import group
import rig
import wire
from adminside import Admin
from names import Names
from relay import Relay
from wire import Conn, four_letter
from workers import Workers

SESSIONS = 20


class Cut:
    """Servers, two members, and relays: ways[i] from member i to each server, links[i] from the others to member i."""

    def __init__(self):
        self.ensemble = rig.Ensemble(3, "maxClientCnxns=0").start()
        conn = Conn(self.ensemble.servers[0].addr)
        for path in ("/m", "/aside", "/aside/m", "/told", "/outlast", "/aside/outlast"):
            assert conn.call(wire.OP_CREATE, wire.create(path)).err == 0
        conn.close_session()
        self.ways = [[Relay(s.addr).start() for s in self.ensemble.servers] for _ in range(2)]
        secret, self.links, members = group.secret_file(), [], []
        for i, ways in enumerate(self.ways):
            names = Names(**{f"member{k}": "127.0.0.1" if k == i else f"127.0.1.{k + 1}" for k in range(2)})
            member = group.Member(",".join(w.connect_string for w in ways), secret, host=f"member{i}", env=names.env,
                                  mounts=("/m=pacemaker", "/outlast=pacemaker"), args=("--admin", "127.0.0.1:0"))
            self.links.append(Relay(member.member_addr, listen=(f"127.0.1.{i + 1}", member.member_port)).start())
            members.append(member)
        self.group = group.Group(None, members=members).start()
        self.members = members
        self.workers = self.sessions("/m", 6000)        # a standby that is alone holds its clients for two thirds of this

    def sessions(self, folder, timeout_ms):
        return Workers([m.addr for m in self.members], SESSIONS, folder, timeout_ms=timeout_ms, aside=f"/aside{folder}").begin()

    def link_to(self, member):
        return self.links[self.members.index(member)]

    def settle(self, what):
        self.workers.beating(60)
        gaps = self.workers.gaps()
        print(f"  {what}: {len(gaps)} sessions waited for p50 {gaps[len(gaps) // 2]:.2f}, longest {gaps[-1]:.2f} s")
        self.workers.checked(self.group.primary().addr)


def cut():
    return rig.shared("cut", Cut)


def refused(member):
    """A new client of the member gets no session."""
    try:
        Conn(member.addr, 10000, connect=False).handshake(timeout=4)
    except (wire.Closed, ConnectionError, socket.timeout):
        return True
    return False


def alone(how, fail):
    c = cut()
    primary, standby = c.group.primary(), c.group.standbys()[0]
    epoch = primary.figures()["pk_group_epoch"]
    c.workers.spread()
    said = standby.log().count("no link to the primary")
    fail(c.link_to(primary))
    rig.eventually(lambda: primary.figures()["pk_group_copies"] == 0, 15, "the copy is taken off the list")
    c.settle(how)
    assert all(s.at % 2 == c.members.index(primary) for s in c.workers.sessions), "all are at the primary"
    rig.eventually(lambda: "NOBODY IS SERVED" in standby.group_line(), 10, "srvr says that nobody is served")
    assert refused(standby)
    assert Admin(standby).get("/ready") == (503, "no primary of its group is reached\n")
    assert Admin(standby).value("pacekeeper_group_role", role="standby") == 1
    assert Admin(standby).value("pacekeeper_group_refused_seconds") > 0 and Admin(primary).get("/ready")[0] == 200
    assert standby.log().count("no link to the primary") == said + 1, "one line"
    assert standby.role() == "standby" and primary.figures()["pk_group_epoch"] == epoch
    c.link_to(primary).allow()
    c.group.whole()
    c.workers.spread()
    c.settle("and joined again")
    c.workers.checked(standby.addr)


def test_a_link_that_is_reset():
    """Nobody waits: the kernel says it at once."""
    alone("members cut from each other by resets", lambda link: link.cut(refuse=True))


def test_a_link_that_is_silent():
    """What is copied waits until the copy is taken off the list."""
    alone("members cut from each other, silently", lambda link: link.stall())


def test_the_primary_is_cut_off_from_the_ensemble():
    """It cannot prove its reign any more, and another one takes over when its session has ended."""
    c = cut()
    victim = c.group.primary()
    c.workers.stop()
    c.workers = c.sessions("/outlast", 20000)
    ways = c.ways[c.members.index(victim)]
    for way in ways:
        way.cut(refuse=True)
    rig.eventually(lambda: [m for m in c.members if m is not victim and m.role() == "primary"], 25, "another primary")
    for way in ways:
        way.allow()
    c.settle("the primary cut off from the ensemble")
    c.group.whole()
    assert len(re.findall(r"primary no more \(its epoch", victim.log())) == 1


def test_the_end():
    c = cut()
    c.workers.stop()
    c.workers.checked(c.group.primary().addr)
    for member in c.group.standbys() + [c.group.primary()]:
        assert member.stop() == 0, member.log()[-2000:]


if __name__ == "__main__":
    for test in [value for name, value in globals().items() if name.startswith("test_")]:
        test.limit = 180
    rig.main(globals())
