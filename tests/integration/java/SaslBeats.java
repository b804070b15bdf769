import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** Authenticates by SASL as the JVM's login configuration says, then beats. Arguments: connect string, path. */
public final class SaslBeats {
    public static void main(String[] args) throws Exception {
        CountDownLatch done = new CountDownLatch(1);
        AtomicReference<KeeperState> state = new AtomicReference<>();
        ZooKeeper zk = new ZooKeeper(args[0], 10000, e -> {
            if (e.getState() == KeeperState.SaslAuthenticated || e.getState() == KeeperState.AuthFailed) {
                state.compareAndSet(null, e.getState());
                done.countDown();
            }
        });
        if (!done.await(15, TimeUnit.SECONDS)) {
            System.out.println("no answer to SASL");
            System.exit(1);
        }
        System.out.println(state.get());
        if (state.get() == KeeperState.AuthFailed) {
            zk.close();
            return;
        }
        zk.create(args[1], new byte[] {0}, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        for (byte i = 1; i < 50; i++) {
            zk.exists(args[1], false);
            zk.setData(args[1], new byte[] {i}, -1);
        }
        Stat stat = new Stat();
        System.out.println("beat " + zk.getData(args[1], false, stat)[0] + " version " + stat.getVersion());
        zk.close();
    }
}
