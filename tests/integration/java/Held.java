import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCacheEvent;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.cache.TreeCacheEvent;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderLatchListener;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.ZooKeeper;

/**
 * Who notices that a server of the ensemble is lost: a session's watcher, a data watch that is left again with each event,
 * two leader latches, their connections, and three caches: of base/w, of the children of base/kids, of the tree below it.
 * Says each thing as it happens, until its input ends. Arguments: connect string, base, session timeout.
 */
@SuppressWarnings("deprecation")
public final class Held {
    private static synchronized void say(String what) {
        System.out.println(what);
        System.out.flush();
    }

    private static CuratorFramework curator(String connect, int timeout, String name) {
        CuratorFramework c = CuratorFrameworkFactory.builder().connectString(connect).sessionTimeoutMs(timeout)
            .connectionTimeoutMs(10000).retryPolicy(new ExponentialBackoffRetry(100, 5)).build();
        c.getConnectionStateListenable().addListener((client, state) -> say("curator " + name + " " + state));
        c.start();
        return c;
    }

    private static LeaderLatch latch(CuratorFramework c, String path, String name) throws Exception {
        LeaderLatch l = new LeaderLatch(c, path, name);
        l.addListener(new LeaderLatchListener() {
            @Override
            public void isLeader() {
                say("leader " + name);
            }

            @Override
            public void notLeader() {
                say("deposed " + name);
            }
        });
        l.start();
        return l;
    }

    /** What they hold when this returns is what was there; each change is said, of their connections, too. */
    private static void caches(CuratorFramework c, String base) throws Exception {
        CountDownLatch filled = new CountDownLatch(2);
        NodeCache node = new NodeCache(c, base + "/w");
        node.getListenable().addListener(() -> say("cache node"));
        node.start(true);
        PathChildrenCache path = new PathChildrenCache(c, base + "/kids", true);
        path.getListenable().addListener((client, e) -> {
            say("cache path " + e.getType());
            if (e.getType() == PathChildrenCacheEvent.Type.INITIALIZED) {
                filled.countDown();
            }
        });
        path.start(PathChildrenCache.StartMode.POST_INITIALIZED_EVENT);
        TreeCache tree = new TreeCache(c, base + "/kids");
        tree.getListenable().addListener((client, e) -> {
            say("cache tree " + e.getType());
            if (e.getType() == TreeCacheEvent.Type.INITIALIZED) {
                filled.countDown();
            }
        });
        tree.start();
        filled.await();
    }

    public static void main(String[] args) throws Exception {
        String base = args[1];
        int timeout = Integer.parseInt(args[2]);
        ZooKeeper zk = new ZooKeeper(args[0], timeout, e -> {
            if (e.getType() == EventType.None) {
                say("session " + e.getState());
            }
        });
        AtomicInteger version = new AtomicInteger();
        Watcher[] again = new Watcher[1];
        again[0] = e -> {
            if (e.getType() == EventType.None) {
                return;
            }
            say("event " + e.getType() + " after " + version.get());
            zk.getData(base + "/w", again[0], (rc, path, ctx, data, stat) -> {
                version.set(stat != null ? stat.getVersion() : -1);
                say("version " + version.get() + " rc " + rc);
            }, null);
        };
        version.set(zk.exists(base + "/w", again[0]).getVersion());
        CuratorFramework a = curator(args[0], timeout, "a");
        CuratorFramework b = curator(args[0], timeout, "b");
        LeaderLatch first = latch(a, base + "/latch", "a");
        first.await();
        LeaderLatch second = latch(b, base + "/latch", "b");
        while (first.getParticipants().size() < 2) {
            Thread.sleep(20);
        }
        caches(a, base);
        say("ready");
        while (System.in.read() >= 0) {
            continue;
        }
        say("end " + first.hasLeadership() + " " + second.hasLeadership());
        System.exit(0);
    }
}
