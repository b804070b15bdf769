import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderLatchListener;
import org.apache.curator.retry.ExponentialBackoffRetry;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.ZooKeeper;

/**
 * Who notices that a server of the ensemble is lost: a session's watcher, a data watch that is left again with each event,
 * two leader latches and their connections. Says each thing as it happens, until its input ends. Arguments: connect string,
 * base, session timeout.
 */
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
        say("ready");
        while (System.in.read() >= 0) {
            continue;
        }
        say("end " + first.hasLeadership() + " " + second.hasLeadership());
        System.exit(0);
    }
}
