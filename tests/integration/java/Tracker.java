import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryOneTime;

/**
 * Curator with its ensemble tracker, as every Curator client since 4.3 has it: prints the connect string that
 * it ends up with. Arguments: connect string, seconds to wait for a change of it.
 */
public final class Tracker {
    public static void main(String[] args) throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.newClient(args[0], 20000, 15000, new RetryOneTime(100));
        client.start();
        client.checkExists().forPath("/");
        System.out.println("connected");
        System.out.flush();
        long end = System.nanoTime() + (long) (Double.parseDouble(args[1]) * 1e9);
        String now = args[0];
        while (System.nanoTime() < end && now.equals(args[0])) {
            Thread.sleep(20);
            now = client.getZookeeperClient().getCurrentConnectionString();
        }
        client.checkExists().forPath("/");
        System.out.println(now);
        client.close();
    }
}
