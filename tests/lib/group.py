"""Members of a group: pacekeepers that share a memory, and the opening of their connections, written a second time.

Happy path: Group(upstream, n).start() starts n members with one secret, waits until one is primary and the others' copies
are listed. primary() and standbys() tell them apart. open_as_member() opens a connection at a member port as a member
does, with Python's own HMAC.
"""
import hashlib
import hmac
import os
import socket
import struct

from daemon import Pacekeeper
from procs import eventually, free_port, temp_dir
from wire import four_letter, mntr

SECRET = "0123456789abcdef0123456789abcdef"
LINK, RELAY = 1, 2
V2 = b"\r\n\r\n\0\r\nQUIT\n"


def secret_file(text=SECRET + "\n", mode=0o600):
    path = os.path.join(temp_dir(), "secret")
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def proxy_header(address="127.0.0.1", port=4711):
    return V2 + b"\x21\x11\0\x0c" + socket.inet_aton(address) + bytes(4) + struct.pack(">HH", port, 0)


class Opening:
    """One connection to a member port. taken: what the port answered, None when it closed."""

    def __init__(self, addr, kind=LINK, secret=SECRET, epoch=0, silent_us=0, header=b"", version=1, piece=None, tls=None):
        self.sock = socket.create_connection(addr, 5)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=addr[0])
        self.sock.settimeout(5)
        greeting = self.read(38)
        assert greeting is not None and greeting[:6] == b"PKMB\0\1", greeting
        claim = struct.pack(">HB", version, kind) + os.urandom(32) + struct.pack(">qqH", epoch, silent_us, len(header))
        claim += header
        claim += hmac.new(secret.encode(), b"client" + greeting + claim, hashlib.sha256).digest()
        for at in range(0, len(claim), piece or len(claim)):
            self.sock.sendall(claim[at:at + (piece or len(claim))])
        answer = self.read(33)
        self.taken = None
        if answer is not None:
            wanted = hmac.new(secret.encode(), b"server" + greeting + claim + answer[:1], hashlib.sha256).digest()
            assert hmac.compare_digest(wanted, answer[1:]), "the port has proved nothing"
            self.taken = answer[0] == 1

    def read(self, n):
        """n bytes, or None at the end."""
        data = b""
        while len(data) < n:
            try:
                chunk = self.sock.recv(n - len(data))
            except ConnectionError:
                return None
            if not chunk:
                return None
            data += chunk
        return data

    def close(self):
        self.sock.close()


class Member(Pacekeeper):
    """One of a group. host: the name under which the others reach it, which is another address for them (names.py)."""

    def __init__(self, upstream, secret, mounts=("/m=pacemaker",), name="storm", port=None, args=(), host="127.0.0.1",
                 **options):
        self.member_port = port or free_port()
        self.member_addr = ("127.0.0.1", self.member_port)
        group = f"{host}:{self.member_port},secret-file={secret},name={name}"
        super().__init__(upstream, mounts, args=("--group", group, *args), **options)

    def figures(self):
        """mntr, or {} when nobody answers."""
        try:
            return mntr(self.addr)
        except OSError:
            return {}

    def role(self):
        return self.figures().get("pk_group_role")

    def group_line(self):
        return next((x for x in four_letter(self.addr, "srvr").splitlines() if x.startswith("Group: ")), "")


    def again(self):
        """Another process at the same address."""
        self.argv[self.argv.index("--listen") + 1] = f"127.0.0.1:{self.port}"
        return self.start()


class Group:
    """n members before one ensemble; or those that are given."""

    def __init__(self, upstream, n=2, members=None, **options):
        secret = secret_file()
        self.members = members or [Member(upstream, secret, **options) for _ in range(n)]

    def start(self):
        for member in self.members:
            member.start()
        self.whole()
        return self

    def alive(self):
        return [m for m in self.members if m.running()]

    def primary(self, timeout=20):
        def find():
            found = [m for m in self.alive() if m.role() == "primary"]
            return found[0] if found else None
        return eventually(find, timeout, "a primary")

    def standbys(self):
        return [m for m in self.alive() if m.role() == "standby"]

    def whole(self, timeout=20):
        """Waits until every other member's copy is listed."""
        def is_whole():
            figures = self.primary().figures()
            return figures.get("pk_group_reigning") == 1 and figures.get("pk_group_copies") == len(self.alive()) - 1
        eventually(is_whole, timeout, "every copy is listed")
