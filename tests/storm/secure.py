"""Clusters that are secured: by their ensemble, with TLS all the way too, and by pacekeeper alone before an open one.

In the first two topologies run with a secret of their own. Requests are tried at the ensemble and at pacekeeper: by nobody,
by one topology on the other's beat, and by a topology on its own. In the others everybody writes heartbeats and Nimbus alone
reads them, as with Storm's own Pacemaker: Nimbus has proved to pacekeeper who he is.
"""
import time

import security
from figures import by_class, rate, stretch
from pulses import measure_restart
from scenario import Scenario, must
from topologies import measure_end
from watch import BEAT_SECONDS
from wire import (ERR, OP_CREATE, OP_DELETE, OP_EXISTS, OP_GET_CHILDREN2, OP_GET_DATA, OP_SET_DATA, create, delete, exists,
                  get_children2, mntr, parse_reply, path_watch, set_data)

SECRETS = security.Secured.SECRETS
SECONDS = 15


def measure_beats(cluster, note):
    """How heartbeats go on; the path of one."""
    time.sleep(4)
    start, end, beaten = stretch(cluster, SECONDS)
    seconds = end.time - start.time
    counts = by_class(start, end)
    note("transactions/s workerbeats", float(rate(counts["workerbeats"], seconds)))
    note("transactions/s in all", float(rate(sum(counts.values()), seconds)))
    note("beats/s", float(rate(beaten, seconds)))
    note("workers that run", len(cluster.workers()))
    return next(p for p in sorted(cluster.beats()) if "/steady-" in p)


def measure_secure(cluster, note):
    mine = measure_beats(cluster, note)
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


def measure_tls(cluster, note):
    measure_secure(cluster, note)
    proxy = next(iter(cluster.proxies.values()))
    note("said of Storm's processes without TLS", int("this is the port for TLS" in proxy.log()))
    measure_restart(cluster, note)


def name(err):
    return "allowed" if err == 0 else next((n for n, value in ERR.items() if value == err), err)


def beat_rules(workers):
    return [must("workers that run", lambda t: t == workers, "all of them"),
            must("beats/s", lambda t: t >= 0.8 * workers / BEAT_SECONDS, "every worker beats")]


def secure_rules(_line):
    denied = [must(f"{who} at {where}", lambda t: t == "NOAUTH", "its ACL") for where in ("the ensemble", "pacekeeper")
              for who in ("nobody reads a beat", "nobody writes a beat", "another topology reads",
                          "another topology writes")]
    return denied + [must("a topology reads its own", lambda t: t == "allowed", "its ACL"),
                     must("transactions/s workerbeats", lambda t: t == 0,
                          "a cached heartbeat of this mount is flushed when somebody asks, not before"),
                     *beat_rules(2)]


def restart_rules():
    return [must("killed pacekeeper: workers restarted", lambda v: v == 0, "no worker is restarted or reassigned"),
            must("killed pacekeeper: daemons ended", lambda v: v == 0, "every client reconnects")]


def tls_rules(line):
    return [*secure_rules(line), *restart_rules(),
            must("said of Storm's processes without TLS", lambda v: v == 0, "everybody speaks it")]


# ---- before an open ensemble ------------------------------------------------------------------------------------

def measure_open(cluster, note):
    mine = measure_beats(cluster, note)
    topology = mine.rsplit("/", 1)[0]
    nobody, other, reader = (cluster.conn(secret=s) for s in (None, "mallory:guess", cluster.security.RIG))
    for who, conn in (("nobody", nobody), ("a wrong password", other)):
        note(f"{who}: reads a beat", name(conn.call(OP_GET_DATA, path_watch(mine)).err))
        note(f"{who}: lists the beats", name(conn.call(OP_GET_CHILDREN2, get_children2(topology)).err))
        note(f"{who}: watches a beat", name(conn.call(OP_EXISTS, exists(mine, True)).err))
        note(f"{who}: asks exists", name(conn.call(OP_EXISTS, exists(mine)).err))
    another = f"{topology}/another-1"
    note("nobody: creates a beat", name(nobody.call(OP_CREATE, create(another, b"x")).err))
    note("nobody: deletes a beat", name(nobody.call(OP_DELETE, delete(another)).err))
    reply = reader.call(OP_GET_DATA, path_watch(mine))
    note("a reader: reads a beat", name(reply.err))
    beat = parse_reply(OP_GET_DATA, reply.body)[0] if reply.err == 0 else b""
    note("nobody: writes a beat", name(nobody.call(OP_SET_DATA, set_data(mine, beat)).err))
    for conn in (nobody, other, reader):
        conn.close_session()
    direct = cluster.conn(direct=True, secret=None)
    note("a beat at the ensemble", name(direct.call(OP_EXISTS, exists(mine)).err))
    direct.close_session()
    measure_nimbus(cluster, note, "")
    measure_restart(cluster, note)
    measure_nimbus(cluster, note, ", after a kill of pacekeeper")
    measure_end(cluster, note)


def measure_nimbus(cluster, note, when):
    """What Nimbus has read, and that he has proved who he is."""
    proxy = next(iter(cluster.proxies.values()))
    page = cluster.ui.topology(cluster.ui.topologies()["steady"]["id"])
    note(f"statistics that Nimbus has{when}", int(page["emitted"] > 0))
    note(f"exchanges of SASL that ended well{when}", mntr(proxy.addr)["pk_sasl_authenticated"])
    note(f"exchanges that were refused{when}", mntr(proxy.addr)["pk_sasl_refused"])


def open_rules(_line):
    denied = [must(f"{who}: {what}", lambda t: t == "NOAUTH", "Nimbus alone reads") for who in ("nobody", "a wrong password")
              for what in ("reads a beat", "lists the beats", "watches a beat")]
    allowed = [must(f"{who}: {what}", lambda t: t == "allowed", "workers have no secret")
               for who, what in (("nobody", "asks exists"), ("nobody", "creates a beat"), ("nobody", "deletes a beat"),
                                 ("nobody", "writes a beat"), ("a wrong password", "asks exists"),
                                 ("a reader", "reads a beat"))]
    nimbus = [rule for when in ("", ", after a kill of pacekeeper") for rule in (
        must(f"statistics that Nimbus has{when}", lambda v: v == 1, "Nimbus reads the beats"),
        must(f"exchanges of SASL that ended well{when}", lambda v: v > 0, "both Nimbuses"),
        must(f"exchanges that were refused{when}", lambda v: v == 0, "nobody else tries"))]
    left = [must(label, lambda v: v == 0, "Nimbus has cleaned up") for label in (
        "znodes left below workerbeats, as Storm sees it", "znodes left below workerbeats in the ensemble",
        "znodes left in pacekeeper")]
    return denied + allowed + nimbus + restart_rules() + left + beat_rules(2) + [
        must("a beat at the ensemble", lambda t: t == "NONODE", "it is in memory alone"),
        must("transactions/s workerbeats", lambda t: t == 0, "no heartbeat reaches the ensemble")]


SECURE = Scenario("secure", "A secured cluster", measure_secure, secure_rules, "through")
ON_DEMAND = [
    Scenario("secure-tls", "A secured cluster, TLS from Storm to us and from us to the ensemble", measure_tls, tls_rules,
             "through"),
    Scenario("open-digest", "An open ensemble, Nimbus proves who he is here, with a password", measure_open, open_rules,
             "through"),
    Scenario("open-kerberos", "An open ensemble, Nimbus proves who he is here, with Kerberos", measure_open, open_rules,
             "through"),
]
SCENARIOS = [SECURE, *ON_DEMAND]
KINDS = {"secure": security.Secured, "secure-tls": security.SecuredTls, "open-digest": security.OpenDigest,
         "open-kerberos": security.OpenKerberos}
