import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/**
 * The plain Java client: does the same on every server and prints what it saw, without zxids and times.
 * Arguments: connect string, base path. Status 1 when something is missing or hangs.
 */
public final class ZkBasics {
    private final String base;
    private final BlockingQueue<String> events = new LinkedBlockingQueue<>();
    private final ZooKeeper zk;

    private ZkBasics(String connect, String base) throws Exception {
        this.base = base;
        CountDownLatch ready = new CountDownLatch(1);
        zk = new ZooKeeper(connect, 10000, e -> {
            if (e.getType() == Watcher.Event.EventType.None) {
                ready.countDown();
            } else {
                events.add(e.getType() + " " + shorten(e.getPath()));
            }
        });
        if (!ready.await(10, TimeUnit.SECONDS)) {
            throw new IllegalStateException("not connected");
        }
    }

    private interface Call {
        Object run() throws Exception;
    }

    private String shorten(String text) {
        return text.replace(base + "/", "~/");
    }

    private void say(String what, Call call) throws Exception {
        try {
            System.out.println(what + ": " + shorten(String.valueOf(call.run())));
        } catch (KeeperException e) {
            System.out.println(what + ": " + e.code());
        }
    }

    private static String show(Stat s) {
        return s == null ? "none" : "version " + s.getVersion() + " cversion " + s.getCversion() + " aversion "
            + s.getAversion() + " owner " + (s.getEphemeralOwner() != 0) + " length " + s.getDataLength()
            + " children " + s.getNumChildren();
    }

    private static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }

    private static List<String> sorted(List<String> names) {
        Collections.sort(names);
        return names;
    }

    private void event(String what) throws Exception {
        System.out.println(what + ": event " + events.poll(10, TimeUnit.SECONDS));
    }

    private void dataAndChildren() throws Exception {
        say("base", () -> zk.create(base, new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT).length() > 0);
        Stat s = new Stat();
        say("create", () -> zk.create(base + "/a", bytes("one"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        say("create2", () -> zk.create(base + "/b", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT, s) + show(s));
        say("again", () -> zk.create(base + "/a", bytes("x"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        say("exists", () -> show(zk.exists(base + "/a", false)));
        say("missing", () -> show(zk.exists(base + "/missing", false)));
        say("set", () -> show(zk.setData(base + "/a", bytes("three"), 0)));
        say("set stale", () -> show(zk.setData(base + "/a", bytes("x"), 0)));
        say("get", () -> new String(zk.getData(base + "/a", false, s)) + " " + show(s));
        say("get null", () -> Arrays.toString(zk.getData(base + "/b", false, s)));
        say("child", () -> zk.create(base + "/a/x", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        say("sequence",
            () -> zk.create(base + "/a/s-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL));
        say("container", () -> zk.create(base + "/a/c", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER));
        say("children", () -> sorted(zk.getChildren(base + "/a", false)));
        say("descendants", () -> zk.getAllChildrenNumber(base + "/a"));
        say("ephemerals", () -> sorted(zk.getEphemerals(base + "/a")));
        say("not empty", () -> { zk.delete(base + "/a", -1); return ""; });
        say("delete", () -> { zk.delete(base + "/a/x", -1); return ""; });
        say("parent", () -> show(zk.exists(base + "/a", false)));
        say("acl", () -> zk.getACL(base + "/b", s) + show(s));
        say("whoami has ip", () -> zk.whoAmI().stream().anyMatch(i -> i.getAuthScheme().equals("ip")));
    }

    private void watches() throws Exception {
        zk.exists(base + "/w", true);
        zk.create(base + "/w", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        event("exists watch");
        zk.getData(base + "/w", true, null);
        zk.setData(base + "/w", bytes("1"), -1);
        event("data watch");
        zk.getChildren(base + "/w", true);
        zk.create(base + "/w/c", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        event("child watch");
        zk.addWatch(base + "/w", AddWatchMode.PERSISTENT_RECURSIVE);
        zk.setData(base + "/w/c", bytes("2"), -1);
        event("recursive watch");
        zk.create(base + "/w/c/d", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        event("recursive watch");
        zk.delete(base + "/w/c/d", -1);
        event("recursive watch");
        say("remove watches", () -> {
            zk.removeAllWatches(base + "/w", Watcher.WatcherType.Any, false);
            return "";
        });
        event("removed");
        zk.setData(base + "/w/c", bytes("3"), -1);
        zk.sync(base, (rc, path, context) -> events.add("synced " + rc), null);
        event("after removal");
    }

    private void transactions() throws Exception {
        say("multi", () -> zk.multi(Arrays.asList(Op.create(base + "/t", null, Ids.OPEN_ACL_UNSAFE, 0),
            Op.setData(base + "/t", bytes("x"), 0), Op.check(base + "/t", 1), Op.delete(base + "/t", -1))).size());
        say("failing multi", () -> zk.multi(Arrays.asList(
            Op.create(base + "/t", null, Ids.OPEN_ACL_UNSAFE, 0), Op.check(base + "/none", 0))).size());
        say("not applied", () -> show(zk.exists(base + "/t", false)));
        say("multi read", () -> zk.multi(Arrays.asList(Op.getData(base + "/a"), Op.getChildren(base + "/a"),
            Op.getData(base + "/none"))).size());
    }

    public static void main(String[] args) throws Exception {
        ZkBasics first = new ZkBasics(args[0], args[1]);
        first.dataAndChildren();
        first.watches();
        first.transactions();
        first.zk.close();
        ZkBasics second = new ZkBasics(args[0], args[1]);
        second.say("after close", () -> sorted(second.zk.getChildren(args[1] + "/a", false)));
        second.zk.close();
        System.out.println("done");
    }
}
