"""Two proxies that do not know each other, in mode write-behind: writers on one, a reader on the other; writers that
change sides; and one that is killed. Never NONODE, never an older beat after a newer one.
"""
import time

import rig
import wire
from beaters import Beaters, Reader
from wire import Conn

FLUSH = 1.0
BEAT = 0.1
MARGIN = 1.0                     # a tick of each proxy's, the way of the flush, and this machine's other work
CONFIG = "instances: none\n"
WRITERS = 20


def server():
    return rig.shared("zk", lambda: rig.zookeeper_with("/w"))


def start(port=0):
    return rig.Pacekeeper(server().connect_string, config=CONFIG, listen=f"127.0.0.1:{port}",
                          mounts=[f"/w=write-behind,flush={int(FLUSH * 1000)}ms"]).start()


def both():
    return rig.shared("both", lambda: (start(), start()))


def test_writers_on_one_reader_on_the_other():
    one, other = both()
    beaters = Beaters([f"/w/a{i}" for i in range(WRITERS)], BEAT).begin(one.addr)
    near = Reader("on the same", beaters, one.addr, pause=0.01)
    far = Reader("on the other", beaters, other.addr, lag=FLUSH + MARGIN, pause=0.01)
    direct = Reader("direct", beaters, server().addr, lag=FLUSH + MARGIN, pause=0.05)
    time.sleep(6)
    beaters.stop()
    for reader in (near, far, direct):
        reader.stop(500)
    print(f"  {sum(b.number for b in beaters.all)} beats; replaced for {far.oldest:.2f} s on the other proxy, "
          f"{direct.oldest:.2f} s in the ensemble")
    assert one.mntr()["pk_beats_absorbed"] > 10 * WRITERS
    beaters.close()


def test_writers_that_change_sides():
    """A client's end flushes first: what it goes on with on the other side starts from its last beat."""
    one, other = both()
    beaters = Beaters([f"/w/c{i}" for i in range(WRITERS)], BEAT).begin(one.addr)
    readers = [Reader(name, beaters, proxy.addr, lag=FLUSH + MARGIN, pause=0.01)
               for name, proxy in (("one", one), ("other", other))]
    for turn in range(4):
        for i in range(WRITERS):
            beaters.move(i, (one, other)[(turn + i) % 2].addr, same=i % 3 > 0)
            time.sleep(0.03)
    beaters.stop()
    for reader in readers:
        reader.stop(500)
    beaters.close()


def dropped():
    return sum(proxy.mntr()["pk_writes_dropped"] for proxy in both())


def test_both_write_the_same_znode():
    """What one absorbs while the other writes is given up, and counted: nothing else is lost of a counter that is
    incremented by compare-and-set through either proxy."""
    conns = [Conn(proxy.addr, 20000) for proxy in both()]
    assert conns[0].call(wire.OP_CREATE, wire.create("/w/counter", b"0")).err == 0
    before, done, end = dropped(), [0, 0], time.monotonic() + 4
    turn = 0
    while time.monotonic() < end:
        turn += 1
        i = turn // 5 % 2
        reply = conns[i].call(wire.OP_GET_DATA, wire.get_data("/w/counter"))
        data, stat = wire.parse_reply(wire.OP_GET_DATA, reply.body)
        err = conns[i].call(wire.OP_SET_DATA, wire.set_data("/w/counter", b"%d" % (int(data) + 1), stat.version)).err
        assert err in (0, wire.ERR["BADVERSION"]), err
        done[i] += err == 0
        if turn % 25 == 0:
            time.sleep(FLUSH / 4)
    for conn in conns:
        conn.close_session()
    direct = Conn(server().addr)

    def settled():
        data, stat = wire.parse_reply(wire.OP_GET_DATA, direct.call(wire.OP_GET_DATA, wire.get_data("/w/counter")).body)
        return int(data) == stat.version and int(data) + dropped() - before == sum(done)

    rig.eventually(settled, FLUSH + MARGIN, f"{done} increments are the counter and what is said to be dropped")
    print(f"  {done} increments, {dropped() - before} of them dropped")
    direct.close_session()


def killed(ephemeral):
    """kill -9 of a writers' proxy: they come back through the other one. A reader there sees no NONODE and nothing
    that had been replaced for longer than the flush interval and a beat; afterwards nothing goes back."""
    one, other = both()[1], start()
    name = "e" if ephemeral else "k"
    beaters = Beaters([f"/w/{name}{i}" for i in range(WRITERS)], BEAT, flags=wire.EPHEMERAL if ephemeral else 0)
    beaters.begin(other.addr)
    far = Reader("on the other", beaters, one.addr, lag=FLUSH + MARGIN, pause=0.01)
    direct = Reader("direct", beaters, server().addr, lag=FLUSH + BEAT + MARGIN, pause=0.02)
    time.sleep(2 * FLUSH + 0.3)
    with beaters.lock:
        other.kill()
        for beater in beaters.all:
            beater.addr = one.addr
    time.sleep(2 * FLUSH)
    beaters.stop()
    far.stop(200)
    direct.stop(200)
    assert beaters.reconnects >= WRITERS, beaters.reconnects
    print(f"  replaced for {far.oldest:.2f} s on the other proxy, {direct.oldest:.2f} s in the ensemble")
    beaters.close()


def test_kill_of_the_writers_proxy():
    killed(False)


def test_kill_of_the_writers_proxy_with_ephemerals():
    killed(True)


def test_kill_and_start_again():
    """The only proxy dies and comes back on its port."""
    port = rig.free_port()
    proxy = start(port)
    beaters = Beaters([f"/w/r{i}" for i in range(WRITERS)], BEAT).begin(proxy.addr)
    reader = Reader("through", beaters, proxy.addr, lag=FLUSH + BEAT + MARGIN, forgives=True)
    time.sleep(FLUSH + 0.4)
    proxy.kill()
    proxy = start(port)
    rig.eventually(lambda: reader.reconnects > 0, 5, "the reader back")
    time.sleep(2 * FLUSH)
    beaters.stop()
    reader.stop(200)
    assert beaters.reconnects >= WRITERS
    beaters.close()
    assert proxy.stop() == 0


if __name__ == "__main__":
    rig.main(globals())
