"""Scenarios of the ensemble: one server killed, the leader killed, all of them frozen, all of them restarted.

Through pacekeeper nothing dies, and Nimbus keeps its lead, in what is shorter than clients are held (13 s of Storm's 20). In
what is longer, what dies directly may die through pacekeeper; nothing else may. There one thing is chance, inside ZooKeeper
and alike on both ways: servers that were frozen for longer than a session either expire it when they wake, or lose their
leader first, and a new leader gives every session its whole time again; and now and then some of them do not serve again by
themselves. Where a supervisor's session was expired, Storm starts all of its workers anew, and daemons whose retries run
out meanwhile end: both are counted, and a column that had bad luck is not held against the other.
"""
import time

import txnlog
from figures import transactions
from scenario import Scenario, must, no_more
from watch import Episode
from wire import Conn

SERVER_GONE = 4
SERVERS_BACK = 20                # seconds: several elections
HELD = 13                        # seconds that a client is held, two thirds of Storm's sessions
FREEZES = (5, 10, 30)            # the last one is longer than a session
KILLED = ("a follower killed", "the leader killed", "all restarted within 2 s")


def fault(cluster, note, name, harm, stable=3.0):
    """Does harm() and notes what came of it."""
    with Episode(cluster) as e:
        zxid, leader = cluster.last_zxid(), cluster.leading_host()
        started = time.monotonic()
        harm(e)
        stuck = heal(e)
        note(f"{name}: all servers serve after, s", round(time.monotonic() - started, 1))
        e.settle(stable=stable)
        if e.strays:
            note(f"{name}: workers that Storm had forgotten", len(e.strays))
        if stuck:
            note(f"{name}: servers of ZooKeeper that had to be restarted", stuck)
        expired = [t for t in transactions(cluster, zxid) if t.type == txnlog.CLOSE_SESSION and
                   any(p.startswith("/storm/supervisors/") for p in t.paths)]
        note(f"{name}: sessions of supervisors expired", len(expired))
        note(f"{name}: Nimbus", "kept its lead" if cluster.leading_host() == leader else "passed its lead on")
        note(f"{name}: workers restarted", len(e.restarted))
        note(f"{name}: daemons ended", len(e.exited))
        note(f"{name}: whole again after, s", round(e.recovery, 1))
        note(f"{name}: longest gap in a beat, s", round(e.watch.gap, 1))


def serves(server):
    """Whether it takes a session: `srvr` still shows the mode of a server whose threads have died."""
    try:
        conn = Conn(server.addr, 10000)
        conn.close_session()
        conn.sock.close()
        return True
    except (OSError, ValueError):
        return False


def heal(e):
    """Restarts servers that do not serve again by themselves: ZooKeeper 3.8 sometimes does not come back from a freeze,
    and then nobody's cluster would. Returns how many."""
    servers = e.cluster.ensemble.servers
    end = time.monotonic() + SERVERS_BACK
    while time.monotonic() < end:
        if all(serves(server) for server in servers):
            return 0
        e.hold(0.5)
    stuck = [server for server in servers if not serves(server)]
    for server in stuck:
        server.restart()
    return len(stuck)


def kill_server(choose):
    def harm(e):
        server = choose(e.cluster.ensemble)
        server.kill()
        e.hold(SERVER_GONE)
        server.launch().wait_ready()
    return harm


def freeze(seconds):
    def harm(e):
        for server in e.cluster.ensemble.servers:
            server.freeze()
        e.hold(seconds)
        for server in e.cluster.ensemble.servers:
            server.thaw()
    return harm


def restart_all(e):
    for server in e.cluster.ensemble.servers:
        server.kill()
    time.sleep(2)
    for server in e.cluster.ensemble.servers:
        server.launch()
    for server in e.cluster.ensemble.servers:
        server.wait_ready()


def measure_servers(cluster, note):
    follower, leader, all_of_them = KILLED
    fault(cluster, note, follower, kill_server(lambda ensemble: ensemble.followers()[0]))
    fault(cluster, note, leader, kill_server(lambda ensemble: ensemble.leader()))
    fault(cluster, note, all_of_them, restart_all)


def measure_freezes(cluster, note):
    for seconds in FREEZES:
        fault(cluster, note, f"frozen {seconds} s", freeze(seconds), stable=12 if seconds > 20 else 3)


def late(name):
    """The excuse: a busy machine has brought the servers back after clients were given up."""
    return lambda notes: notes[f"{name}: all servers serve after, s"] > HELD


def held_rules(name, excuse=None):
    """Of a fault that is over before a client is given up."""
    return [must(f"{name}: {what}", test, "clients are held", excuse) for what, test in (
        ("workers restarted", lambda v: v == 0), ("daemons ended", lambda v: v == 0),
        ("Nimbus", lambda v: v == "kept its lead"))]


def expiry(name):
    """The excuse: frozen for longer than a session, and the ensemble has expired it, or has not come back by itself."""
    return lambda notes: (notes[f"{name}: sessions of supervisors expired"] > 0 or
                          notes.get(f"{name}: servers of ZooKeeper that had to be restarted", 0) > 0)


def never_more(name, excuse=None):
    return [no_more(f"{name}: workers restarted", excuse=excuse), no_more(f"{name}: daemons ended", excuse=excuse),
            no_more(f"{name}: whole again after, s", 30, "as directly, but for a round of reconnecting", excuse=excuse)]


def server_rules(_line):
    excuses = {KILLED[-1]: late(KILLED[-1])}
    return [rule for name in KILLED for rule in (*held_rules(name, excuses.get(name)), *never_more(name))]


def freeze_rules(_line):
    *short, long = [f"frozen {s} s" for s in FREEZES]
    return [rule for name in short for rule in (*held_rules(name, late(name)), *never_more(name))] + \
        never_more(long, expiry(long))


SERVERS = Scenario("servers", "Servers of ZooKeeper killed", measure_servers, server_rules, "both")
FREEZE = Scenario("freeze", "The ensemble frozen", measure_freezes, freeze_rules, "both")
