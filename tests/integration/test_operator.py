"""What an operator reads and does: /api/v1 and the commands, against the real daemon, with a terminal for top."""
import json
import os
import re
import subprocess
import time

import rig
import wire
from adminside import Admin
from wire import Conn


def zookeeper():
    return rig.shared("zookeeper", lambda: rig.zookeeper_with("/m", "/storm", "/storm/workerbeats", "/storm/supervisors",
                                                              "/storm/leader-lock"))


def started(**options):
    path = os.path.join(rig.temp_dir(), "admin.sock")
    args = ["--admin", f"127.0.0.1:0,listen=unix:{path}", *options.pop("args", ())]
    proxy = rig.Pacekeeper(zookeeper().connect_string, args=args, **options).start()
    return proxy, Admin(proxy)


def run(proxy_admin, *words, **options):
    """A command over the socket file: (status, stdout, stderr)."""
    argv = [rig.daemon_path(), words[0], "--admin", "unix:" + proxy_admin.paths[0], *words[1:]]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, **options)
    return done.returncode, done.stdout, done.stderr


def ok(conn, op, body):
    reply = conn.call(op, body)
    assert reply.err == 0, (wire.OP_NAMES[op], reply.err)
    return reply


def storm_clients(addr):
    """A worker, a supervisor and Nimbus, by what they write and hold."""
    worker, supervisor, nimbus = Conn(addr), Conn(addr), Conn(addr)
    ok(worker, wire.OP_CREATE, wire.create("/storm/workerbeats/t-1", b""))
    ok(worker, wire.OP_CREATE, wire.create("/storm/workerbeats/t-1/node7-6700", b"beat"))
    ok(supervisor, wire.OP_CREATE, wire.create("/storm/supervisors/abc-123", b"info", flags=1))
    ok(nimbus, wire.OP_CREATE, wire.create("/storm/leader-lock/latch-", b"", flags=3))
    return worker, supervisor, nimbus


STORM = ("/storm/workerbeats=pacemaker", "/storm/supervisors=write-behind,flush=60s")


def test_show_as_text_and_as_json():
    proxy, admin = started(mounts=STORM)
    conns = storm_clients(proxy.addr)
    rig.eventually(lambda: admin.get("/ready")[0] == 200, 12, "ready")
    for thing in ("servers", "clients", "mounts", "paths", "late", "config"):
        status, text, said = run(admin, "show", thing)
        assert status == 0 and text and not said and "\033" not in text, (thing, text, said)
        status, as_json, _ = run(admin, "show", "--json", thing)
        rows = json.loads(as_json)
        assert len(rows) == len(text.splitlines()) - 1, (thing, text, as_json)
        assert rows == admin.json(f"/api/v1/{thing}") or thing in ("clients", "paths", "servers", "mounts"), thing
    servers = admin.json("/api/v1/servers")
    assert servers[0]["server"] == zookeeper().connect_string and servers[0]["state"] == "up", servers
    assert servers[0]["connections"] >= 3 and servers[0]["version"], servers
    mounts = {m["mount"]: m for m in admin.json("/api/v1/mounts")}
    assert mounts["/storm/workerbeats"]["znodes"] == 2 and mounts["/storm/workerbeats"]["mode"] == "pacemaker", mounts
    assert mounts["outside"]["relayed"] >= 1 and mounts["outside"]["znodes"] is None, mounts
    paths = {p["path"]: p for p in admin.json("/api/v1/paths?mount=/storm/workerbeats")}
    beat = paths["/storm/workerbeats/t-1/node7-6700"]
    assert beat["held"] == "local" and beat["bytes"] == 4 and beat["age_seconds"] < 30, paths
    assert "beat" not in json.dumps([p for p in paths.values()]).replace("workerbeats", ""), "data are never shown"
    for conn in conns:
        conn.close_session()
    assert proxy.stop() == 0


def test_clients_have_storms_names():
    proxy, admin = started(mounts=STORM)
    conns = storm_clients(proxy.addr)
    names = {c["name"] for c in admin.json("/api/v1/clients")}
    assert names == {"worker node7-6700 of t-1", "supervisor abc-123", "Nimbus"}, names
    again = Conn(proxy.addr)
    for _ in range(3):
        ok(again, wire.OP_EXISTS, wire.exists("/storm/workerbeats/t-1/node7-6700"))
        ok(again, wire.OP_SET_DATA, wire.set_data("/storm/workerbeats/t-1/node7-6700", b"beat"))
    found = [c for c in admin.json("/api/v1/clients") if c["name"] == "worker node7-6700 of t-1"]
    assert len(found) == 2, "one that came back and only refreshes is known, too"
    reader = Conn(proxy.addr)
    ok(reader, wire.OP_GET_DATA, wire.get_data("/storm/leader-lock"))
    for _ in range(5):
        ok(reader, wire.OP_GET_DATA, wire.get_data("/storm/workerbeats/t-1/node7-6700"))
    row = next(c for c in admin.json("/api/v1/clients") if c["address"].endswith(f":{reader.sock.getsockname()[1]}"))
    assert row["name"] is None and row["writes"] is None and row["from_memory"] == 5, "who only reads beats is no worker"
    time.sleep(1)
    rig.eventually(lambda: [c for c in admin.json("/api/v1/clients") if c["writes_per_second"] > 0], 5, "a rate of writes")
    text = run(admin, "top", "--json")[1]
    assert "worker node7-6700 of t-1" in text, text
    for conn in (*conns, again, reader):
        conn.close_session()
    assert proxy.stop() == 0


def test_the_configuration_in_force_and_where_it_comes_from():
    proxy, admin = started(config="max-connections: 77\nflush: 5s\nproxy-protocol: [192.0.2.0/24, 'fd00::7']\n",
                           args=["--log-level", "debug"])
    rows = admin.json("/api/v1/config")
    found = {r["key"]: (r["value"], r["origin"]) for r in rows}
    assert found["max-connections"] == ("77", "file") and found["log-level"] == ("debug", "flag"), found
    assert found["status-interval"] == ("10s", "default") and found["mounts"] == ("/m=pacemaker", "flag"), found
    assert found["upstream"] == (zookeeper().connect_string, "flag"), found
    assert [r["value"] for r in rows if r["key"] == "proxy-protocol"] == ["192.0.2.0/24", "fd00::7/128"], rows
    assert proxy.stop() == 0


def test_explain():
    proxy, admin = started(mounts=("/m=pacemaker", "/storm/supervisors=write-behind"))
    conn, watcher = Conn(proxy.addr), Conn(proxy.addr)
    ok(conn, wire.OP_CREATE, wire.create("/m/a", b"x"))

    def verdict(path):
        status, text, said = run(admin, "explain", path)
        assert status == 0, said
        assert admin.json(f"/api/v1/explain?path={path}")["verdict"] == text.splitlines()[1].strip(), text
        return text

    assert "\n  absorbed\n" in verdict("/m/a") and "lives in memory alone" in verdict("/m/a")
    assert "below no mount" in verdict("/elsewhere")
    assert "the mount's own znode" in verdict("/m")
    assert "not held" in verdict("/m/nothing")
    ok(watcher, wire.OP_EXISTS, wire.exists("/m/a", True))
    text = verdict("/m/a")
    client = next(c for c in admin.json("/api/v1/clients") if c["address"].endswith(f":{watcher.sock.getsockname()[1]}"))
    assert "not absorbed: it is watched" in text and f"watched by: client {client['client']}, {client['address']}" in text
    ok(conn, wire.OP_CREATE, wire.create("/storm/supervisors/s", b"x"))
    ok(conn, wire.OP_SET_DATA, wire.set_data("/storm/supervisors/s", b"y"))
    ok(conn, wire.OP_SET_DATA, wire.set_data("/storm/supervisors/s", b"z"))
    text = verdict("/storm/supervisors/s")
    assert "\n  absorbed\n" in text and "1 writes that the ensemble does not have yet" in text and "written by" in text
    assert run(admin, "explain", "relative")[0] == 1
    for c in (conn, watcher):
        c.close_session()
    assert proxy.stop() == 0


def test_reload_says_what_changed_and_what_could_not():
    proxy, admin = started(config="max-connections: 77\n")
    path = proxy.argv[proxy.argv.index("-c") + 1]
    with open(path, "w") as f:
        f.write("max-connections: 78\nhold: false\n")
    status, text, _ = run(admin, "reload")
    assert status == 0 and "info: reload: max-connections: 77 -> 78" in text, text
    assert re.search(r"warn: reload: hold: true -> false takes a restart", text), text
    assert {r["key"]: r["value"] for r in admin.json("/api/v1/config")}["max-connections"] == "78"
    with open(path, "w") as f:
        f.write("max-connections: many\n")
    status, text, said = run(admin, "reload")
    assert status == 1 and "nothing is changed" in said and "pacekeeper.yaml:1" in said, (text, said)
    assert admin.post("/api/v1/reload", unix=False)[0] == 403
    assert proxy.stop() == 0


def test_savings_of_a_running_one():
    """In the mode relay nothing is absorbed, and what each mode would spare is counted."""
    proxy, admin = started(mounts=("/storm/workerbeats=relay", "/storm/supervisors=relay"))
    conn = Conn(proxy.addr)
    ok(conn, wire.OP_CREATE, wire.create("/storm/workerbeats/live", b"0"))
    for n in range(8):
        ok(conn, wire.OP_SET_DATA, wire.set_data("/storm/workerbeats/live", b"%d" % n))
    ok(conn, wire.OP_DELETE, wire.delete("/storm/workerbeats/live"))
    for n in range(10):
        ok(conn, wire.OP_CREATE, wire.create(f"/storm/leader-lock/other{n}", b""))
    status, out, _ = run(admin, "savings", "--live", "--json")
    rows = {r["mount"]: r for r in json.loads(out)}
    beats, rest, every = rows["/storm/workerbeats"], rows["outside"], rows["all"]
    assert status == 0 and set(rows) == {"/storm/workerbeats", "/storm/supervisors", "outside", "all"}, rows
    assert (beats["writes"], beats["pacemaker_percent"], beats["write_behind_percent"]) == (10, 100, 80), beats
    assert (rest["writes"], rest["pacemaker_percent"]) == (10, 0) and every["writes"] == 20, rows
    assert (every["pacemaker_percent"], every["write_behind_percent"], every["spared_percent"]) == (50, 40, 0), every
    assert proxy.mntr()["pk_beats_absorbed"] == 0
    status, out, _ = run(admin, "savings", "--live")
    assert status == 0 and out.splitlines()[0].split()[:2] == ["MOUNT", "MODE"] and len(out.splitlines()) == 5, out
    conn.close_session()
    assert proxy.stop() == 0


def migration(admin):
    """(summary by kind, {path: row}) of what the command says; the ensemble is asked anew."""
    status, out, said = run(admin, "migration", "--json")
    assert status == 0 and not said, (status, out, said)
    answer = json.loads(out)
    ways = {kind: (answer[kind]["here"], answer[kind]["directly"]) for kind in
            ("supervisors", "nimbuses", "leader_lock", "workers")}
    assert all(answer[kind]["problem"] is None for kind in ways) and not answer["cut"], answer
    return ways, {r["path"]: r for r in answer["rows"]}


def test_migration_says_who_is_here_and_who_goes_directly():
    third, direct_worker = Conn(zookeeper().addr), Conn(zookeeper().addr)
    for path in ("/mig", "/mig/workerbeats", "/mig/supervisors", "/mig/nimbuses", "/mig/leader-lock", "/mig/workerbeats/t-1",
                 "/mig/supervisors/left-behind"):
        ok(third, wire.OP_CREATE, wire.create(path))
    proxy, admin = started(mounts=("/mig/workerbeats=pacemaker", "/mig/supervisors=write-behind"))
    rig.eventually(lambda: admin.get("/ready")[0] == 200, 12, "ready")
    one, two, worker, nimbus = (Conn(proxy.addr) for _ in range(4))
    for conn, name in ((one, "one"), (two, "two"), (third, "three")):
        ok(conn, wire.OP_CREATE, wire.create(f"/mig/supervisors/{name}", b"info", flags=1))
    ok(worker, wire.OP_CREATE, wire.create("/mig/workerbeats/t-1/here-6700", b"beat"))
    ok(direct_worker, wire.OP_CREATE, wire.create("/mig/workerbeats/t-1/there-6701", b"beat"))
    ok(nimbus, wire.OP_CREATE, wire.create("/mig/leader-lock/_c_latch-", b"secret", flags=3))
    ok(third, wire.OP_CREATE, wire.create("/mig/nimbuses/nimbus-host:6627", b"", flags=1))
    assert admin.get("/api/v1/migration")[0] == 202, "the first one has the ensemble asked"
    ways, rows = migration(admin)
    assert ways == {"supervisors": (2, 1), "nimbuses": (0, 1), "leader_lock": (1, 0), "workers": (1, 1)}, (ways, rows)
    assert rows["/mig/supervisors/one"]["address"] == "%s:%d" % one.sock.getsockname(), rows
    assert rows["/mig/supervisors/three"]["way"] == "directly" and rows["/mig/supervisors/three"]["address"] is None
    assert rows["/mig/supervisors/three"]["session"] == f"{third.session & 0xffff:04x}", rows
    assert rows["/mig/workerbeats/t-1/there-6701"]["name"] == "there-6701 of t-1", rows
    assert rows["/mig/workerbeats/t-1/here-6700"]["way"] == "here" and "/mig/supervisors/left-behind" not in rows, rows
    latch = next(r for r in rows.values() if r["kind"] == "leader-lock")
    assert latch["name"].startswith("_c_latch-00") and latch["way"] == "here", rows
    assert rows["/mig/nimbuses/nimbus-host:6627"]["way"] == "directly", rows
    assert admin.get("/api/v1/migration")[0] == 200, "what was found stands for a while"
    status, text, _ = run(admin, "migration")
    assert "secret" not in text and status == 0 and re.search(r"^supervisors +2 here +1 directly$", text, re.M), text
    assert re.search(r"^supervisor +three +directly +[0-9a-f]{4} +- +/mig/supervisors/three$", text, re.M), text
    third.close_session()
    direct_worker.close_session()
    fourth = Conn(proxy.addr)
    ok(fourth, wire.OP_CREATE, wire.create("/mig/supervisors/three", b"info", flags=1))
    rig.eventually(lambda: migration(admin)[0]["supervisors"] == (3, 0), 15, "the third one has come over")
    for conn in (one, two, worker, nimbus, fourth):
        conn.close_session()
    assert proxy.stop() == 0


def test_migration_that_cannot_be_told():
    elsewhere, admin = started(mounts=("/m=pacemaker",))
    status, _, said = run(admin, "migration")
    assert status == 1 and "root is not known" in said, said
    assert elsewhere.stop() == 0
    path = os.path.join(rig.temp_dir(), "lonely.sock")
    lonely = rig.Pacekeeper(f"127.0.0.1:{rig.free_port()}", mounts=STORM, args=["--admin", f"unix:{path}"]).start()
    status, _, said = run(Admin(lonely), "migration")
    assert status == 1 and "no server of the ensemble" in said, said
    assert lonely.stop() == 0


def test_close_a_client():
    proxy, admin = started()
    one, two = Conn(proxy.addr), Conn(proxy.addr)
    port = one.sock.getsockname()[1]
    assert run(admin, "close", f"127.0.0.1:{port}")[0] == 0
    rig.eventually(lambda: len(admin.json("/api/v1/clients")) == 1, 5, "one client less")
    assert admin.value("pacekeeper_connections_closed_total", reason="operator") == 1
    ok(two, wire.OP_EXISTS, wire.exists("/m"))
    status, _, said = run(admin, "close", "99.99")
    assert status == 1 and "no client" in said, said
    assert admin.post("/api/v1/close?client=0.1", unix=False)[0] == 403
    two.close_session()
    assert proxy.stop() == 0


def test_drain_at_a_rate():
    proxy, admin = started()
    conns = [Conn(proxy.addr) for _ in range(12)]
    rig.eventually(lambda: admin.get("/ready")[0] == 200, 12, "ready")
    status, text, _ = run(admin, "drain", "--rate", "8")
    assert status == 0 and "12 are to leave" in text, text
    assert admin.get("/ready") == (503, "an operator drains it\n")
    left = len(admin.json("/api/v1/clients"))
    assert 0 < left, "they leave one after the other"
    try:
        Conn(proxy.addr)
        raise AssertionError("a new client is taken while it drains")
    except OSError:
        pass
    rig.eventually(lambda: len(admin.json("/api/v1/clients")) == 0, 10, "all have left")
    assert proxy.running() and admin.get("/live")[0] == 200
    for conn in conns:
        conn.sock.close()
    assert run(admin, "drain", "--rate", "x")[0] == 1
    assert proxy.stop() == 0


def test_top_in_a_pipe_and_on_a_terminal():
    proxy, admin = started(mounts=STORM)
    conns = storm_clients(proxy.addr)
    argv = [rig.daemon_path(), "top", "--admin", "unix:" + admin.paths[0]]
    piped = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    lines = [piped.stdout.readline() for _ in range(2)]
    piped.terminate()
    piped.wait(10)
    assert all(re.match(r"memory/s=\d+ relayed/s=\d+ absorbed/s=\d+ .*spared=[\d.]+% clients=3 ", s) for s in lines), lines
    tmux = [rig.need("/usr/bin/tmux", "tmux"), "-S", os.path.join(rig.temp_dir(), "tmux"), "-f", "/dev/null"]
    subprocess.run([*tmux, "new-session", "-d", "-x", "100", "-y", "30", " ".join(argv) + "; sleep 60"], check=True)

    def screen():
        return subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True).stdout

    try:
        rig.eventually(lambda: "worker node7-6700" in screen() and "spared" in screen(), 10, "the view on the screen")
        shown = screen()
        assert "mounts" in shown and "servers" in shown and max(map(len, shown.splitlines())) <= 100, shown
        assert "busiest writers" in shown, shown
        subprocess.run([*tmux, "send-keys", "q"], check=True)
        rig.eventually(lambda: "spared" not in screen(), 10, "q ends it")
        subprocess.run([*tmux, "new-window", " ".join(argv) + " --stat"], check=True)
        rig.eventually(lambda: screen().count("memory/s=") >= 2, 10, "a line a second on a terminal, too")
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)
    status, text, _ = run(admin, "top", "--json")
    assert status == 0 and json.loads(text)["clients"] == 3, text
    for conn in conns:
        conn.close_session()
    assert proxy.stop() == 0


def test_mistakes_on_the_command_line():
    proxy, admin = started()
    for words in (["show"], ["show", "nothing"], ["show", "a", "b"], ["explain"], ["drain", "--json"], ["reload", "x"],
                  ["close"], ["top", "--rate", "1"], ["migration", "x"]):
        status, _, said = run(admin, *words)
        assert status == 2 and said.startswith("pacekeeper"), (words, status, said)
    for command in ("show", "explain", "top", "drain", "reload", "close", "migration"):
        status, text, _ = run(admin, command, "-h")
        assert status == 0 and text.startswith(f"Usage: pacekeeper {command}") and "--admin" in text, text
    done = subprocess.run([rig.daemon_path(), "show", "--admin", "unix:/nonexistent/sock", "servers"],
                          capture_output=True, text=True)
    assert done.returncode == 1 and "is it running" in done.stderr, done
    over_tcp = "%s:%d" % admin.addrs[0]
    done = subprocess.run([rig.daemon_path(), "show", "--admin", over_tcp, "mounts"], capture_output=True, text=True)
    assert done.returncode == 0 and "pacemaker" in done.stdout, done
    done = subprocess.run([rig.daemon_path(), "drain", "--admin", over_tcp], capture_output=True, text=True)
    assert done.returncode == 1 and "not from here" in done.stderr, done
    assert proxy.stop() == 0


def completed(*words):
    """What bash offers for the last of these words."""
    script = os.path.join(rig.top_srcdir(), "contrib", "pacekeeper.bash-completion")
    quoted = " ".join(f"'{w}'" for w in ("pacekeeper", *words))
    done = subprocess.run(["bash", "-c", f'. "{script}"; COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _pacekeeper; '
                           'printf "%s\\n" "${COMPREPLY[@]}"'], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_bash_completion_knows_every_command():
    with open(os.path.join(rig.top_srcdir(), "src", "main.c"), encoding="utf-8") as f:
        commands = re.findall(r'\{"([a-z]+)", [a-z_]+\}', f.read())
    assert len(commands) >= 9 and set(commands) <= set(completed("")), (commands, completed(""))
    assert completed("show", "s") == ["servers"] and "--rate" in completed("drain", "--")
    file = os.path.join(rig.top_srcdir(), "Makefile.am")
    assert completed("to") == ["top"] and file in completed("savings", file[:-3])
    for command in ("", *commands):
        usage = subprocess.run([rig.daemon_path(), *command.split(), "-h"], capture_output=True, text=True, check=True)
        options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", usage.stdout))
        offered = set(completed(*command.split(), "--"))
        assert len(options) > 2 and options <= offered, (command, options - offered)


def test_odd_arguments():
    _, admin = rig.shared("odd", started)
    for path in ("/api/v1/clients?limit=x", "/api/v1/clients?limit=-1", "/api/v1/explain", "/api/v1/explain?path=m"):
        assert admin.get(path)[0] == 400, path
    assert admin.json("/api/v1/clients?limit=0") == []
    odd = '/m/<b>"&\\\x01'
    text = admin.json("/api/v1/explain?path=" + "".join(f"%{b:02x}" for b in odd.encode()))
    assert text["path"] == odd, text
    assert admin.get("/api/v1/reload")[0] == 405


if __name__ == "__main__":
    rig.main(globals())
