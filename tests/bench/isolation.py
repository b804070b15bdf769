"""Section of `make bench`: what one client, or one server, at its worst costs all others, by the fault that once was found.

Happy path: for each build an ensemble of three and a daemon before it, and the measures of tests/lib/patience.py one after the
other; with --against the other build's column stands beside ours. Failure modes: what a build does not outlive (its client's
session is lost, an answer never comes) is said in its place.
"""
import patience
import rig
import wire
from patience import Times
from runner import CROWD
from table import Table

MS = 1000


def _text(times, problem):
    """p99 and worst of what was measured, and what ended it."""
    figures = f"{times.p99() * MS:.1f} / {max(times.seconds) * MS:.0f} ms" if times.seconds else ""
    return " ".join(filter(None, [figures, problem]))


def _tried(measure, *times):
    """The texts of what a measure filled, whatever became of it."""
    problem = None
    try:
        measure(*times)
    except patience.FAILED as e:
        problem = f"({type(e).__name__})"
    return [_text(t, problem) for t in times]


def _hanging(path):
    ensemble = rig.Ensemble(3, jvm=["-Xmx200m"]).start()
    patience.make_parents(ensemble.leader().addr)
    proxy = _daemon(ensemble, path)
    rows = _tried(lambda beats, births: patience.hanging_server(ensemble, proxy, beats, births), Times(), Times())
    ensemble.wait_whole(1)
    rows += _tried(lambda times: patience.hanging_writer(ensemble, proxy, times), Times())
    ensemble.wait_whole(1)
    rows += _tried(lambda beats: patience.recursive_watch(proxy, "/m/r", 1000, 1000, beats), Times())
    rows += _tried(lambda beats: patience.recursive_watch(proxy, "/m/s", 24000, 2, beats), Times())
    proxy.kill()
    ensemble.stop()
    return rows


def _floods(path):
    """24,000 local znodes; floods of exists, of counts of them and of huge multis beside one client's beats."""
    zookeeper = rig.zookeeper_with("/m", "/v")
    proxy = _daemon(zookeeper, path)
    rows, filler = [], wire.Conn(proxy.addr, 30000)
    patience.filled(filler, "/m/s", 24000, 0)
    filler.close_session()
    for op, body, pipelined in ((wire.OP_EXISTS, wire.exists("/m/s"), 3000),
                                (wire.OP_GET_ALL_CHILDREN_NUMBER, wire.string("/m/s"), 3000),
                                (wire.OP_MULTI, patience.huge_multi("/m"), 3)):
        rows += _tried(lambda beats, flood=(op, body), n=pipelined:
                       patience.flooded(proxy, *flood, beats, pipelined=n), Times())
    proxy.kill()
    zookeeper.stop()
    return rows


def _arrivals(sessions, path=None, directly=False):
    """A server of its own: what came before is not to be cleaned up beside it."""
    zookeeper = patience.slow_server()
    proxy = None if directly else _daemon(zookeeper, path)
    try:
        text = f"{patience.arrive(zookeeper.addr if directly else proxy.addr, sessions):.1f} s"
    except patience.FAILED as e:
        text = f"({type(e).__name__})"
    if proxy:
        proxy.kill()
    zookeeper.kill()
    return text


def _daemon(upstream, path):
    """Ours, or another build's."""
    options = {} if path else {"config": CROWD}
    daemon = rig.Pacekeeper(upstream.connect_string, mounts=patience.MOUNTS, **options)
    if path:
        daemon.argv[0] = path
    return daemon.start()


def isolation(bench):
    """Beats and first beats of others, while one misbehaves."""
    sessions = 1000 if bench.quick else 4000
    builds = {"now": None, **({"other": bench.against} if bench.against else {})}
    table = Table("others, while one client or server is at its worst: p99 / worst", ["fault", *builds])
    columns = []
    for path in builds.values():
        columns.append(_hanging(path) + _floods(path) + [_arrivals(sessions, path)])
    faults = ("A1 one of three servers hangs, a watch waits there: beats", "A1 first beats beside them",
              "A2 absorbed writes of a client there: set, delete, watch by others",
              "A3 recursive watch above 1000 znodes of version 1000: beats",
              "A3 recursive watch above 24,000 znodes: beats", "B1 a flood of exists: beats",
              "B1 a flood of getAllChildrenNumber above 24,000: beats",
              "B1 multis of a megabyte, three at once: beats",
              f"B5 {sessions} new sessions, fsync takes 400 ms")
    for fault, *texts in zip(faults, *columns):
        table.row(fault, *texts)
    table.row(faults[-1] + ", directly", _arrivals(sessions, directly=True), *[None] * (len(builds) - 1))
    table.print()
