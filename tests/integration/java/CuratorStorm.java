import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.BoundedExponentialBackoffRetry;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;

/**
 * A Storm cluster's heartbeats with the library that Storm uses, in the order of its state storage:
 * directories at the start, beats of every worker, Nimbus reading them all, shutdown and teardown.
 * Arguments: connect string with chroot, workers, beats of each. Prints what Nimbus read at the end.
 */
public final class CuratorStorm {
    private static final String[] DIRECTORIES = {"/assignments", "/storms", "/supervisors", "/workerbeats", "/errors",
        "/blobstore", "/nimbuses", "/logconfigs", "/backpressure"};

    private static CuratorFramework connect(String where) throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.newClient(where, 20000, 15000,
            new BoundedExponentialBackoffRetry(1000, 30000, 5));
        client.start();
        if (!client.blockUntilConnected(15, TimeUnit.SECONDS)) {
            throw new IllegalStateException("not connected");
        }
        return client;
    }

    private static void mkdirs(CuratorFramework client, String path) throws Exception {
        if (client.checkExists().forPath(path) != null) {
            return;
        }
        try {
            client.create().creatingParentsIfNeeded().withMode(CreateMode.PERSISTENT).forPath(path, new byte[] {7});
        } catch (KeeperException.NodeExistsException e) {
            System.out.println("another made " + path);
        }
    }

    private static void beat(CuratorFramework client, String path, byte[] data) throws Exception {
        if (client.checkExists().forPath(path) != null) {
            client.setData().forPath(path, data);
            return;
        }
        mkdirs(client, path.substring(0, path.lastIndexOf('/')));
        try {
            client.create().creatingParentsIfNeeded().withMode(CreateMode.PERSISTENT).forPath(path, data);
        } catch (KeeperException.NodeExistsException e) {
            client.setData().forPath(path, data);
        }
    }

    private static byte[] stats(int worker, int n) {
        byte[] data = new byte[300 + 100 * worker];
        java.util.Arrays.fill(data, (byte) n);
        return data;
    }

    private static void readAll(CuratorFramework nimbus, String topology, int workers) throws Exception {
        List<String> names = nimbus.getChildren().forPath("/workerbeats/" + topology);
        java.util.Collections.sort(names);
        System.out.println(nimbus.getChildren().forPath("/workerbeats") + " " + names);
        for (int i = 0; i < workers; i++) {
            String path = "/workerbeats/" + topology + "/5d9b-" + (6700 + i);
            if (nimbus.checkExists().forPath(path) == null) {
                System.out.println("no beat of " + i);
                continue;
            }
            byte[] data = nimbus.getData().forPath(path);
            System.out.println("beat of " + i + ": " + data.length + " times " + data[0] + " " + data[data.length - 1]);
        }
    }

    public static void main(String[] args) throws Exception {
        int workers = Integer.parseInt(args[1]);
        int beats = Integer.parseInt(args[2]);
        String topology = "count-1-1700000000";
        CuratorFramework nimbus = connect(args[0]);
        for (String directory : DIRECTORIES) {
            mkdirs(nimbus, directory);
        }
        mkdirs(nimbus, "/workerbeats/" + topology);
        CuratorFramework[] clients = new CuratorFramework[workers];
        for (int i = 0; i < workers; i++) {
            clients[i] = connect(args[0]);
            mkdirs(clients[i], "/workerbeats");
            clients[i].create().withMode(CreateMode.EPHEMERAL).forPath("/supervisors/s" + i, new byte[180]);
        }
        for (int n = 1; n <= beats; n++) {
            for (int i = 0; i < workers; i++) {
                beat(clients[i], "/workerbeats/" + topology + "/5d9b-" + (6700 + i), stats(i, n));
            }
        }
        readAll(nimbus, topology, workers);
        clients[0].delete().deletingChildrenIfNeeded().forPath("/workerbeats/" + topology + "/5d9b-6700");
        readAll(nimbus, topology, workers);
        nimbus.delete().deletingChildrenIfNeeded().forPath("/workerbeats/" + topology);
        System.out.println(nimbus.getChildren().forPath("/workerbeats"));
        for (CuratorFramework client : clients) {
            client.close();
        }
        System.out.println(nimbus.getChildren().forPath("/supervisors"));
        nimbus.close();
    }
}
