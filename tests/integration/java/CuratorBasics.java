import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.CuratorWatcher;
import org.apache.curator.retry.RetryOneTime;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;

/**
 * Curator's framework: does the same on every server and prints what it saw.
 * Arguments: connect string, base path.
 */
public final class CuratorBasics {
    private interface Call {
        Object run() throws Exception;
    }

    private static void say(String base, String what, Call call) throws Exception {
        try {
            System.out.println(what + ": " + String.valueOf(call.run()).replace(base + "/", "~/"));
        } catch (KeeperException e) {
            System.out.println(what + ": " + e.code());
        }
    }

    private static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }

    private static List<String> sorted(List<String> names) {
        Collections.sort(names);
        return names;
    }

    public static void main(String[] args) throws Exception {
        String base = args[1];
        CuratorFramework client = CuratorFrameworkFactory.newClient(args[0], 20000, 15000, new RetryOneTime(100));
        client.start();
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        CuratorWatcher watcher = e -> events.add(e.getType() + " " + e.getPath().replace(base + "/", "~/"));
        say(base, "parents", () -> client.create().creatingParentsIfNeeded().forPath(base + "/p/q/r", bytes("leaf")));
        say(base, "exists", () -> client.checkExists().forPath(base + "/p/q/r").getVersion());
        say(base, "set", () -> client.setData().forPath(base + "/p/q/r", bytes("new")).getVersion());
        say(base, "get", () -> new String(client.getData().forPath(base + "/p/q/r")));
        say(base, "get parent", () -> client.getData().forPath(base + "/p/q").length);
        say(base, "create or set", () -> client.create().orSetData().forPath(base + "/p/q/r", bytes("set")));
        say(base, "list", () -> sorted(client.getChildren().forPath(base + "/p")));
        say(base, "protected ephemeral", () -> client.create().withProtection()
            .withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(base + "/p/lock-").endsWith("lock-0000000001"));
        say(base, "watched", () -> new String(client.getData().usingWatcher(watcher).forPath(base + "/p/q/r")));
        say(base, "set", () -> client.setData().forPath(base + "/p/q/r", bytes("watched")).getVersion());
        say(base, "event", () -> events.poll(10, TimeUnit.SECONDS));
        say(base, "transaction", () -> client.transaction().forOperations(
            client.transactionOp().create().forPath(base + "/p/t"),
            client.transactionOp().setData().withVersion(0).forPath(base + "/p/t", bytes("x")),
            client.transactionOp().delete().forPath(base + "/p/t")).size());
        say(base, "delete with children", () -> client.delete().deletingChildrenIfNeeded().forPath(base + "/p"));
        say(base, "gone", () -> client.checkExists().forPath(base + "/p"));
        say(base, "delete missing", () -> client.delete().forPath(base + "/p"));
        client.close();
        System.out.println("done");
    }
}
