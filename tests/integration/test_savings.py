"""pacekeeper savings on logs that a real ZooKeeper has written for kazoo, beside a reader of its own (txnlog).

ZOOKEEPER_JARS=F also on logs of other releases: folders F/RELEASE/jars.
"""
import collections
import json
import os
import pty
import shutil
import subprocess

import rig
import txnlog

kazoo_client = rig.need_module("kazoo.client", "python3-kazoo")
BEATS, ROUNDS = 20, 15


def written(jars=None):
    """A server's dataLogDir after a Storm-like day: a supervisor, workers, a multi, a refused request. jars: of a release."""
    def make():
        zk = rig.ZooKeeper(jars=jars).start()
        client = kazoo_client.KazooClient(hosts=zk.connect_string)
        client.start(timeout=20)
        for path in ("/storm/workerbeats/t-1", "/storm/supervisors", "/storm/assignments"):
            client.ensure_path(path)
        client.create("/storm/supervisors/s", b"up", ephemeral=True)
        for n in range(BEATS):
            client.create(f"/storm/workerbeats/t-1/n-{n}", b"beat")
        for _ in range(ROUNDS):
            for n in range(BEATS):
                client.set(f"/storm/workerbeats/t-1/n-{n}", b"x" * 500)
            client.set("/storm/supervisors/s", b"up still")
        multi = client.transaction()
        multi.create("/storm/assignments/t-1", b"a")
        multi.set_data("/storm/assignments/t-1", b"b")
        multi.commit()
        try:
            client.create("/storm/assignments/t-1")
        except kazoo_client.NodeExistsError:
            pass
        client.set_acls("/storm/assignments/t-1", client.get_acls("/storm/assignments/t-1")[0])
        client.delete("/storm/workerbeats/t-1/n-0")
        client.stop()
        client.close()
        zk.restart()  # another log file
        zk.stop()
        return os.path.dirname(zk.txnlog_dir)
    return rig.shared(("log", jars), make)


def savings(*args):
    done = subprocess.run([rig.daemon_path(), "savings", *args], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def figures(*args):
    status, out, err = savings("--json", *args)
    assert status == 0 and err == "", (status, err)
    return json.loads(out)


def same_counts(folder):
    said = figures(folder)
    txns = txnlog.read(os.path.join(folder, "version-2"))
    assert said["transactions"] == len(txns) > BEATS * ROUNDS
    assert (said["first_ms"], said["last_ms"]) == (txns[0].time, txns[-1].time)
    assert said["repeated"] == said["untracked"] == 0 and said["damaged"] == []
    expected = collections.Counter()
    for t in txns:
        if t.type in (txnlog.CREATE_SESSION, txnlog.CLOSE_SESSION):
            expected["sessions"] += 1
        elif t.type == txnlog.ERROR:
            expected["refused requests"] += 1
        else:
            expected["/".join(t.paths[0].split("/")[:3])] += 1
    assert {p["path"]: p["today"]["transactions"] for p in said["paths"]} == expected, said["paths"]
    assert sum(p["today"]["bytes"] for p in said["paths"]) == said["ways"]["today"]["bytes"]


def test_counts_are_those_of_another_reader():
    same_counts(written())


def test_what_is_spared():
    ways = {name: way["transactions"] for name, way in figures(written())["ways"].items()}
    # In pacemaker nothing is left of the beats; of the supervisor's refreshes the first, and one flush at its end.
    beats = BEATS + BEATS * ROUNDS + 1 + 1  # creates, refreshes, the delete, and their parent
    assert ways["pacemaker"] == ways["today"] - beats - (ROUNDS - 2), ways
    # The creates and the delete are the ensemble's in write-behind, and the first refresh of each.
    assert ways["pacemaker"] < ways["write-behind,flush=60s"] <= ways["write-behind,flush=10s"] < ways["today"]


def test_text_for_people():
    status, out, err = savings(written())
    assert status == 0 and err == "", err
    for part in ("/storm/workerbeats", "/storm/supervisors", "left for the ensemble", "pacemaker", "fsyncs/s",
                 "storm-yaml"):
        assert part in out, out


def test_other_mounts():
    said = figures("--mount", "/storm/assignments", written())
    assert {p["path"] for p in said["paths"] if p["mount"]} == {"/storm/assignments", "/storm/workerbeats",
                                                                "/storm/supervisors"}


def test_a_copy_that_is_cut_or_damaged():
    copy = os.path.join(rig.temp_dir(), "version-2")
    shutil.copytree(os.path.join(written(), "version-2"), copy)
    first = min(n for n in os.listdir(copy) if n.startswith("log."))
    path = os.path.join(copy, first)
    whole = figures(copy)["transactions"]
    os.truncate(path, 2000)
    cut = figures(path)
    assert 0 < cut["transactions"] < whole and cut["torn"] == 1
    with open(path, "r+b") as f:
        f.seek(400)
        f.write(b"\xff" * 9)
    status, out, err = savings("--json", path)
    assert status == 0 and "damaged at byte" in err, err
    assert json.loads(out)["damaged"] and json.loads(out)["transactions"] < cut["transactions"]


def test_mistakes_are_said():
    folder = rig.temp_dir()
    for args, status, what in (([], 2, "transaction logs are expected"), (["--nonsense"], 2, "does not take"),
                               (["--mount", "x", folder], 2, "no path"),
                               ([folder], 1, "no transaction logs"), ([folder + "/none"], 1, "No such file"),
                               ([__file__], 1, "no transaction log of ZooKeeper")):
        got, _, err = savings(*args)
        assert got == status and what in err, (args, got, err)


def test_gigabytes_in_bounded_memory_with_progress():
    """A log of 300 MB is read in a few megabytes; a terminal sees how far it is, a pipe does not."""
    path = os.path.join(rig.temp_dir(), "log.1")
    with open(path, "wb") as f:
        f.write(b"ZKLG" + (2).to_bytes(4, "big") + bytes(8))
        for zxid in range(1, 30001):
            f.write(txnlog.record(1, zxid, 1700000000000 + zxid, f"/storm/workerbeats/t/{zxid % 900}", bytes(10000)))
    main, end = pty.openpty()
    command = ["/bin/sh", "-c", 'ulimit -v 200000; exec "$0" savings --json "$1"', rig.daemon_path(), path]
    if os.environ.get("PLAIN_BUILD", "yes") != "yes":  # sanitizers reserve terabytes
        command[2] = command[2].replace("ulimit -v 200000; ", "")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=end, text=True) as process:
        out = process.communicate(timeout=60)[0]
    os.close(end)
    shown = os.read(main, 65536).decode()
    os.close(main)
    assert process.returncode == 0 and json.loads(out)["transactions"] == 30000, shown
    assert "% of 288 MiB" in shown, shown


if os.environ.get("ZOOKEEPER_JARS"):
    def test_other_releases():
        """By hand, since the jars are fetched."""
        for release in sorted(os.listdir(os.environ["ZOOKEEPER_JARS"])):
            same_counts(written(os.path.join(os.environ["ZOOKEEPER_JARS"], release, "jars")))
            print(f"{release}: the same", flush=True)

    test_other_releases.limit = 300


if __name__ == "__main__":
    rig.main(globals())
