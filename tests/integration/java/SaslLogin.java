import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;

/** A client that authenticates by SASL as the JVM's login configuration says. */
final class SaslLogin {
    private SaslLogin() {
    }

    /** Prints how it ended. Returns null when the server refused; without an answer the program ends. */
    static ZooKeeper connect(String where) throws Exception {
        CountDownLatch done = new CountDownLatch(1);
        AtomicReference<KeeperState> state = new AtomicReference<>();
        ZooKeeper zk = new ZooKeeper(where, 10000, e -> {
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
            return null;
        }
        return zk;
    }
}
