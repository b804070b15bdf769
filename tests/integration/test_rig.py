"""The rig itself: what the other tests rely on, without the daemon."""
import os
import time

import rig
import txnlog
from wire import (OP_CREATE, OP_CREATE2, OP_DELETE, OP_EXISTS, OP_MULTI, OP_SET_DATA, Conn, create, delete, exists,
                  multi, set_data)


def test_transaction_log_names_every_path():
    zk = rig.ZooKeeper().start()
    conn = Conn(zk.addr)
    assert conn.call(OP_CREATE, create("/a")).err == 0
    start = txnlog.last_zxid(zk.txnlog_dir)
    assert conn.call(OP_CREATE2, create("/a/b", b"x")).err == 0
    assert conn.call(OP_SET_DATA, set_data("/a/b", b"y")).err == 0
    assert conn.call(OP_MULTI, multi([(OP_CREATE, create("/a/c")), (OP_SET_DATA, set_data("/other", b"")),
                                      (OP_DELETE, delete("/a/c"))])).err == 0
    assert conn.call(OP_MULTI, multi([(OP_CREATE, create("/a/c")), (OP_DELETE, delete("/a/c"))])).err == 0
    assert conn.call(OP_CREATE, create("/a/e", flags=1)).err == 0
    conn.close_session()
    # A failed multi is logged too, with the steps before the failing one.
    seen = [(t.type, t.paths) for t in txnlog.touching(zk.txnlog_dir, "/a", start)]
    assert seen == [(15, ["/a/b"]), (5, ["/a/b"]), (14, ["/a/c"]), (14, ["/a/c", "/a/c"]), (1, ["/a/e"]),
                    (-11, ["/a/e"])], seen
    assert not txnlog.touching(zk.txnlog_dir, "/other")
    assert not txnlog.touching(zk.txnlog_dir, "/a/b")
    assert zk.stop() is not None


def test_restart_keeps_data_and_port():
    zk = rig.ZooKeeper().start()
    port = zk.port
    conn = Conn(zk.addr)
    conn.call(OP_CREATE, create("/kept"))
    zk.restart()
    assert zk.port == port
    assert Conn(zk.addr).call(OP_EXISTS, exists("/kept")).err == 0
    zk.freeze()
    time.sleep(0.1)
    zk.thaw()
    assert zk.mode() == "standalone"
    zk.stop()


def test_ensemble_has_a_leader():
    ensemble = rig.Ensemble(3).start()
    assert len(ensemble.followers()) == 2
    assert ensemble.leader() is not None
    ensemble.stop()


def test_dynamic_ensemble_of_one():
    ensemble = rig.Ensemble(1, dynamic=True).start()
    assert ensemble.leader() is not None
    ensemble.stop()


def test_kdc():
    kdc = rig.Kdc().start()
    assert os.path.exists(kdc.ccache[5:])
    kdc.stop()


if __name__ == "__main__":
    rig.main(globals())
