import java.util.ArrayList;
import java.util.List;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ClientInfo;
import org.apache.zookeeper.data.Stat;

/**
 * Authenticates by SASL as the JVM's login configuration says, then prints who the server thinks it is, what
 * it may do to a znode of its own, and what beats it reads back. Arguments: connect string, base path.
 */
public final class SaslWho {
    public static void main(String[] args) throws Exception {
        ZooKeeper zk = SaslLogin.connect(args[0]);
        if (zk == null) {
            return;
        }
        List<String> who = new ArrayList<>();
        for (ClientInfo info : zk.whoAmI()) {
            if (!info.getAuthScheme().equals("ip")) {
                who.add(info.getAuthScheme() + ":" + info.getUser());
            }
        }
        System.out.println(who);
        zk.create(args[1], new byte[] {1}, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create(args[1] + "/mine", new byte[] {2}, Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        System.out.println(zk.getACL(args[1] + "/mine", new Stat()));
        zk.setData(args[1] + "/mine", new byte[] {3}, 0);
        zk.create(args[1] + "/beat", new byte[] {0}, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        for (byte i = 1; i < 50; i++) {
            zk.exists(args[1] + "/beat", false);
            zk.setData(args[1] + "/beat", new byte[] {i}, -1);
        }
        Stat stat = new Stat();
        System.out.println("beat " + zk.getData(args[1] + "/beat", false, stat)[0] + " version " + stat.getVersion());
        try {
            zk.create(args[1] + "/mine/child", null, Ids.READ_ACL_UNSAFE, CreateMode.EPHEMERAL);
            zk.setData(args[1] + "/mine/child", null, -1);
        } catch (KeeperException e) {
            System.out.println(e.code());
        }
        zk.close();
        System.out.println("done");
    }
}
