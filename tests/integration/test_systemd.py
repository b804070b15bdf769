"""What a service manager sees of the daemon: notifications, sockets that outlive it, units, and the log's lines."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import rig
from wire import OP_CREATE, OP_EXISTS, OP_SET_DATA, Conn, create, exists, set_data


class Manager:
    """The socket to which services send their state."""

    def __init__(self):
        self.path = os.path.join(rig.temp_dir(), "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.heard = []

    def lines(self):
        while True:
            try:
                self.heard += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.heard

    def wait(self, what, count=1):
        rig.eventually(lambda: sum(line.startswith(what) for line in self.lines()) >= count, 15, f"{count} {what}")


def upstream():
    return rig.shared("zk", lambda: rig.zookeeper_with("/m"))


def test_notifications():
    manager = Manager()
    proxy = rig.Pacekeeper(upstream().connect_string,
                           env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "1500000"}).start()
    manager.wait("READY=1")
    manager.wait("WATCHDOG=1", 3)
    manager.wait("STATUS=0 clients, 0 znodes held, 1 of 1 servers serve")
    proxy.process.send(signal.SIGHUP)
    manager.wait("RELOADING=1")
    manager.wait("MONOTONIC_USEC=")
    manager.wait("READY=1", 2)
    assert proxy.stop() == 0
    manager.wait("STOPPING=1")


def test_without_a_manager_nothing_is_missing():
    proxy = rig.Pacekeeper(upstream().connect_string, env={"NOTIFY_SOCKET": "/nowhere/at/all"}).start()
    assert Conn(proxy.addr).call(OP_EXISTS, exists("/m")).err == 0
    assert proxy.stop() == 0


def with_sockets(sockets, names, listen, **options):
    """The daemon as a manager starts it: the sockets from descriptor 3 on."""
    fds = [s.fileno() for s in sockets]
    moved = " ".join(f"{30 + i}<&{fd}" for i, fd in enumerate(fds)) + " " + \
        " ".join(f"{3 + i}<&{30 + i} {30 + i}<&-" for i in range(len(fds)))
    start = f'export LISTEN_PID=$$ LISTEN_FDS={len(fds)} LISTEN_FDNAMES={names}; exec "$0" "$@" {moved}'
    return rig.Pacekeeper(upstream().connect_string, listen=listen, wrapper=["/bin/bash", "-c", start], pass_fds=fds,
                          **options)


def test_a_restart_refuses_no_connection():
    with socket.create_server(("127.0.0.1", rig.free_port()), backlog=128) as server:
        where, failures, served, stop = server.getsockname(), [], [0], threading.Event()

        def clients():
            while not stop.is_set():
                try:
                    conn = Conn(where)
                    conn.call(OP_EXISTS, exists("/m"))
                    conn.close()
                    served[0] += 1
                except OSError as e:
                    if isinstance(e, ConnectionRefusedError):
                        failures.append(e)
                time.sleep(0.005)

        proxy = with_sockets([server], "clients", f"127.0.0.1:{where[1]}").start()
        thread = threading.Thread(target=clients)
        thread.start()
        for _ in range(3):
            before = served[0]
            rig.eventually(lambda: served[0] > before + 10, 20, "clients served")
            assert proxy.stop() == 0
            proxy = with_sockets([server], "clients", f"127.0.0.1:{where[1]}").start()
        before = served[0]
        rig.eventually(lambda: served[0] > before + 10, 20, "clients served after the restarts")
        stop.set()
        thread.join()
        assert not failures, failures
        assert proxy.stop() == 0


def test_a_socket_that_listen_does_not_name():
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = with_sockets([server], "clients", "127.0.0.1:0")
        proxy.process.start()
        assert proxy.process.wait(10) == 1
        assert f"the socket clients of the service manager listens on 127.0.0.1:{server.getsockname()[1]}" in proxy.log()


def test_other_processes_sockets_are_left_alone():
    with socket.create_server(("127.0.0.1", 0)):
        proxy = rig.Pacekeeper(upstream().connect_string, env={"LISTEN_PID": "1", "LISTEN_FDS": "1"}).start()
        assert proxy.stop() == 0


def unit(name, folder):
    """A unit as it is installed, with the daemon under test."""
    source = os.path.join(rig.top_srcdir(), "contrib", name)
    with open(source, encoding="utf-8") as f:
        text = re.sub(r"@bindir@/pacekeeper", rig.daemon_path(), f.read())
    path = os.path.join(folder, name.removesuffix(".in"))
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def test_units():
    folder = rig.temp_dir()
    paths = [unit("pacekeeper.service.in", folder), unit("pacekeeper.socket", folder)]
    done = subprocess.run([rig.need("systemd-analyze", "systemd"), "verify", "--man=no", "--recursive-errors=no", *paths],
                          capture_output=True, text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if "pacekeeper" in line]
    assert done.returncode == 0 and not ours, done.stderr


def unit_reload(proxy, folder):
    """What `systemctl reload` runs, with the environment that the unit has."""
    with open(unit("pacekeeper.service.in", folder), encoding="utf-8") as f:
        commands = re.findall(r"^ExecReload=(.*)$", f.read(), re.M)
    assert len(commands) == 1 and proxy.running(), commands
    argv = commands[0].replace("${RUNTIME_DIRECTORY}", folder).split()
    return subprocess.run(argv, capture_output=True, text=True, timeout=30)


def test_a_reload_that_cannot_be_done_fails_and_changes_nothing():
    """A mistake in the file, and an address in use: the unit's reload fails and says why; else it does what it is for."""
    folder = rig.temp_dir()
    text = "listen: [127.0.0.1:0{}]\nmounts: [{{path: /m}}]\n{}"
    proxy = rig.Pacekeeper(upstream().connect_string, listen=None, mounts=None, config=text.format("", ""),
                           env={"RUNTIME_DIRECTORY": folder}).start()
    config = proxy.argv[proxy.argv.index("-c") + 1]
    conn = Conn(proxy.addr)

    def reload_with(more, line):
        with open(config, "w", encoding="utf-8") as f:
            f.write(text.format(more, line))
        done = unit_reload(proxy, folder)
        assert conn.call(OP_EXISTS, exists("/m")).err == 0, "who is here stays"
        return done.returncode, done.stdout + done.stderr

    status, said = reload_with("", "log-level: loud\n")
    assert status == 1 and "log-level" in said and "nothing is changed" in said, said
    with socket.create_server(("127.0.0.1", 0)) as busy:
        where = "127.0.0.1:%d" % busy.getsockname()[1]
        status, said = reload_with(f", {where}", "flush: 33s\n")
        assert status == 1 and f"cannot listen on {where}: Address already in use" in said, said
        assert "nothing is changed" in said and "33s" not in proxy.log(), said
    status, said = reload_with(f", {where}", "flush: 33s\n")
    assert status == 0 and f"{where} is listened on" in said and "flush: 10s -> 33s" in said, said
    conn.close_session()
    assert proxy.stop() == 0
    assert not os.path.exists(os.path.join(folder, "admin.sock")), "the socket file is left behind"


def test_the_units_own_socket_is_beside_what_is_configured():
    folder = rig.temp_dir()
    path = os.path.join(folder, "admin.sock")
    proxy = rig.Pacekeeper(upstream().connect_string, args=["--admin", f"127.0.0.1:0,listen=unix:{path}"],
                           env={"RUNTIME_DIRECTORY": folder + ":/another"}).start()
    assert proxy.log().count(f"admin side at unix:{path}") == 1 and "admin side at 127.0.0.1:" in proxy.log(), proxy.log()
    assert proxy.stop() == 0


def test_one_line_for_the_end_of_a_session():
    proxy = rig.Pacekeeper(upstream().connect_string, config="log-figures: 1s\n").start()
    conn = Conn(proxy.addr)
    assert conn.call(OP_CREATE, create("/m/one")).err == 0
    for _ in range(20):
        assert conn.call(OP_SET_DATA, set_data("/m/one", b"x")).err == 0
    rig.eventually(lambda: re.search(r"figures: 1 clients; in \d+ s \d+ requests, \d+\.\d % from memory, (2\d) "
                                     r"transactions spared; 1 znodes held; 1 of 1 servers serve", proxy.log()), 20, "figures")
    conn.close_session()
    conn.close()
    rig.eventually(lambda: re.search(r" info \[0x[0-9a-f]+ 127\.0\.0\.1:\d+\] the client closed its (session|connection) "
                                     rf"\(server {re.escape(upstream().connect_string)}, after \d+\.\d s, \d+ requests, "
                                     r"2\d of them from memory\)", proxy.log()), 10, "the end's line")
    assert proxy.stop() == 0


def test_lines_for_the_journal_have_priorities():
    """Where stderr is the journal's, which the manager says by device and inode."""
    proxy = rig.Pacekeeper(f"127.0.0.1:{rig.free_port()}", config="log-level: debug\n")
    with open(proxy.process.log_path, "wb") as f:
        file = os.fstat(f.fileno())
    proxy.process.env = dict(os.environ, JOURNAL_STREAM=f"{file.st_dev}:{file.st_ino}")
    proxy.start()
    rig.said(proxy, r"(?m)^<4>warn server \S+ does not serve")
    rig.said(proxy, r"(?m)^<6>info listening on ")
    conn = Conn(proxy.addr, connect=False)
    conn.close()
    assert proxy.stop() == 0
    lines = proxy.log().splitlines()
    assert all(re.match(r"<(3>error|4>warn|6>info|7>debug) ", line) for line in lines) and not re.search(r"\d{4}-\d\d-\d\dT", proxy.log()), lines


def test_json():
    proxy = rig.Pacekeeper(upstream().connect_string, config="log-format: json\nlog-level: debug\n")
    proxy.process.start()
    rig.eventually(lambda: "listening on" in proxy.log(), 10, "its start")
    address = re.search(r"listening on 127\.0\.0\.1:(\d+)", proxy.log())
    conn = Conn(("127.0.0.1", int(address[1])))
    conn.call(OP_EXISTS, exists("/m"))
    conn.close()
    rig.eventually(lambda: "of them from memory" in proxy.log(), 10, "the end's line")
    assert proxy.stop() == 0
    lines = [json.loads(line) for line in proxy.log().splitlines()]
    assert all(set(line) >= {"time", "level", "message"} for line in lines)
    ends = [line for line in lines if "of them from memory" in line["message"]]
    assert ends[0]["session"].startswith("0x") and ends[0]["client"].startswith("127.0.0.1:"), ends
    opened = [line for line in lines if line["message"].startswith("has a session at server")]
    assert opened[0]["level"] == "debug" and opened[0]["session"] == ends[0]["session"], opened


if __name__ == "__main__":
    rig.main(globals())
