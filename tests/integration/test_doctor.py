"""pacekeeper doctor before good and bad worlds of real ZooKeepers: each finding has its verdict and its remedy."""
import json
import os
import re
import socket
import subprocess

import rig
from wire import OP_CREATE, OP_SET_ACL, OP_SET_DATA, Conn, create, set_data, string

BEAT = "/storm/workerbeats/t-1/n-6700"


def storm(**options):
    """A started ZooKeeper with the znodes of a small Storm cluster."""
    return rig.zookeeper_with("/storm", "/storm/assignments", "/storm/storms", "/storm/supervisors",
                              "/storm/supervisors/s", "/storm/workerbeats", "/storm/workerbeats/t-1", BEAT, **options)


def shared_storm():
    return rig.shared("storm", storm)


def doctor(*args, listen="127.0.0.1:0", limit=None):
    command = [rig.daemon_path(), "doctor", "--json", "--listen", listen, *args]
    if limit:
        command = ["/bin/sh", "-c", f'ulimit -n {limit}; exec "$0" "$@"', *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stderr == "", done.stderr
    said = json.loads(done.stdout)
    assert done.returncode == (1 if said["failures"] else 0), (done.returncode, said)
    assert said["failures"] == sum(c["verdict"] == "FAIL" for c in said["checks"])
    return said["checks"]


def find(checks, what, part):
    """The check of that name whose finding has this part."""
    found = [c for c in checks if c["what"].startswith(what) and part in c["found"]]
    assert len(found) >= 1, (what, part, checks)
    return found[0]


def verdicts(checks, verdict):
    return [f"{c['what']}: {c['found']}" for c in checks if c["verdict"] == verdict and c["what"] != "clock"]


def test_a_good_world():
    zk = shared_storm()
    Conn(zk.addr).call(OP_SET_DATA, set_data(BEAT, b"now"))
    checks = doctor("--upstream", zk.connect_string, "--mount", "/storm/workerbeats", "--mount",
                    "/storm/supervisors=write-behind", "--state-file", f"{os.path.expanduser('~')}/state")
    assert not verdicts(checks, "FAIL") and not verdicts(checks, "warn"), checks
    assert "3.8" in find(checks, "upstream", "ZooKeeper")["found"]
    find(checks, "upstream", "maxClientCnxns is 0")
    find(checks, "upstream", "jute.maxbuffer is max-frame")
    find(checks, "ensemble", "1 of 1 servers serve")
    find(checks, "mount /storm/workerbeats", "1 znodes and 1 below")
    find(checks, "mount /storm/workerbeats", "everybody may create")
    find(checks, "instances", "no other")
    find(checks, "descriptors", "Storm seems to have")
    find(checks, "listen 127.0.0.1", "free")


def test_text_for_people():
    done = subprocess.run([rig.daemon_path(), "doctor", "--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:1"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "FAIL  upstream 127.0.0.1:1: Connection refused" in done.stdout, done.stdout
    assert "      -> start it" in done.stdout and done.stdout.rstrip().endswith("failures"), done.stdout


def test_a_wrong_configuration_is_said_by_the_daemons_own_line():
    for args, status in ((["--listen", "127.0.0.1:2181", "--upstream", "127.0.0.1:2181"], 1), (["--no-such"], 2)):
        done = subprocess.run([rig.daemon_path(), "doctor", *args], capture_output=True, text=True, timeout=60)
        assert done.returncode == status and done.stdout == "" and done.stderr, (args, done)


def test_limits_of_a_server():
    """maxClientCnxns is told by conf, and probed where conf is not whitelisted; jute.maxbuffer by a length alone."""
    zk = storm(extra_cfg="maxClientCnxns=20", jvm=["-Djute.maxbuffer=500000"])
    checks = doctor("--upstream", zk.connect_string, "--mount", "/storm/workerbeats")
    assert find(checks, "upstream", "have 20 connections")["verdict"] == "FAIL"
    assert find(checks, "upstream", "jute.maxbuffer is below")["verdict"] == "warn"
    zk.stop()
    zk = storm(extra_cfg="maxClientCnxns=20\n4lw.commands.whitelist=srvr", jvm=["-Djute.maxbuffer=4000000"])
    checks = doctor("--upstream", zk.connect_string, "--mount", "/storm/workerbeats")
    assert find(checks, "upstream", "lets one address have")["verdict"] == "FAIL"
    assert "maxClientCnxns=0" in find(checks, "upstream", "lets one address have")["remedy"]
    assert find(checks, "upstream", "jute.maxbuffer is above")["verdict"] == "warn"
    # Nothing that was probed stays there, and nobody is kept out afterwards.
    rig.eventually(lambda: Conn(zk.addr).call(OP_CREATE, create("/after")).err in (0, -110), 10, "a client after it")
    zk.stop()


def test_servers_that_do_not_serve():
    zk = shared_storm()
    dead = rig.free_port()
    alone = rig.Ensemble(3).servers[0].launch()  # of three, and without the others: no quorum
    rig.eventually(lambda: "not currently serving" in rig.words(alone.addr, "srvr"), 30, "a server without quorum")
    checks = doctor("--upstream", f"{zk.connect_string},127.0.0.1:{dead},{alone.connect_string}", "--mount",
                    "/storm/workerbeats")
    assert find(checks, f"upstream 127.0.0.1:{dead}", "refused")["verdict"] == "FAIL"
    assert find(checks, f"upstream {alone.connect_string}", "does not serve")["verdict"] == "FAIL"
    find(checks, "ensemble", "1 of 3 servers serve")
    alone.stop()
    other = rig.ZooKeeper().start()
    checks = doctor("--upstream", f"{zk.connect_string},{other.connect_string}")
    assert find(checks, "ensemble", "several ensembles")["verdict"] == "FAIL"
    other.stop()


def test_another_root():
    zk = shared_storm()
    checks = doctor("--upstream", zk.connect_string, "--mount", "/stormy/workerbeats")
    wrong = find(checks, "root", "no /stormy")
    assert wrong["verdict"] == "FAIL" and "/storm has Storm's znodes" in wrong["remedy"], wrong


def test_rights():
    zk = rig.zookeeper_with("/storm", "/storm/workerbeats", "/closed", "/closed/workerbeats")
    conn = Conn(zk.addr)
    for path, perms in (("/storm/workerbeats", 1), ("/closed/workerbeats", 2)):
        acl = (1).to_bytes(4, "big") + perms.to_bytes(4, "big") + string("world") + string("anyone")
        assert conn.call(OP_SET_ACL, string(path) + acl + b"\xff\xff\xff\xff").err == 0
    checks = doctor("--upstream", zk.connect_string, "--mount", "/storm/workerbeats", "--mount", "/closed/workerbeats")
    find(checks, "mount /storm/workerbeats", "does not let everybody create")
    find(checks, "mount /closed/workerbeats", "does not let us read")
    zk.stop()


def test_a_running_one_and_a_second_one():
    zk = shared_storm()
    ours = rig.Pacekeeper(zk.connect_string, ["/storm/workerbeats=pacemaker"]).start()
    rig.eventually(lambda: "stands" in ours.log(), 20, "the marker")
    same = doctor("--upstream", zk.connect_string, "--mount", "/storm/workerbeats", listen=ours.connect_string)
    find(same, "listen", "a pacekeeper runs there")
    assert not verdicts(same, "FAIL"), same
    another = doctor("--upstream", zk.connect_string, "--mount", "/storm/workerbeats")
    assert find(another, "instances", "in the mode pacemaker too")["verdict"] == "FAIL"
    fine = doctor("--upstream", zk.connect_string, "--mount", "/storm/workerbeats=write-behind")
    find(fine, "instances", "holds nothing of ours")
    circle = doctor("--upstream", ours.connect_string, "--mount", "/storm/workerbeats")
    assert find(circle, "upstream", "this is a pacekeeper")["verdict"] == "FAIL"
    assert ours.stop() == 0


def test_addresses_that_are_taken():
    zk = shared_storm()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        checks = doctor("--upstream", "127.0.0.1:1", listen=f"127.0.0.1:{taken.getsockname()[1]}")
    assert find(checks, "listen", "somebody else listens")["verdict"] == "FAIL"
    checks = doctor("--upstream", "127.0.0.1:1", listen=zk.connect_string)
    assert find(checks, "listen", "a ZooKeeper listens there")["verdict"] == "FAIL"
    checks = doctor("--upstream", "127.0.0.1:1", listen="192.0.2.1:2181")
    assert find(checks, "listen", "cannot listen there")["verdict"] == "FAIL"


def test_the_admin_side():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        checks = doctor("--upstream", "127.0.0.1:1", "--admin",
                        f"127.0.0.1:{taken.getsockname()[1]},listen=127.0.0.1:0,listen=unix:{rig.temp_dir()}/a.sock,"
                        "listen=unix:/nonexistent/a.sock")
    assert find(checks, "listen 127.0.0.1", "somebody listens there already")["verdict"] == "warn"
    assert find(checks, "listen 127.0.0.1:0 for the admin side", "free")["verdict"] == "ok"
    assert find(checks, "listen unix:", "can be written to")["verdict"] == "ok"
    assert find(checks, "listen unix:/nonexistent", "No such file")["verdict"] == "warn"


def test_few_descriptors_for_many_workers():
    zk = shared_storm()
    conn = Conn(zk.addr)
    conn.call(OP_CREATE, create("/storm/workerbeats/t-2"))
    for n in range(100):
        conn.call(OP_CREATE, create(f"/storm/workerbeats/t-2/n-{n}"))
    checks = doctor("--upstream", zk.connect_string, "--mount", "/storm/workerbeats", limit=200)
    few = find(checks, "descriptors", "Storm seems to have 109")
    assert few["verdict"] == "FAIL" and "LimitNOFILE" in few["remedy"], few


def test_nothing_is_changed_in_the_ensemble():
    zk = rig.zookeeper_with("/storm", "/storm/workerbeats")
    before = rig.words(zk.addr, "srvr")
    doctor("--upstream", zk.connect_string, "--mount", "/storm/workerbeats")
    after = rig.words(zk.addr, "srvr")
    count = [line for line in before.splitlines() if line.startswith("Node count")]
    assert count and count[0] in after, (before, after)
    rig.eventually(lambda: re.search(r"Session Sets \(\d+\)/\(0\)", rig.words(zk.addr, "dump")), 5, "no session left")
    zk.stop()


if __name__ == "__main__":
    rig.main(globals())
