"""The PROXY protocol: from trusted networks the client's address is the header's, and from nowhere else."""
import signal
import socket
import struct
import time

import rig
import wire
from certs import Certs
from wire import Conn

V2 = b"\r\n\r\n\0\r\nQUIT\n"


def v1(address="203.0.113.7", port=4711):
    family = "TCP6" if ":" in address else "TCP4"
    return f"PROXY {family} {address} {'::1' if ':' in address else '127.0.0.1'} {port} 2181\r\n".encode()


def v2(address="203.0.113.7", port=4711, more=b""):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    body = socket.inet_pton(family, address) + socket.inet_pton(family, "::1" if ":" in address else "127.0.0.1")
    body += struct.pack(">HH", port, 2181) + more
    return V2 + bytes([0x21, 0x21 if ":" in address else 0x11]) + struct.pack(">H", len(body)) + body


LOCAL = V2 + b"\x20\x00\x00\x00"


def text(trusted="127.0.0.2", more=""):
    return f"proxy-protocol: [{trusted}]\nfour-letter-words: '*'\nlog-level: debug\n{more}"


def server():
    return rig.shared("zk", lambda: rig.zookeeper_with("/m"))


def start(limit):
    certs = Certs()
    certs.sign("server", "/CN=server")
    tls = (f"tls: {{listen: '127.0.0.1:0', certificate: {certs.path('server.pem')}, key: {certs.path('server.key')}}}\n"
           f"max-connections-per-address: {limit}\n")
    daemon = rig.Pacekeeper(server().connect_string, config=text(more=tls)).start()
    return certs, daemon, (daemon.host, int(rig.said(daemon, r"listening on 127.0.0.1:(\d+) with TLS")))


def proxy():
    return rig.shared("proxy", lambda: start(3))


def through(addr, header, source="127.0.0.2", **options):
    return Conn(addr, source=source, first=header, **options)


def cons(daemon):
    return wire.four_letter(daemon.addr, "cons")


def refused(addr, header, source, daemon, why):
    before = len(daemon.log())
    try:
        through(addr, header, source)
        raise AssertionError(f"served although: {why}")
    except (wire.Closed, ConnectionError):
        pass
    rig.eventually(lambda: why in daemon.log()[before:], 5, why)


def test_the_address_of_the_header_is_the_clients():
    _, daemon, _ = proxy()
    tlv = b"\xea" + struct.pack(">H", 200) + b"x" * 200
    for header, shown in ((v1(), "203.0.113.7:4711"), (v2(port=4712), "203.0.113.7:4712"),
                          (v1("2001:db8::7", 4713), "[2001:db8::7]:4713"),
                          (v2("2001:db8::8", 4714, tlv), "[2001:db8::8]:4714")):
        conn = through(daemon.addr, header)
        assert shown in cons(daemon), (shown, cons(daemon))
        assert f"{shown}]" in daemon.log()
        assert conn.call(wire.OP_CREATE, wire.create(f"/m/{shown}")).err == 0
        conn.close_session()
    conn = through(daemon.addr, LOCAL)
    assert "/127.0.0.2:" in cons(daemon)
    conn.close_session()


def test_a_header_in_pieces_and_with_tls():
    certs, daemon, tls = proxy()
    conn = Conn(daemon.addr, source="127.0.0.2", connect=False)
    for byte in v2("203.0.113.9"):
        conn.send_raw(bytes([byte]))
    conn.handshake()
    conn.close_session()
    for header in (v1("203.0.113.10"), v2("203.0.113.10")):
        conn = through(tls, header, tls=certs.context())
        assert "203.0.113.10:4711" in cons(daemon)
        conn.close_session()


def test_the_limit_of_one_address_is_the_clients():
    _, daemon, _ = proxy()
    held = [through(daemon.addr, v1("203.0.113.20", 5000 + i)) for i in range(3)]
    refused(daemon.addr, v1("203.0.113.20", 5009), "127.0.0.2", daemon, "max-connections-per-address")
    held += [through(daemon.addr, v1(f"203.0.113.{30 + i}")) for i in range(4)]
    for conn in held:
        conn.close_session()


def test_who_must_and_who_may_not_send_one():
    _, daemon, tls = proxy()
    refused(daemon.addr, b"", "127.0.0.2", daemon, "no PROXY protocol header, and proxy-protocol names its network")
    refused(daemon.addr, b"PROXY TCP4 1.2.3.4\r\n", "127.0.0.2", daemon, "a malformed PROXY protocol header")
    for header in (v1(), v2()):
        refused(daemon.addr, header, "127.0.0.1", daemon, "a PROXY protocol header from an address that proxy-protocol")
        refused(tls, header, "127.0.0.1", daemon, "a PROXY protocol header, from an address that proxy-protocol")
    conn = Conn(daemon.addr)
    conn.close_session()


def test_networks_change_with_a_reload():
    daemon = rig.Pacekeeper(server().connect_string, config=text("127.0.0.3")).start()
    refused(daemon.addr, v1(), "127.0.0.2", daemon, "that proxy-protocol does not name")
    with open(f"{daemon.dir}/pacekeeper.yaml", "w") as f:
        f.write(text("127.0.0.2, 10.0.0.0/8"))
    daemon.process.send(signal.SIGHUP)
    rig.said(daemon, "reload: proxy-protocol: 2 networks instead of 1")
    conn = through(daemon.addr, v1())
    assert "203.0.113.7:4711" in cons(daemon)
    conn.close_session()
    daemon.stop()


# Each front end comes from an address of its own, and sends the header in its own way.
HAPROXY = """global
    maxconn 100
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen v1
    bind 127.0.0.1:{v1}
    server it 127.0.0.1:{port} source 127.0.0.2 send-proxy check inter 200ms
listen v2
    bind 127.0.0.1:{v2}
    server it 127.0.0.1:{port} source 127.0.0.2 send-proxy-v2 check inter 200ms
listen below_tls
    bind 127.0.0.1:{tls}
    server it 127.0.0.1:{tls_port} source 127.0.0.2 send-proxy-v2 check inter 200ms
listen ended
    bind 127.0.0.1:{ended} ssl crt {bundle}
    server it 127.0.0.1:{port} source 127.0.0.2 send-proxy-v2-ssl-cn
"""


def test_haproxy():
    """In front of us, with each form of the header and health checks, which are nobody's connection."""
    certs, daemon, tls = start(100)
    ports = dict(zip(("v1", "v2", "tls", "ended"), rig.free_ports(4)))
    path = f"{rig.temp_dir()}/haproxy.cfg"
    with open(path, "w") as f:
        f.write(HAPROXY.format(port=daemon.port, tls_port=tls[1], bundle=certs.bundle("server"), **ports))
    front = rig.Process([rig.need("haproxy", "haproxy"), "-db", "-f", path], f"{rig.temp_dir()}/log").start()
    rig.eventually(lambda: rig.words(("127.0.0.1", ports["v1"]), "ruok") == "imok", 10, "HAProxy in front")
    for i, (name, port) in enumerate(sorted(ports.items())):
        conn = Conn(("127.0.0.1", port), source=f"127.0.0.{40 + i}",
                    tls=certs.context() if name in ("tls", "ended") else None)
        host, from_port = conn.sock.getsockname()
        assert f"/{host}:{from_port}[" in cons(daemon), (name, cons(daemon))
        assert conn.call(wire.OP_CREATE, wire.create(f"/m/haproxy-{name}")).err == 0
        conn.close_session()
        rig.said(daemon, rf"{host}:{from_port}\] the client closed its session")
    time.sleep(1)                   # several checks of each
    assert "PROXY" not in daemon.log() and "closed:" not in daemon.log()
    front.stop()
    assert daemon.stop() == 0


if __name__ == "__main__":
    rig.main(globals())
