"""What differs between the two lines of Storm that the rig runs: versions, Java, main classes, configuration.

Happy path: LINES["2.8"] or LINES["1.2"]; nothing else in this folder asks for a version number. 2.8 is today's
Storm, whose liveness is RPC; in 1.2 a worker lives as long as its heartbeat in ZooKeeper moves.
"""
from collections import namedtuple

Line = namedtuple("Line", "name version pom worker_lib release nimbus supervisor ui logviewer worker heartbeats "
                          "settings liveness pacemaker_store pacemaker pacemaker_spellings")

# Defaults poll every 100 us and flush every 1 ms: idle workers would take a fifth of a core each.
CHEAP_2 = """executor.metrics.frequency.secs: 3
topology.component.resources.onheap.memory.mb: 16
topology.batch.flush.interval.millis: 100
topology.bolt.wait.strategy: "org.apache.storm.policy.WaitStrategyPark"
topology.bolt.wait.park.microsec: 10000
topology.spout.wait.strategy: "org.apache.storm.policy.WaitStrategyPark"
topology.spout.wait.park.microsec: 10000
topology.disable.loadaware.messaging: true
nimbus.topology.blobstore.deletion.delay.ms: 5000
storm.resource.isolation.plugin.enable: false
"""
CHEAP_1 = """topology.sleep.spout.wait.strategy.time.ms: 20
topology.disruptor.batch.timeout.millis: 100
"""

LINES = {
    "2.8": Line(
        name="2.8", version="2.8.3", pom="home-2.8.xml", worker_lib="lib-worker", release="17",
        nimbus="org.apache.storm.daemon.nimbus.Nimbus", supervisor="org.apache.storm.daemon.supervisor.Supervisor",
        ui=None, logviewer=None,                  # their artifact is not published
        worker="org.apache.storm.daemon.worker.Worker", heartbeats="org.apache.storm.command.Heartbeats",
        settings=CHEAP_2, liveness="RPC",
        pacemaker_store="org.apache.storm.cluster.PaceMakerStateStorageFactory",
        pacemaker="org.apache.storm.pacemaker.Pacemaker", pacemaker_spellings=1),
    "1.2": Line(
        name="1.2", version="1.2.4", pom="home-1.2.xml", worker_lib="lib", release="8",
        nimbus="org.apache.storm.daemon.nimbus", supervisor="org.apache.storm.daemon.supervisor.Supervisor",
        ui="org.apache.storm.ui.core", logviewer="org.apache.storm.daemon.logviewer",
        worker="org.apache.storm.daemon.worker", heartbeats="org.apache.storm.command.heartbeats",
        settings=CHEAP_1, liveness="heartbeats",
        pacemaker_store="org.apache.storm.pacemaker.pacemaker_state_factory",
        # Its Nimbus does not wait for its login: it tries eleven times at once, over all servers that it has, and halts.
        pacemaker="org.apache.storm.pacemaker.pacemaker", pacemaker_spellings=25),
}
