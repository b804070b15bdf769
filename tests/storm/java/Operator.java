import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.storm.Config;
import org.apache.storm.StormSubmitter;
import org.apache.storm.generated.ClusterSummary;
import org.apache.storm.generated.ErrorInfo;
import org.apache.storm.generated.ExecutorSummary;
import org.apache.storm.generated.KillOptions;
import org.apache.storm.generated.NimbusSummary;
import org.apache.storm.generated.RebalanceOptions;
import org.apache.storm.generated.SupervisorSummary;
import org.apache.storm.generated.TopologyInfo;
import org.apache.storm.generated.TopologySummary;
import org.apache.storm.utils.NimbusClient;
import org.apache.storm.utils.Utils;

/**
 * The operator's seat: submits, rebalances and kills topologies, and shows what Nimbus' Thrift API says under the paths
 * and names of the UI's REST API, for the line whose UI is not published. Usage: Operator PORT
 *
 * <p>Each request asks the leading Nimbus with a client of its own, as the UI does. What goes wrong is answered with
 * status 500 and the stack trace.
 */
public final class Operator {
    private Operator() {
    }

    public static void main(String[] args) throws Exception {
        ServerSocket server = new ServerSocket(Integer.parseInt(args[0]), 50, InetAddress.getByName("127.0.0.1"));
        ExecutorService pool = Executors.newFixedThreadPool(4);
        while (true) {
            Socket socket = server.accept();
            pool.execute(() -> answer(socket));
        }
    }

    /** One GET of HTTP/1.0: a small Java runtime has no HTTP server of its own. */
    private static void answer(Socket socket) {
        try (Socket s = socket) {
            s.setSoTimeout(5000);
            BufferedReader reader = new BufferedReader(new InputStreamReader(s.getInputStream(), "UTF-8"));
            URI target = new URI(reader.readLine().split(" ")[1]);
            while (!reader.readLine().isEmpty()) {
                // Headers say nothing that matters here.
            }
            String status = "200 OK";
            String text;
            try {
                text = json(handle(target.getPath(), query(target.getQuery())));
            } catch (Throwable problem) {
                StringWriter trace = new StringWriter();
                problem.printStackTrace(new PrintWriter(trace));
                status = "500 Failed";
                text = trace.toString();
            }
            s.getOutputStream().write(("HTTP/1.0 " + status + "\r\n\r\n" + text).getBytes("UTF-8"));
        } catch (Exception gone) {
            // The asker did not wait, or asked nothing.
        }
    }

    private static Object handle(String path, Map<String, String> query) throws Exception {
        if (path.equals("/submit")) {
            String kind = query.get("kind");
            Config config = Topologies.config(Integer.parseInt(query.get("workers")));
            if (!query.get("secret").isEmpty()) {
                config.put(Config.STORM_ZOOKEEPER_TOPOLOGY_AUTH_SCHEME, "digest");
                config.put(Config.STORM_ZOOKEEPER_TOPOLOGY_AUTH_PAYLOAD, query.get("secret"));
            }
            StormSubmitter.submitTopology(query.get("name"), config, Topologies.build(kind));
            return map("status", "submitted");
        }
        Map<String, Object> config = Utils.readStormConfig();
        try (NimbusClient nimbus = NimbusClient.getConfiguredClient(config, 15000)) {
            if (path.equals("/kill")) {
                KillOptions options = new KillOptions();
                options.set_wait_secs(1);
                nimbus.getClient().killTopologyWithOpts(query.get("name"), options);
                return map("status", "killed");
            }
            if (path.equals("/rebalance")) {
                RebalanceOptions options = new RebalanceOptions();
                options.set_wait_secs(1);
                options.set_num_workers(Integer.parseInt(query.get("workers")));
                nimbus.getClient().rebalance(query.get("name"), options);
                return map("status", "rebalancing");
            }
            if (path.startsWith("/api/v1/topology/") && !path.endsWith("/summary")) {
                return topology(nimbus.getClient().getTopologyInfo(path.substring("/api/v1/topology/".length())));
            }
            return summary(path, nimbus.getClient().getClusterInfo());
        }
    }

    private static Object summary(String path, ClusterSummary cluster) {
        List<Object> rows = new ArrayList<>();
        switch (path) {
            case "/api/v1/nimbus/summary":
                for (NimbusSummary n : cluster.get_nimbuses()) {
                    rows.add(map("host", n.get_host(), "port", n.get_port(),
                        "status", n.is_isLeader() ? "Leader" : "Not a Leader"));
                }
                return map("nimbuses", rows);
            case "/api/v1/supervisor/summary":
                for (SupervisorSummary s : cluster.get_supervisors()) {
                    rows.add(map("id", s.get_supervisor_id(), "host", s.get_host(),
                        "uptimeSeconds", s.get_uptime_secs(), "slotsTotal", s.get_num_workers(),
                        "slotsUsed", s.get_num_used_workers()));
                }
                return map("supervisors", rows);
            case "/api/v1/topology/summary":
                for (TopologySummary t : cluster.get_topologies()) {
                    rows.add(map("id", t.get_id(), "name", t.get_name(), "status", t.get_status(),
                        "workersTotal", t.get_num_workers(), "executorsTotal", t.get_num_executors()));
                }
                return map("topologies", rows);
            default:
                throw new IllegalArgumentException("no such page: " + path);
        }
    }

    /** Spouts and bolts with what their executors say together, and the last error of each. */
    private static Object topology(TopologyInfo info) {
        Map<String, Map<String, Object>> components = new LinkedHashMap<>();
        Map<String, Object> workers = new LinkedHashMap<>();
        long all = 0;
        for (ExecutorSummary executor : info.get_executors()) {
            long emitted = 0;
            if (executor.is_set_stats()) {
                Map<String, Long> streams = executor.get_stats().get_emitted().get(":all-time");
                for (long n : streams == null ? new ArrayList<Long>() : streams.values()) {
                    emitted += n;
                }
            }
            Map<String, Object> row = components.computeIfAbsent(executor.get_component_id(),
                id -> map("spoutId", id, "executors", 0, "emitted", 0L));
            row.put("executors", (Integer) row.get("executors") + 1);
            row.put("emitted", (Long) row.get("emitted") + emitted);
            all += emitted;
            String place = executor.get_host() + ":" + executor.get_port();
            workers.put(place, map("host", executor.get_host(), "port", executor.get_port(),
                "uptimeSeconds", executor.get_uptime_secs()));
        }
        for (Map.Entry<String, List<ErrorInfo>> errors : info.get_errors().entrySet()) {
            int newest = 0;
            for (ErrorInfo error : errors.getValue()) {
                newest = Math.max(newest, error.get_error_time_secs());
            }
            if (newest > 0 && components.containsKey(errors.getKey())) {
                components.get(errors.getKey()).put("errorTime", newest);
            }
        }
        return map("id", info.get_id(), "name", info.get_name(), "status", info.get_status(),
            "workers", workers.values(), "spouts", components.values(), "bolts", new ArrayList<Object>(),
            "topologyStats", java.util.Arrays.asList(map("window", ":all-time", "emitted", all)));
    }

    private static Map<String, String> query(String text) {
        Map<String, String> values = new HashMap<>();
        for (String part : text == null ? new String[0] : text.split("&")) {
            String[] pair = part.split("=", 2);
            values.put(pair[0], pair.length > 1 ? pair[1] : "");
        }
        return values;
    }

    private static Map<String, Object> map(Object... pairs) {
        Map<String, Object> made = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            made.put((String) pairs[i], pairs[i + 1]);
        }
        return made;
    }

    private static String json(Object value) {
        StringBuilder text = new StringBuilder();
        if (value instanceof Map) {
            for (Map.Entry<?, ?> e : ((Map<?, ?>) value).entrySet()) {
                text.append(text.length() > 0 ? "," : "").append(json(e.getKey())).append(":");
                text.append(json(e.getValue()));
            }
            return "{" + text + "}";
        }
        if (value instanceof Collection) {
            for (Object o : (Collection<?>) value) {
                text.append(text.length() > 0 ? "," : "").append(json(o));
            }
            return "[" + text + "]";
        }
        if (value instanceof Number || value == null) {
            return String.valueOf(value);
        }
        return "\"" + String.valueOf(value).replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\s", " ") + "\"";
    }
}
