import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;

/**
 * Leaves a data and a child watch on a path and a data watch on its child x, and says what they bring, whatever
 * happens to the connection meanwhile. Ends after three events. Arguments: connect string, path.
 */
public final class ZkWatch {
    public static void main(String[] args) throws Exception {
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        CountDownLatch ready = new CountDownLatch(1);
        ZooKeeper zk = new ZooKeeper(args[0], 15000, e -> {
            if (e.getType() != EventType.None) {
                events.add(e.getType().getIntValue() + " " + e.getPath().substring(args[1].length()));
            } else if (e.getState() == KeeperState.SyncConnected) {
                ready.countDown();
            }
        });
        if (!ready.await(10, TimeUnit.SECONDS)) {
            System.exit(1);
        }
        zk.getData(args[1], true, null);
        zk.getChildren(args[1], true);
        zk.exists(args[1] + "/x", true);
        long session = zk.getSessionId();
        System.out.println("watching 0 session " + Long.toHexString(session));
        System.out.flush();
        for (int i = 0; i < 3; i++) {
            System.out.println("event " + events.poll(20, TimeUnit.SECONDS));
            System.out.flush();
        }
        System.out.println("the same session " + (zk.getSessionId() == session ? 1 : 0));
        zk.close();
    }
}
