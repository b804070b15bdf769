"""The calls of kazoo for capture.py: prints each call's arguments, then makes it."""
import sys
import time

from kazoo.client import KazooClient
from kazoo.security import OPEN_ACL_UNSAFE, make_digest_acl


def say(text):
    print(text, flush=True)


def show(stat):
    return "GOT err=0 stat=" + ",".join(str(n) for n in stat)


def main():
    zk = KazooClient(hosts=sys.argv[1], timeout=6.0)
    say("CALL connect zxid=0 timeout=6000 session=0 passwd=16 ro=0")
    zk.start()
    say(f"GOT session={zk.client_id[0]} timeout=6000")
    say("CALL create op=1 path=/kz data= acl=open n=0")
    say(f"GOT err=0 path={zk.create('/kz', b'', acl=OPEN_ACL_UNSAFE)}")
    say("CALL create2 op=15 path=/kz/a data=76616c acl=open n=0")
    path, stat = zk.create("/kz/a", b"val", acl=OPEN_ACL_UNSAFE, include_data=True)
    say(f"{show(stat)} path={path}")
    say("CALL create op=1 path=/kz/s- data= acl=open n=3")
    say(f"GOT err=0 path={zk.create('/kz/s-', b'', acl=OPEN_ACL_UNSAFE, ephemeral=True, sequence=True)}")
    say("CALL create op=1 path=/kz/secret data=78 acl=other n=0")
    zk.create("/kz/secret", b"x", acl=[make_digest_acl("u", "p", all=True)])
    say("CALL create op=1 path=/kz/\u00e9\u4e2d data= acl=open n=0".replace("\u00e9\u4e2d", "%C3%A9%E4%B8%AD"))
    zk.create("/kz/\u00e9\u4e2d", b"", acl=OPEN_ACL_UNSAFE)
    say("CALL exists op=3 path=/kz/a watch=1")
    say(show(zk.exists("/kz/a", watch=lambda e: say(f"EVENT type=3 path={e.path}"))))
    say("CALL exists op=3 path=/kz/none watch=0")
    zk.exists("/kz/none")
    say("GOT err=-101")
    say("CALL set op=5 path=/kz/a data=6e6577 n=0")
    say(show(zk.set("/kz/a", b"new", version=0)))
    say("CALL get op=4 path=/kz/a watch=0")
    data, stat = zk.get("/kz/a")
    say(f"{show(stat)} data={data.hex()}")
    say("CALL getacl op=6 path=/kz/a")
    say(show(zk.get_acls("/kz/a")[1]) + " acl=open")
    say("CALL setacl op=7 path=/kz/a acl=open n=-1")
    say(show(zk.set_acls("/kz/a", OPEN_ACL_UNSAFE)))
    say("CALL children op=8 path=/kz/a watch=1")
    zk.get_children("/kz/a", watch=lambda e: None)
    say("CALL children2 op=12 path=/kz/a watch=0")
    say(show(zk.get_children("/kz/a", include_data=True)[1]))
    say("CALL sync op=9 path=/kz/a")
    say(f"GOT err=0 path={zk.sync('/kz/a')}")
    say("CALL multi op=14 ops=1:/kz/m,5:/kz/m,13:/kz/m,2:/kz/m")
    t = zk.transaction()
    t.create("/kz/m", b"1", acl=OPEN_ACL_UNSAFE)
    t.set_data("/kz/m", b"2", version=0)
    t.check("/kz/m", 1)
    t.delete("/kz/m", 1)
    t.commit()
    say("CALL delete op=2 path=/kz/secret n=-1")
    zk.delete("/kz/secret")
    say("CALL auth op=100 xid=-4")
    zk.add_auth("digest", "u:p")
    time.sleep(2.5)
    say("CALL close op=-11")
    zk.stop()


main()
