"""Clients of Storm's Pacemaker at a real daemon with a real ZooKeeper behind it, and what kazoo sees of their pulses."""
import os
import random
import signal
import time

import pulse
import rig
from pulse import PulseConn, message, path_data, pulse_data

M = "/storm/workerbeats"
CONFIG = "instances: none\n"


def kazoo(connect):
    client = rig.need_module("kazoo.client", "python3-kazoo").KazooClient(hosts=connect, timeout=10)
    client.start(15)
    return client


def world():
    def start():
        zk = rig.zookeeper_with("/storm", M)
        return zk, start_proxy(zk)
    return rig.shared("world", start)


def start_proxy(zk, *args, mode="pacemaker", config=CONFIG):
    return rig.Pacekeeper(zk.connect_string, config=config, mounts=[f"{M}={mode}"],
                          args=("--pacemaker", "127.0.0.1:0", *args)).start()


def conn(proxy=None):
    proxy = proxy or world()[1]
    return PulseConn(("127.0.0.1", proxy.pacemaker_port))


def direct():
    return rig.shared("direct", lambda: kazoo(world()[0].connect_string))


def through():
    return rig.shared("through", lambda: kazoo(world()[1].connect_string))


def test_beats_are_znodes_that_the_ensemble_does_not_have():
    c, zk = conn(), through()
    before = world()[1].mntr()
    c.send("/workerbeats/top-1/node-6700", b"first")
    for i in range(50):
        c.send("/workerbeats/top-1/node-6700", b"beat %d" % i)
    data, stat = zk.get(f"{M}/top-1/node-6700")
    assert data == b"beat 49" and stat.version == 50, (data, stat)
    assert zk.get_children(f"{M}/top-1") == ["node-6700"]
    assert "top-1" in zk.get_children(M) and "top-1" not in direct().get_children(M)
    after = world()[1].mntr()
    assert int(after["pk_beats_absorbed"]) - int(before["pk_beats_absorbed"]) >= 51
    c.delete("/workerbeats/top-1")
    assert zk.exists(f"{M}/top-1") is None


def test_what_kazoo_writes_is_a_pulse():
    c, zk = conn(), through()
    zk.create(f"{M}/top-2", b"\7")
    zk.create(f"{M}/top-2/n", b"by kazoo")
    assert c.get("/workerbeats/top-2/n") == b"by kazoo"
    assert c.nodes("/workerbeats/top-2") == {"n"} and "top-2" in c.nodes("/workerbeats")
    assert c.exists("/workerbeats/top-2/n") and not c.exists("/workerbeats/top-2/m")
    direct().create(f"{M}/top-3", b"\7")
    direct().create(f"{M}/top-3/n", b"directly")
    assert c.get("/workerbeats/top-3/n") == b"directly"
    c.send("/workerbeats/top-3/n", b"by Pacemaker")
    assert direct().get(f"{M}/top-3/n")[0] == b"by Pacemaker"
    c.send("/workerbeats/top-3/n", b"absorbed")
    assert zk.get(f"{M}/top-3/n")[0] == b"absorbed"
    c.send("/workerbeats/top-3/local", b"here")
    c.delete("/workerbeats/top-3")
    assert direct().exists(f"{M}/top-3") is None and "top-3" not in c.nodes("/workerbeats")


def test_a_watcher_is_told_of_a_pulse():
    c, zk = conn(), through()
    told = []
    c.send("/workerbeats/top-4/n", b"1")
    assert zk.get(f"{M}/top-4/n", watch=told.append)[0] == b"1"
    c.send("/workerbeats/top-4/n", b"2")
    rig.eventually(lambda: [e.type for e in told] == ["CHANGED"], 5, "the watch event")
    assert c.get("/workerbeats/top-4/n") == b"2"


def test_write_behind_brings_pulses_to_the_ensemble():
    proxy = start_proxy(world()[0], mode="write-behind,flush=300ms")
    c = conn(proxy)
    c.send("/workerbeats/top-5/n", b"0")
    for i in range(1, 20):
        c.send("/workerbeats/top-5/n", b"%d" % i)
    rig.eventually(lambda: direct().get(f"{M}/top-5/n")[0] == b"19", 5, "the flush")
    c.delete("/workerbeats/top-5")
    assert direct().exists(f"{M}/top-5") is None
    c.close()
    assert proxy.stop() == 0


def test_a_restart_loses_nothing():
    state = os.path.join(rig.temp_dir(), "state")
    proxy = start_proxy(world()[0], "--state-file", state)
    c = conn(proxy)
    for i in range(100):
        c.send(f"/workerbeats/top-6/n-{i}", b"%d" % i)
    c.close()
    assert proxy.stop() == 0
    proxy = start_proxy(world()[0], "--state-file", state)
    c = conn(proxy)
    assert len(c.nodes("/workerbeats/top-6")) == 100 and c.get("/workerbeats/top-6/n-7") == b"7"
    c.delete("/workerbeats/top-6")
    c.close()
    assert proxy.stop() == 0


def test_pipelines_keep_their_order():
    """Whatever the ensemble has to be asked about between, in writes of any length."""
    rng, c = random.Random(3), conn()
    sent, out = [], b""
    for i in range(400):
        path = f"/workerbeats/p-{rng.randrange(3)}/n-{rng.randrange(3)}"
        kind = rng.choice([pulse.SEND_PULSE, pulse.SEND_PULSE, pulse.GET_PULSE, pulse.GET_ALL_NODES, pulse.DELETE_PATH,
                           pulse.EXISTS, pulse.DELETE_PULSE_ID, pulse.CREATE_PATH, pulse.GET_ALL_PULSE])
        data = pulse_data(path, b"x" * rng.randrange(3000)) if kind == pulse.SEND_PULSE else path_data(path)
        out += message(kind, data, i)
        sent.append(kind)
    at = 0
    while at < len(out):
        n = rng.choice([1, 7, 500, 20000])
        c.write(out[at:at + n])
        at += n
    for i, kind in enumerate(sent):
        reply = c.read()
        assert (reply[1], reply[3]) == (kind + 1, i), (i, kind, reply)
    for top in range(3):
        c.delete(f"/workerbeats/p-{top}")


def test_bytes_that_are_no_message_end_their_connection_alone():
    bystander = conn()
    bystander.send("/workerbeats/top-7/n", b"x")
    for data in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n", message(99), message(10),
                 message(16, pulse.blob_data(b"\xff\x36")), message(4, pulse_data("/workerbeats/top-7/n", None)),
                 pulse.frame(b"\xff" * 100), message(10, pulse_data("/a", b"b"))):
        c = conn()
        c.write(data)
        assert c.ended(), data
        assert bystander.get("/workerbeats/top-7/n") == b"x"
    bystander.delete("/workerbeats/top-7")


def expect_too_big(c, path, size):
    """A pulse of that size ends the connection."""
    try:
        c.write(message(pulse.SEND_PULSE, pulse_data(path, b"z" * size), 1))
    except ConnectionError:
        pass
    assert c.ended()


def test_a_big_message_and_one_that_is_too_big():
    proxy = start_proxy(world()[0], config=CONFIG + "pacemaker: {max-message: 2MiB}\n")
    c = conn(proxy)
    big = os.urandom(900_000)
    c.send("/workerbeats/top-8/n", big)
    assert c.get("/workerbeats/top-8/n") == big
    assert c.call(pulse.SEND_PULSE, pulse_data("/workerbeats/top-8/n", b"y" * 1_500_000))[1] == pulse.NOT_AUTHORIZED
    assert c.get("/workerbeats/top-8/n") == big
    c.delete("/workerbeats/top-8")
    expect_too_big(c, "/workerbeats/top-8/n", 3_000_000)
    assert proxy.stop() == 0


def test_without_an_ensemble_beats_go_on():
    zk = rig.ZooKeeper().start()
    setup = kazoo(zk.connect_string)
    setup.ensure_path(M)
    setup.stop()
    proxy = start_proxy(zk)
    c = conn(proxy)
    c.send("/workerbeats/top/n", b"1")
    zk.stop()
    for i in range(20):
        c.send("/workerbeats/top/n", b"%d" % i)
        assert c.get("/workerbeats/top/n") == b"%d" % i
    c.send("/workerbeats/top/m", b"a new one")
    c.write(message(pulse.GET_ALL_NODES, path_data("/workerbeats"), 1))
    assert c.ended()
    zk.start()
    c = conn(proxy)

    def lists():
        try:
            return conn(proxy).nodes("/workerbeats") == {"top"}
        except OSError:
            return False
    rig.eventually(lists, 20, "a list")
    assert c.get("/workerbeats/top/m") == b"a new one"
    proxy.stop()
    zk.stop()


def test_a_stop_answers_what_was_received():
    proxy = start_proxy(world()[0])
    c = conn(proxy)
    c.send("/workerbeats/top-9/n", b"x")
    c.write(b"".join(message(pulse.GET_PULSE, path_data("/workerbeats/top-9/n"), i) for i in range(100)))
    time.sleep(0.2)
    assert proxy.stop() == 0
    for i in range(100):
        assert c.read()[3] == i
    assert c.ended()


def test_bounds_are_those_of_any_client():
    """What finds no room in memory is the ensemble's, and a pulse all the same."""
    proxy = start_proxy(world()[0], config=CONFIG + "max-znodes: 4\n")
    c = conn(proxy)
    for i in range(8):
        c.send(f"/workerbeats/top-11/n-{i}", b"%d" % i)
    names = {f"n-{i}" for i in range(8)}
    assert c.nodes("/workerbeats/top-11") == names and all(c.get(f"/workerbeats/top-11/n-{i}") == b"%d" % i for i in range(8))
    figures = proxy.mntr()
    assert int(figures["pk_znodes"]) <= 4 and int(figures["pk_pulse_messages"]) == 17, figures
    assert len(direct().get_children(f"{M}/top-11")) >= 4
    c.delete("/workerbeats/top-11")
    assert direct().exists(f"{M}/top-11") is None
    c.close()
    assert proxy.stop() == 0


def test_a_release_leaves_pulses_in_the_ensemble():
    proxy = start_proxy(world()[0], config=CONFIG + "release: true\n")
    c = conn(proxy)
    for i in range(5):
        c.send(f"/workerbeats/top-12/n-{i}", b"%d" % i)
    assert direct().exists(f"{M}/top-12") is None
    c.close()
    assert proxy.stop() == 0
    for i in range(5):
        assert direct().get(f"{M}/top-12/n-{i}")[0] == b"%d" % i
    direct().delete(f"{M}/top-12", recursive=True)


def test_a_reload_moves_the_listener():
    """Who is at the old address stays; a smaller max-message holds from the next message on."""
    first, second = rig.free_port(), rig.free_port()

    def text(port, more=""):
        return CONFIG + f"mounts: ['{M}=pacemaker']\npacemaker: {{listen: ['127.0.0.1:{port}']{more}}}\n"
    proxy = rig.Pacekeeper(world()[0].connect_string, config=text(first), mounts=()).start()
    old = PulseConn(("127.0.0.1", first))
    old.send("/workerbeats/top-13/n", b"1")
    with open(os.path.join(proxy.dir, "pacekeeper.yaml"), "w", encoding="utf-8") as f:
        f.write(text(second, ", max-message: 100KiB"))
    os.kill(proxy.pid, signal.SIGHUP)
    rig.eventually(lambda: "reload: done" in proxy.log(), 10, "the reload")
    new = PulseConn(("127.0.0.1", second))
    assert new.get("/workerbeats/top-13/n") == b"1"
    old.send("/workerbeats/top-13/n", b"2")
    assert new.get("/workerbeats/top-13/n") == b"2"
    try:
        PulseConn(("127.0.0.1", first))
        raise AssertionError("the old address still takes clients")
    except ConnectionRefusedError:
        pass
    new.delete("/workerbeats/top-13")
    expect_too_big(old, "/workerbeats/top-13/n", 200_000)
    assert proxy.stop() == 0


def test_storm_yaml_turns_it_on():
    path = os.path.join(rig.temp_dir(), "storm.yaml")
    zk = world()[0]
    port = rig.free_port()
    with open(path, "w") as f:
        f.write(f"storm.zookeeper.servers: [127.0.0.1]\nstorm.zookeeper.port: {zk.port}\n"
                f"storm.cluster.state.store: org.apache.storm.cluster.PaceMakerStateStorageFactory\n"
                f"pacemaker.port: {port}\n")
    proxy = rig.Pacekeeper(config=CONFIG, mounts=(), args=("--storm-yaml", path)).start()
    c = PulseConn(("127.0.0.1", port))
    c.send("/workerbeats/top-10/n", b"x")
    assert kazoo(proxy.connect_string).get(f"{M}/top-10/n")[0] == b"x"
    assert "served on port" in proxy.log()
    assert proxy.stop() == 0


if __name__ == "__main__":
    rig.main(globals())
