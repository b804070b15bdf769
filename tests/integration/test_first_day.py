"""Traps of the first day: a storm.yaml that names the proxy by now, and what the log says to somebody who looks."""
import os
import re
import shutil
import signal
import subprocess

import rig
import wire
from relay import Relay
from wire import Conn


def server():
    return rig.shared("zk", lambda: rig.zookeeper_with("/m", "/storm"))


def storm_yaml(port, *hosts, more=""):
    path = os.path.join(rig.temp_dir(), "storm.yaml")
    with open(path, "w") as f:
        f.write(f"storm.zookeeper.servers: [{', '.join(hosts)}]\nstorm.zookeeper.port: {port}\n{more}")
    return path


def adopt(*args):
    done = subprocess.run([rig.daemon_path(), "adopt", *args], capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout + done.stderr


def test_a_storm_yaml_that_names_the_proxy_is_refused():
    """Once -t said fine, and the daemon stayed up and refused everybody."""
    port = rig.free_port()
    for host in ("127.0.0.1", "localhost"):
        args = ["--storm-yaml", storm_yaml(port, host)]
        status, said = rig.Pacekeeper(mounts=(), listen=f"*:{port}", args=args + ["-t"]).run()
        assert status == 1 and "proxy of itself" in said and "pacekeeper adopt" in said, said
        status, said = rig.Pacekeeper(mounts=(), listen=f"127.0.0.1:{port}", args=args).run()
        assert status == 1 and "pacekeeper adopt" in said, said


def test_one_of_several_servers_that_is_ourselves_is_refused_too():
    port = rig.free_port()
    for host in ("127.0.0.1", "localhost"):
        upstream = f"{host}:{port},{server().connect_string}"
        status, said = rig.Pacekeeper(upstream, listen=f"127.0.0.1:{port}").run()
        assert status == 1 and re.search(rf"{host}(:{port})? is ", said), said


def test_nothing_but_ourselves_behind_another_address_ends_the_start():
    """A balancer in front of the proxy: the address is not ours, who answers is."""
    port = rig.free_port()
    balancer = Relay(("127.0.0.1", port)).start()
    status, said = rig.Pacekeeper(balancer.connect_string, listen=f"127.0.0.1:{port}").run()
    assert status == 1 and "the upstream is this very pacekeeper: ends" in said, said
    proxy = rig.Pacekeeper(f"{balancer.connect_string},{server().connect_string}", listen=f"127.0.0.1:{port}").start()
    for _ in range(10):
        conn = Conn(proxy.addr)
        assert conn.call(wire.OP_EXISTS, wire.exists("/m")).err == 0
        conn.close_session()
    rig.eventually(lambda: "this very pacekeeper: refused" in proxy.log(), 5, "what is refused is said")
    assert proxy.stop() == 0


def test_adopt_makes_a_copy_that_outlives_the_change():
    port, copy = rig.free_port(), os.path.join(rig.temp_dir(), "pacekeeper", "storm.yaml")
    config = os.path.join(rig.temp_dir(), "pacekeeper.yaml")
    with open(config, "w") as f:
        f.write(f"listen: ['127.0.0.1:{port}']\nstorm-yaml: {copy}\nmounts: [/m]\n")
    live = storm_yaml(server().port, "127.0.0.1", more="storm.zookeeper.auth.payload: s3cret\n"
                                                       "storm.zookeeper.auth.scheme: digest\nui.port: 8080\n")
    status, said = adopt("-c", config, "--to", copy, live)
    assert status == 0 and f"wrote {copy}: servers 127.0.0.1:{server().port}" in said, said
    with open(copy) as f:
        text = f.read()
    assert "s3cret" not in text and "8080" not in text and os.stat(copy).st_mode & 0o777 == 0o644, text
    with open(live, "w") as f:
        f.write(f"storm.zookeeper.servers: [127.0.0.1]\nstorm.zookeeper.port: {port}\n")
    status, said = adopt("-c", config, "--to", copy, live)
    assert status == 1 and "proxy of itself" in said, said
    proxy = rig.Pacekeeper(listen=None, mounts=(), args=["-c", config]).start()
    conn = Conn(proxy.addr)
    assert conn.call(wire.OP_EXISTS, wire.exists("/m")).err == 0
    conn.close_session()
    assert "heartbeats get ACLs" in proxy.log(), proxy.log()
    assert proxy.stop() == 0


def test_adopt_finds_a_proxy_on_another_machine():
    """Its address is not ours; what it answers tells."""
    copy = os.path.join(rig.temp_dir(), "copy.yaml")
    proxy = rig.Pacekeeper(server().connect_string).start()
    live = storm_yaml(proxy.port, "127.0.0.1")
    status, said = adopt("--to", copy, "--listen", "127.0.0.1:1", live)
    assert status == 1 and f"127.0.0.1:{proxy.port} is a pacekeeper" in said and not os.path.exists(copy), said
    assert adopt("--to", copy, "--listen", "127.0.0.1:1", "--force", live)[0] == 0
    assert proxy.stop() == 0


def test_adopt_keeps_a_copy_that_names_other_servers():
    folder = rig.temp_dir()
    copy = os.path.join(folder, "copy.yaml")
    assert adopt("--to", copy, storm_yaml(2181, "198.51.100.1", "198.51.100.2"))[0] == 0
    status, said = adopt("--to", copy, storm_yaml(2181, "198.51.100.3"))
    assert status == 1 and "198.51.100.1:2181, 198.51.100.2:2181" in said and "--force" in said, said
    assert adopt("--to", copy, storm_yaml(2181, "198.51.100.2", "198.51.100.1"))[0] == 0, "the same in another order"
    status, said = adopt("--to", copy, "--force", storm_yaml(2181, "198.51.100.3"))
    assert status == 0 and "198.51.100.3:2181" in said, said
    assert os.listdir(folder) == ["copy.yaml"]
    for args in ((), ("a", "b"), ("--nonsense", "a")):
        assert adopt(*args)[0] == 2, args
    assert adopt("--to", copy, "/nonexistent/storm.yaml")[0] == 1


def test_a_credential_of_systemd():
    """Once auth-file had to be readable for a user that exists only while the unit runs."""
    folder = rig.temp_dir()
    secret = os.path.join(folder, "auth")
    with open(secret, "w") as f:
        f.write("digest:ops:s3cret\n")
    os.chmod(secret, 0o440)
    config = f"upstream: {server().connect_string}\nauth-file: auth\n"
    run = dict(mounts=["/m"], config=config)
    status, said = rig.Pacekeeper(args=["-t"], env={"CREDENTIALS_DIRECTORY": folder}, **run).run()
    assert status == 0 and "digest of auth" in said and "s3cret" not in said, said
    status, said = rig.Pacekeeper(args=["-t"], **run).run()
    assert status == 0 and "is a credential of systemd, which only the unit has: not checked here" in said, said
    status, said = rig.Pacekeeper(**run).run()
    assert status == 1 and "LoadCredential=" in said, said
    proxy = rig.Pacekeeper(env={"CREDENTIALS_DIRECTORY": folder}, **run).start()
    assert ("runs as root" in proxy.log()) == (os.geteuid() == 0), proxy.log()
    assert proxy.stop() == 0


def test_the_log_says_who_connects_where():
    """Once no level of the log said anything when clients came, and the end did not name the server."""
    proxy = rig.Pacekeeper(server().connect_string, args=["--log-level", "debug"]).start()
    conn = Conn(proxy.addr, 9000)
    who = rf"\[0x{conn.session:x} 127\.0\.0\.1:\d+\]"
    rig.eventually(lambda: re.search(rf"debug {who} has a session at server {server().connect_string}, timeout 9000 ms",
                                     proxy.log()), 3, "the session and its server")
    assert re.search(r"debug \[- 127\.0\.0\.1:\d+\] connected", proxy.log()), proxy.log()
    conn.close_session()
    rig.eventually(lambda: re.search(rf"{who} the client closed its session \(server {server().connect_string}, after",
                                     proxy.log()), 3, "the server that it had")
    assert proxy.stop() == 0


def sessions(proxy, n):
    return [Conn(proxy.addr) for _ in range(n)]


def test_an_outage_of_the_ensemble_is_summed_up():
    zk = rig.zookeeper_with("/m")
    proxy = rig.Pacekeeper(zk.connect_string, config="hold: false\n").start()
    conns = sessions(proxy, 30)
    zk.kill()
    for conn in conns:
        assert conn.recv_frame() is None
    said = rig.eventually(lambda: re.search(r"warn the ensemble is out: 0 of 1 servers serve, (\d+) clients closed",
                                            proxy.log()), 8, "the outage in one line")
    assert int(said[1]) == 30, said[0]
    assert re.search(rf"the ensemble closed the connection \(server {zk.connect_string}, after", proxy.log()), proxy.log()
    zk.restart()
    said = rig.eventually(lambda: re.search(r"info the ensemble is back after (\d+\.\d) s: 1 of 1 servers serve, (\d+) "
                                            r"clients were closed", proxy.log()), 15, "its end in one line")
    assert 1 <= float(said[1]) < 15 and int(said[2]) >= 30, said[0]
    assert len(re.findall("the ensemble is ", proxy.log())) == 2, proxy.log()
    assert proxy.stop() == 0
    zk.stop()


def test_one_of_several_servers_is_no_outage():
    zk = rig.zookeeper_with("/m")
    proxy = rig.Pacekeeper(f"{zk.connect_string},{server().connect_string}").start()
    conns = sessions(proxy, 10)
    zk.kill()
    rig.eventually(lambda: f"server {zk.connect_string} does not serve" in proxy.log(), 15, "the server is down")
    assert "the ensemble is out" not in proxy.log()
    for conn in conns:
        conn.close()
    assert proxy.stop() == 0
    zk.stop()


def test_an_ensemble_that_is_not_there_at_the_start_is_said():
    zk = rig.ZooKeeper(port=rig.free_port())
    proxy = rig.Pacekeeper(zk.connect_string).start()
    rig.eventually(lambda: "the ensemble is out: 0 of 1 servers serve, 0 clients closed" in proxy.log(), 6, "a line")
    zk.start()
    rig.eventually(lambda: "the ensemble is back after" in proxy.log(), 15, "its end")
    assert proxy.stop() == 0
    zk.stop()


def test_the_end_of_a_handover_is_said():
    text = "listen: ['127.0.0.1:0']\n" + f"upstream: {server().connect_string}\nmounts: [/m=%s]\n"
    proxy = rig.Pacekeeper(config=text % "pacemaker", listen=None, mounts=()).start()
    conn = Conn(proxy.addr)
    for n in range(1000):
        assert conn.call(wire.OP_CREATE, wire.create(f"/m/handed{n}", b"x")).err == 0
    with open(os.path.join(proxy.dir, "pacekeeper.yaml"), "w") as f:
        f.write(text % "write-behind")
    proxy.process.send(signal.SIGHUP)
    rig.eventually(lambda: re.search(r"info mount /m: handed over, all of 1000 are the ensemble's after \d+\.\d s",
                                     proxy.log()), 10, "its end")
    assert proxy.mntr()["pk_left"] == 0
    conn.close_session()
    assert proxy.stop() == 0


def test_a_tree_that_was_built_in_itself_may_be_built_elsewhere():
    """./configure && make in a clone, then contrib/quickstart or contrib/check: automake refused the second build."""
    tree = os.path.join(rig.temp_dir(), "tree")
    shutil.copytree(rig.top_srcdir(), tree, ignore=shutil.ignore_patterns("_build", ".git", "autom4te.cache", "*.o"))
    subprocess.run(["./configure"], cwd=tree, check=True, stdout=subprocess.DEVNULL, timeout=120)
    script = '. contrib/functions.sh; say() { :; }; configure_in "$PWD" _build/second'
    done = subprocess.run(["bash", "-c", script], cwd=tree, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(f"{tree}/_build/second/Makefile") as f:
        assert f"srcdir = {tree}/_build/second/source\n" in f.read()
    subprocess.run(["make", "-s", "src/main.o"], cwd=f"{tree}/_build/second", check=True, timeout=60)


test_a_tree_that_was_built_in_itself_may_be_built_elsewhere.limit = 240


if __name__ == "__main__":
    rig.main(globals())
