import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** The calls of the Java client for capture.py: prints each call's arguments, then makes it. */
public final class CallsJava {
    private static final BlockingQueue<WatchedEvent> EVENTS = new LinkedBlockingQueue<>();
    private static final BlockingQueue<WatchedEvent> STATES = new LinkedBlockingQueue<>();
    private static final Watcher ON_M = EVENTS::add;

    private interface Call {
        void run() throws Exception;
    }

    private static void say(String text) {
        System.out.println(text);
        System.out.flush();
    }

    private static String show(Stat s) {
        return "GOT err=0 stat=" + s.getCzxid() + "," + s.getMzxid() + "," + s.getCtime() + "," + s.getMtime() + ","
            + s.getVersion() + "," + s.getCversion() + "," + s.getAversion() + "," + s.getEphemeralOwner() + ","
            + s.getDataLength() + "," + s.getNumChildren() + "," + s.getPzxid();
    }

    private static void fails(Call call) throws Exception {
        try {
            call.run();
        } catch (KeeperException e) {
            say("GOT err=" + e.code().intValue());
        }
    }

    private static void event(int type, String path) throws Exception {
        if (EVENTS.poll(10, TimeUnit.SECONDS) == null) {
            throw new IllegalStateException("no event");
        }
        say("EVENT type=" + type + " path=" + path);
    }

    private static void plain(ZooKeeper zk) throws Exception {
        Stat stat = new Stat();
        say("CALL create op=1 path=/jv data= acl=open n=0");
        say("GOT err=0 path=" + zk.create("/jv", new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        say("CALL create op=1 path=/jv/null data=null acl=open n=0");
        zk.create("/jv/null", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        say("CALL create2 op=15 path=/jv/a data=76616c acl=open n=0");
        String made = zk.create("/jv/a", "val".getBytes(), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT, stat);
        say(show(stat) + " path=" + made);
        say("CALL create op=1 path=/jv/e data= acl=open n=1");
        zk.create("/jv/e", new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        say("CALL container op=19 path=/jv/c data= acl=open n=4");
        zk.create("/jv/c", new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER);
        say("CALL ttl op=21 path=/jv/t data= acl=open n=5 ttl=123456");
        zk.create("/jv/t", new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, stat, 123456);
        say("CALL exists op=3 path=/jv/a watch=1");
        say(show(zk.exists("/jv/a", EVENTS::add)));
        say("CALL set op=5 path=/jv/a data=6e6577 n=0");
        say(show(zk.setData("/jv/a", "new".getBytes(), 0)));
        event(3, "/jv/a");
        say("CALL get op=4 path=/jv/a watch=0");
        zk.getData("/jv/a", false, stat);
        say(show(stat) + " data=6e6577");
        say("CALL getacl op=6 path=/jv/a");
        zk.getACL("/jv/a", stat);
        say(show(stat) + " acl=open");
        say("CALL setacl op=7 path=/jv/a acl=other n=0");
        say(show(zk.setACL("/jv/a", Ids.READ_ACL_UNSAFE, 0)));
        say("CALL children op=8 path=/jv/a watch=0");
        zk.getChildren("/jv/a", false);
        say("CALL children2 op=12 path=/jv/a watch=0");
        zk.getChildren("/jv/a", false, stat);
        say(show(stat));
        say("CALL delete op=2 path=/jv/a n=7");
        fails(() -> zk.delete("/jv/a", 7));
    }

    private static void rest(ZooKeeper zk) throws Exception {
        say("CALL multi op=14 ops=1:/jv/m,1:/jv/m/2,21:/jv/m/t,5:/jv/m,13:/jv/m,2:/jv/e");
        zk.multi(Arrays.asList(Op.create("/jv/m", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
            Op.create("/jv/m/2", new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL),
            Op.create("/jv/m/t", new byte[3], Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, 5000),
            Op.setData("/jv/m", new byte[2], 0), Op.check("/jv/m", 1), Op.delete("/jv/e", 0)));
        say("CALL multiread op=22 ops=4:/jv/m,8:/jv/m");
        zk.multi(Arrays.asList(Op.getData("/jv/m"), Op.getChildren("/jv/m")));
        say("CALL ephemerals op=103 path=/jv");
        zk.getEphemerals("/jv");
        say("CALL count op=104 path=/jv");
        zk.getAllChildrenNumber("/jv");
        say("CALL whoami op=107");
        zk.whoAmI();
        say("CALL addwatch op=106 path=/jv/p n=1");
        zk.addWatch("/jv/p", EVENTS::add, AddWatchMode.PERSISTENT_RECURSIVE);
        say("CALL addwatch op=106 path=/jv/q n=0");
        zk.addWatch("/jv/q", EVENTS::add, AddWatchMode.PERSISTENT);
        say("CALL exists op=3 path=/jv/absent watch=1");
        fails(() -> zk.exists("/jv/absent", EVENTS::add));
        say("GOT err=-101");
        say("CALL get op=4 path=/jv/m watch=1");
        zk.getData("/jv/m", ON_M, new Stat());
        say("CALL children op=8 path=/jv watch=1");
        zk.getChildren("/jv", EVENTS::add);
    }

    public static void main(String[] args) throws Exception {
        say("CALL connect zxid=0 timeout=10000 session=0 passwd=16 ro=0");
        ZooKeeper zk = new ZooKeeper(args[0], 10000, STATES::add);
        STATES.poll(10, TimeUnit.SECONDS);
        say("GOT session=" + zk.getSessionId() + " timeout=" + zk.getSessionTimeout());
        plain(zk);
        rest(zk);
        say("CALL auth op=100 xid=-4");
        zk.addAuthInfo("digest", "u:p".getBytes());
        Thread.sleep(4500);
        say("CALL connect timeout=10000 session=" + zk.getSessionId() + " passwd=16 ro=0");
        say("GOT session=" + zk.getSessionId() + " timeout=" + zk.getSessionTimeout());
        say("CALL auth op=100 xid=-4");
        say("CALL setwatches2 op=105 w0=/jv/m w1=/jv/absent w2=/jv w3=/jv/q w4=/jv/p");
        say("DROP");
        STATES.poll(10, TimeUnit.SECONDS);
        STATES.poll(10, TimeUnit.SECONDS);
        say("CALL checkwatches op=17 path=/jv/m n=2");
        zk.removeWatches("/jv/m", ON_M, WatcherType.Data, true);
        say("CALL removewatches op=18 path=/jv n=1");
        zk.removeAllWatches("/jv", WatcherType.Children, true);
        say("CALL close op=-11");
        zk.close();
    }
}
