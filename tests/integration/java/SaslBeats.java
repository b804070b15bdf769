import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** Authenticates by SASL as the JVM's login configuration says, then beats. Arguments: connect string, path. */
public final class SaslBeats {
    public static void main(String[] args) throws Exception {
        ZooKeeper zk = SaslLogin.connect(args[0]);
        if (zk == null) {
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
