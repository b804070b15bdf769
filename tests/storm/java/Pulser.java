import java.util.Map;
import org.apache.storm.generated.HBMessage;
import org.apache.storm.generated.HBMessageData;
import org.apache.storm.generated.HBPulse;
import org.apache.storm.generated.HBServerMessageType;
import org.apache.storm.pacemaker.PacemakerClient;
import org.apache.storm.pacemaker.PacemakerConnectionException;
import org.apache.storm.utils.Utils;

/**
 * Storm's own Pacemaker client, as its daemons use it: Pulser HOST sends a pulse, reads it and lists its parent, and
 * prints the type of each reply. storm.yaml says how it logs in.
 */
public class Pulser {
    static final String PARENT = "/workerbeats/pulser", PULSE = PARENT + "/n";

    static HBMessage path(HBServerMessageType type, String path) {
        return new HBMessage(type, HBMessageData.path(path));
    }

    /** As its users do: 1.2's gives up before a first login by Kerberos has come to its end. */
    static HBMessage send(PacemakerClient client, HBMessage message) throws Exception {
        for (int i = 0; ; i++) {
            try {
                return client.send(message);
            } catch (PacemakerConnectionException e) {
                if (i == 5) {
                    throw e;
                }
            }
        }
    }

    public static void main(String[] args) throws Exception {
        Map conf = Utils.readStormConfig();
        PacemakerClient client = new PacemakerClient(conf, args[0]);
        HBPulse pulse = new HBPulse();
        pulse.set_id(PULSE);
        pulse.set_details("beat".getBytes("UTF-8"));
        System.out.println(send(client, new HBMessage(HBServerMessageType.SEND_PULSE, HBMessageData.pulse(pulse))).get_type());
        HBMessage got = send(client, path(HBServerMessageType.GET_PULSE, PULSE));
        boolean right = got.get_type() == HBServerMessageType.GET_PULSE_RESPONSE
            && new String(got.get_data().get_pulse().get_details(), "UTF-8").equals("beat");
        System.out.println(got.get_type() + (right ? " with the beat" : ""));
        System.out.println(send(client, path(HBServerMessageType.GET_ALL_NODES_FOR_PATH, PARENT)).get_type());
        Runtime.getRuntime().halt(0);
    }
}
