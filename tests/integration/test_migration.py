"""Migration without an order: beaters are moved one by one to the proxy and back, with znodes that live in the ensemble
and beats that still arrive there. A reader through the proxy never sees NONODE nor an older beat after a newer one; in
mode write-behind a direct reader lags by at most the flush interval.
"""
import time

import rig
import txnlog
import wire
from beaters import Beaters, Reader
from wire import Conn

BEATERS = 50
FLUSH = 1.0
MARGIN = 1.0                     # a tick of the proxy's, a beat, and this machine's other work
CONFIG = "instances: none\n"


def server():
    return rig.shared("zk", lambda: rig.zookeeper_with("/w", "/m", "/n"))


def proxy():
    return rig.shared("proxy", lambda: rig.Pacekeeper(
        server().connect_string, config=CONFIG,
        mounts=[f"/w=write-behind,flush={int(FLUSH * 1000)}ms", "/n=write-behind,flush=never", "/m=pacemaker"]).start())


def final_data(addr, path):
    conn = Conn(addr)
    data, stat = wire.parse_reply(wire.OP_GET_DATA, conn.call(wire.OP_GET_DATA, wire.get_data(path)).body)
    conn.close_session()
    return int(data), stat.version


def same_on_both_sides(beaters, patience):
    """The ensemble has what the proxy shows, counters too."""
    for beater in beaters.all:
        rig.eventually(lambda: final_data(server().addr, beater.path) == final_data(proxy().addr, beater.path),
                       patience, f"{beater.path} flushed", 0.1)
        found = final_data(server().addr, beater.path)
        assert found[0] == beater.number, beater.path
        assert not beater.versions or found[1] == beater.number + 1, (beater.path, found, beater.number)


def there_and_back(mount, direct_lag, flags=0):
    """One beater at a time: half of them reattach their session, half begin a new one."""
    paths = [f"{mount}/f{flags}b{i:02}" for i in range(BEATERS)]
    beaters = Beaters(paths, 0.15, flags=flags).begin(server().addr)
    through = Reader("through", beaters, proxy().addr)
    direct = Reader("direct", beaters, server().addr, lag=1e9 if direct_lag is None else direct_lag, pause=0.05)
    before = proxy().mntr()["pk_beats_absorbed"]
    for addr in (proxy().addr, server().addr):
        for i in range(BEATERS):
            beaters.move(i, addr, same=flags == wire.EPHEMERAL or i % 2 == 0)
            time.sleep(0.05)
        time.sleep(2 * FLUSH)
    absorbed = proxy().mntr()["pk_beats_absorbed"] - before
    beaters.stop()
    time.sleep(0.2)
    through.stop(2000)
    direct.stop(2000)
    print(f"  {sum(b.number + 1 for b in beaters.all)} beats, {absorbed} absorbed, {through.reads} reads, "
          f"the oldest read directly had been replaced for {direct.oldest:.2f} s")
    assert absorbed > 10 * BEATERS, absorbed
    same_on_both_sides(beaters, FLUSH + MARGIN)
    beaters.close()


def test_write_behind():
    there_and_back("/w", FLUSH + MARGIN)


def test_write_behind_ephemerals():
    there_and_back("/w", FLUSH + MARGIN, wire.EPHEMERAL)


def test_never_flushed():
    there_and_back("/n", None)


def test_pacemaker():
    there_and_back("/m", None)


def test_flushes_cost_few_transactions():
    """Half a minute's beats of fifty in a few seconds: one transaction a flush and session."""
    paths = [f"/w/cost{i:02}" for i in range(BEATERS)]
    beaters = Beaters(paths, 0.05).begin(proxy().addr)
    time.sleep(0.3)
    start, beats, began = txnlog.last_zxid(server().txnlog_dir), sum(b.number for b in beaters.all), time.monotonic()
    time.sleep(5 * FLUSH)
    took = time.monotonic() - began
    beats = sum(b.number for b in beaters.all) - beats
    txns = txnlog.touching(server().txnlog_dir, "/w/", start)
    beaters.close()
    print(f"  {beats} beats, {len(txns)} transactions in {took:.1f} s")
    assert all(t.type == txnlog.MULTI for t in txns), {t.type for t in txns}
    assert beats > 20 * BEATERS
    assert len(txns) <= BEATERS * (took / (FLUSH / 2) + 2), "more often than twice the interval allows"


if __name__ == "__main__":
    rig.main(globals())
