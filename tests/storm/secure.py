"""A secured cluster: daemons by SASL, workers by digest, ACLs as Storm sets them.

Two topologies run, each with a secret of its own. Requests are tried at the ensemble and at pacekeeper: by nobody, by
one topology on the other's beat, and by a topology on its own.
"""
import time

from figures import by_class, rate, stretch
from scenario import Scenario, must
from wire import ERR, OP_GET_DATA, OP_SET_DATA, path_watch, set_data

SECRETS = {"steady": "steady:first-secret", "slow": "slow:second-secret"}
SECONDS = 15


def measure_secure(cluster, note):
    time.sleep(4)
    start, end, beaten = stretch(cluster, SECONDS)
    seconds = end.time - start.time
    counts = by_class(start, end)
    note("transactions/s workerbeats", float(rate(counts["workerbeats"], seconds)))
    note("transactions/s in all", float(rate(sum(counts.values()), seconds)))
    note("beats/s", float(rate(beaten, seconds)))
    note("workers that run", len(cluster.workers()))
    mine = next(p for p in sorted(cluster.beats()) if "/steady-" in p)
    owner = cluster.conn(secret=SECRETS["steady"])
    for direct, where in ((True, "the ensemble"), (False, "pacekeeper")):
        nobody, other = cluster.conn(direct, secret=None), cluster.conn(direct, secret=SECRETS["slow"])
        note(f"nobody reads a beat at {where}", name(nobody.call(OP_GET_DATA, path_watch(mine)).err))
        note(f"nobody writes a beat at {where}", name(nobody.call(OP_SET_DATA, set_data(mine, b"x")).err))
        note(f"another topology reads at {where}", name(other.call(OP_GET_DATA, path_watch(mine)).err))
        note(f"another topology writes at {where}", name(other.call(OP_SET_DATA, set_data(mine, b"x")).err))
        nobody.close_session()
        other.close_session()
    note("a topology reads its own", name(owner.call(OP_GET_DATA, path_watch(mine)).err))
    owner.close_session()


def name(err):
    return "allowed" if err == 0 else next((n for n, value in ERR.items() if value == err), err)


def secure_rules(_line):
    denied = [must(f"{who} at {where}", lambda t: t == "NOAUTH", "its ACL") for where in ("the ensemble", "pacekeeper")
              for who in ("nobody reads a beat", "nobody writes a beat", "another topology reads",
                          "another topology writes")]
    return denied + [must("a topology reads its own", lambda t: t == "allowed", "its ACL"),
                     must("workers that run", lambda t: t == 2, "all of them"),
                     must("transactions/s workerbeats", lambda t: t == 0,
                          "a cached heartbeat of this mount is flushed when somebody asks, not before"),
                     must("beats/s", lambda t: t >= 0.8 * 2 / 3, "two workers, every 3 s")]


SECURE = Scenario("secure", "A secured cluster", measure_secure, secure_rules, "through")
