import java.util.Map;
import org.apache.storm.Config;
import org.apache.storm.generated.StormTopology;
import org.apache.storm.spout.SpoutOutputCollector;
import org.apache.storm.task.OutputCollector;
import org.apache.storm.task.TopologyContext;
import org.apache.storm.topology.OutputFieldsDeclarer;
import org.apache.storm.topology.TopologyBuilder;
import org.apache.storm.topology.base.BaseRichBolt;
import org.apache.storm.topology.base.BaseRichSpout;
import org.apache.storm.tuple.Fields;
import org.apache.storm.tuple.Tuple;
import org.apache.storm.tuple.Values;
import org.apache.storm.utils.Utils;

/** Three small topologies: "steady" just works, "failing" reports an error now and then, "slow" is slow. */
final class Topologies {
    private Topologies() {
    }

    static StormTopology build(String kind) {
        TopologyBuilder builder = new TopologyBuilder();
        builder.setSpout("ticks", new Ticks(), 2);
        Work work = kind.equals("failing") ? new Failing() : kind.equals("slow") ? new Slow() : new Work();
        builder.setBolt("work", work, 2).shuffleGrouping("ticks");
        return builder.createTopology();
    }

    static Config config(int workers) {
        Config config = new Config();
        config.setNumWorkers(workers);
        config.setNumAckers(1);
        config.setMaxSpoutPending(20);
        return config;
    }

    /** Ten numbers a second. */
    public static class Ticks extends BaseRichSpout {
        private transient SpoutOutputCollector collector;
        private long next;

        @Override
        @SuppressWarnings("rawtypes")
        public void open(Map config, TopologyContext context, SpoutOutputCollector collector) {
            this.collector = collector;
        }

        @Override
        public void nextTuple() {
            Utils.sleep(100);
            collector.emit(new Values(next), next);
            next++;
        }

        @Override
        public void declareOutputFields(OutputFieldsDeclarer declarer) {
            declarer.declare(new Fields("n"));
        }
    }

    /** Passes its tuples on. */
    public static class Work extends BaseRichBolt {
        protected transient OutputCollector collector;
        protected long seen;

        @Override
        @SuppressWarnings("rawtypes")
        public void prepare(Map config, TopologyContext context, OutputCollector collector) {
            this.collector = collector;
        }

        @Override
        public void execute(Tuple tuple) {
            seen++;
            collector.ack(tuple);
        }

        @Override
        public void declareOutputFields(OutputFieldsDeclarer declarer) {
        }
    }

    /** Every fiftieth tuple fails and is reported: about one error in five seconds for each executor. */
    public static class Failing extends Work {
        @Override
        public void execute(Tuple tuple) {
            if (++seen % 50 == 0) {
                collector.reportError(new IllegalStateException("now and then: tuple " + seen));
                collector.fail(tuple);
            } else {
                collector.ack(tuple);
            }
        }
    }

    /** A quarter of a second for each tuple. */
    public static class Slow extends Work {
        @Override
        public void execute(Tuple tuple) {
            Utils.sleep(250);
            super.execute(tuple);
        }
    }
}
