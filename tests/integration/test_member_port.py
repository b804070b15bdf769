"""The member port: who has the group's secret gets an answer that proves it, who has not is closed, and costs little.
"""
import socket
import time

import group
import rig
from group import LINK, RELAY, Opening
from wire import Conn


def member():
    def make():
        zk = rig.zookeeper_with("/m")
        proxy = group.Member(zk.connect_string, group.secret_file())
        proxy.start()
        rig.eventually(lambda: proxy.role() == "primary", 15, "the member is primary")
        return proxy
    return rig.shared("member", make)


def closed(sock):
    sock.settimeout(5)
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


def test_the_log_says_where_members_are_listened_for():
    assert f":{member().member_port} for the group's members" in member().log()


def test_the_secret_opens_and_nothing_else():
    proxy = member()
    for piece in (None, 1, 50):
        opening = Opening(proxy.member_addr, LINK, piece=piece)
        assert opening.taken is True, piece
        opening.close()
    before = proxy.figures()
    assert Opening(proxy.member_addr, LINK, secret="another secret of some length").taken is None
    assert Opening(proxy.member_addr, LINK, version=2).taken is None
    assert Opening(proxy.member_addr, RELAY, header=b"PROXY?").taken is None
    after = proxy.figures()
    assert after["pk_group_turned_away_secret"] == before["pk_group_turned_away_secret"] + 1
    assert after["pk_group_turned_away_other"] == before["pk_group_turned_away_other"] + 2
    assert proxy.log().count("it has not the group's secret") == 1, "once a minute"
    assert group.SECRET not in proxy.log()


def test_a_relay_for_another_primary_is_refused():
    """With the proof that the port is a member's: the standby learns that it asks the wrong one."""
    proxy = member()
    epoch = int(proxy.figures()["pk_group_epoch"], 16)
    assert Opening(proxy.member_addr, RELAY, epoch=epoch + 1, header=group.proxy_header()).taken is False
    relay = Opening(proxy.member_addr, RELAY, epoch=epoch, header=group.proxy_header("10.1.2.3", 4711))
    assert relay.taken is True
    relay.close()


def test_who_says_nothing_has_a_second():
    proxy = member()
    sock = socket.create_connection(proxy.member_addr, 5)
    began = time.monotonic()
    assert len(sock.recv(38)) == 38
    assert closed(sock)
    assert 0.9 < time.monotonic() - began < 4


def test_the_oldest_make_room():
    """A crowd of strangers keeps no member out, and no client."""
    proxy = member()
    crowd = [socket.create_connection(proxy.member_addr, 5) for _ in range(64)]
    for sock in crowd:
        assert len(sock.recv(38)) == 38
    assert Opening(proxy.member_addr, LINK).taken is True
    assert closed(crowd[0])
    Conn(proxy.addr).close_session()
    for sock in crowd:
        sock.close()


def test_noise_is_no_member():
    proxy = member()
    for noise in (b"\0" * 300, b"ruok", b"GET / HTTP/1.1\r\n\r\n" * 20):
        with socket.create_connection(proxy.member_addr, 5) as sock:
            sock.sendall(noise)
            data = b""
            while True:
                try:
                    chunk = sock.recv(1000)
                except ConnectionError:
                    break
                if not chunk:
                    break
                data += chunk
            assert data[:4] == b"PKMB" and len(data) == 38, data


if __name__ == "__main__":
    rig.main(globals())
