"""A whole Storm cluster on loopback: a 3-server ensemble, 2 Nimbuses, 2 Supervisors, UI, Logviewer, and pacekeeper.

Happy path: Cluster(home, through=True).start() is up when a Nimbus leads and both supervisors are registered;
submit(...) runs topologies; stop() ends everything. through=False is the same cluster without pacekeeper. Storm's
configuration knows one port of ZooKeeper for all servers, so the servers listen on 127.0.0.1, .2 and .3, and so do
several pacekeepers. It also knows one port of Nimbus for all hosts, which two Nimbuses on one host cannot have: the
port of storm.yaml is a plain relay on the address of each of them.
"""
import collections
import os
import subprocess
import time

import group
import hosts
import rig
import security
import txnlog
from daemon import Pacekeeper
from procs import eventually, free_ports
from readers import PulseReader, ZnodeReader
from relay import Relay
from ui import Ui, quietly
from wire import OP_AUTH, OP_EXISTS, OP_GET_CHILDREN2, Conn, auth, exists, get_children2, parse_reply

RESTART_SECONDS = 1.0            # RestartSec of contrib/pacekeeper.service
SLOTS = 4                        # of each supervisor
RIG = object()                   # in place of a secret: that of the rig itself


class Cluster:
    """kind: security.Plain or a class of it. With a port of Pacemaker's Storm keeps its heartbeats there: in pacekeeper, or,
    directly, in a JVM of its own."""

    def __init__(self, home, through, kind=security.Plain):
        self.home, self.line, self.through = kind.home_for(home), home.line, through
        self.folder = rig.temp_dir()
        hosts.folders.append(self.folder)
        self.security = kind(self.folder)
        self.pacemaker_port = self.security.pacemaker_port
        self.store = f'storm.cluster.state.store: "{self.line.pacemaker_store}"\n' if self.pacemaker_port else ""
        self.settings = self.security.settings + self.store
        self.ensemble = rig.Ensemble(3, self.security.server_cfg, self.security.server_jvm, one_port=True)
        self.zk_port = self.ensemble.servers[0].port
        self.proxies = {}                               # by address, those that should be running
        self.given = {}                                 # by address, the options that a pacekeeper was started with
        self.hosts = {}
        self.relays = []
        self.expected = {}                              # workers by name of the topologies that should run
        ports = iter(free_ports(16))
        self.proxy_port, self.nimbus_port, self.ui_port, self.logviewer_port, self.operator_port = (
            next(ports) for _ in range(5))
        self.nimbus_ports = {"nimbus-1": next(ports), "nimbus-2": next(ports)}
        self.old_yaml = os.path.join(self.folder, "old-storm.yaml")
        if self.pacemaker_port and not through:
            self._host("pacemaker", "")
        for name, port in self.nimbus_ports.items():
            self._host(name, f"nimbus.thrift.port: {port}\n")
        slots = list(ports)
        for i, name in enumerate(("supervisor-1", "supervisor-2")):
            mine = ", ".join(str(p) for p in slots[i::2][:SLOTS])
            self._host(name, f"nimbus.thrift.port: {self.nimbus_port}\nsupervisor.slots.ports: [{mine}]\n" +
                       (f"supervisor.thrift.port: {slots[-1 - i]}\n" if self.line.name != "1.2" else "") +
                       f"logviewer.port: {self.logviewer_port}\n")
        self._host("ui", f"nimbus.thrift.port: {self.nimbus_port}\nui.port: {self.ui_port}\nui.host: 127.0.0.1\n"
                         f"logviewer.port: {self.logviewer_port}\n")
        self.ui = Ui(self.ui_port if self.line.ui else self.operator_port)
        self.operator = Ui(self.operator_port)

    def _host(self, name, settings):
        settings += self.settings + self.security.settings_of(name, self.line)
        jvm = self.security.jvm + (self.security.nimbus_jvm if name.startswith("nimbus") else [])
        self.hosts[name] = hosts.Host(name, self.home, os.path.join(self.folder, name), settings, jvm)

    # ---- where Storm finds ZooKeeper ---------------------------------------------------------------------------
    def direct_addresses(self):
        return [s.host for s in self.ensemble.servers], self.zk_port

    def proxy_addresses(self):
        return sorted(self.proxies), self.security.port if self.security.tls else self.proxy_port

    def addresses(self):
        return self.proxy_addresses() if self.through else self.direct_addresses()

    def conn(self, direct=False, addresses=None, secret=RIG):
        """A session where Storm has its own, or elsewhere. secret: of whom, in a cluster with secrets; None is nobody."""
        names, port = addresses or (self.direct_addresses() if direct else self.addresses())
        tls = self.security.tls if self.through and not direct else None
        secret = self.security.RIG if secret is RIG else secret
        for name in names:
            try:
                conn = Conn((name, port), 20000, tls=tls)
            except OSError:
                continue
            if secret:
                conn.call(OP_AUTH, auth("digest", secret.encode()))
            return conn
        raise OSError(f"nobody answers on port {port} of {names}")

    def children(self, path, direct=False):
        """Names below a path of ZooKeeper, [] without it."""
        conn = self.conn(direct=direct)
        try:
            reply = conn.call(OP_GET_CHILDREN2, get_children2(path))
            return sorted(parse_reply(OP_GET_CHILDREN2, reply.body)[0]) if reply.err == 0 else []
        finally:
            conn.close_session()

    def beats(self):
        """{path: Stat} of all heartbeats, as Storm sees them."""
        conn = self.conn()
        found = {}
        try:
            root = "/storm/workerbeats"
            tops = conn.call(OP_GET_CHILDREN2, get_children2(root))
            for top in parse_reply(OP_GET_CHILDREN2, tops.body)[0] if tops.err == 0 else ():
                leaves = conn.call(OP_GET_CHILDREN2, get_children2(f"{root}/{top}"))
                for leaf in parse_reply(OP_GET_CHILDREN2, leaves.body)[0] if leaves.err == 0 else ():
                    reply = conn.call(OP_EXISTS, exists(f"{root}/{top}/{leaf}"))
                    if reply.err == 0:
                        found[f"{root}/{top}/{leaf}"] = parse_reply(OP_EXISTS, reply.body)
        finally:
            conn.close_session()
        return found

    def beat_reader(self, addresses=None):
        """Of all heartbeats, where Storm has them; with addresses as ZooKeeper's clients see them there."""
        if self.pacemaker_port and not self.through and not addresses:
            return PulseReader(self)
        return ZnodeReader(self, addresses)

    # ---- pacekeeper --------------------------------------------------------------------------------------------
    def start_proxy(self, address="127.0.0.1", args=(), config=None, member=None):
        """One pacekeeper, as an operator starts it: with the storm.yaml that knows the ensemble. member: what makes it one
        of a group, (its port for the others, the file with their secret)."""
        names, port = self.direct_addresses()
        if self.security.tls:
            port = self.security.ensemble_port
        with open(self.old_yaml, "w") as f:
            f.write(self.hosts["nimbus-1"].storm_yaml_with(names, port) + self.security.old_settings)
        self.given[address] = args, config, member
        args = ["--storm-yaml", self.old_yaml, *args]
        if self.pacemaker_port and "--pacemaker" not in args:       # by itself it would listen on every address
            args += ["--pacemaker", f"127.0.0.1:{self.pacemaker_port}"]
        options = {"args": args, "config": config or self.security.config, "listen": f"{address}:{self.proxy_port}",
                   "env": self.security.env}
        if member:
            self.proxies[address] = group.Member(None, member[1], None, port=member[0], **options).start()
        else:
            self.proxies[address] = Pacekeeper(None, None, **options).start()
        if self.security.tls:
            rig.said(self.proxies[address], "server .* answers", 60)
        return self.proxies[address]

    def start_proxies(self):
        """As many as the cluster has; a group is whole when each of its copies is listed."""
        addresses = self.security.PACEKEEPERS
        if len(addresses) == 1:
            self.start_proxy(*addresses)
        else:
            self.start_group(addresses)

    def start_group(self, addresses, config=None):
        secret = group.secret_file()
        for address in addresses:
            self.start_proxy(address, config=config, member=(free_ports(1)[0], secret))
        self.group.whole(60)

    @property
    def group(self):
        return group.Group(None, members=list(self.proxies.values()))

    def restart_proxy(self, address="127.0.0.1", after=RESTART_SECONDS, end=Pacekeeper.kill):
        """kill -9, or another end, and what systemd does then."""
        end(self.proxies[address])
        time.sleep(after)
        return self.start_proxy(address, *self.given[address])

    def use(self, through):
        """From their next start on, all of Storm's processes find ZooKeeper there."""
        self.through = through
        for host in self.hosts.values():
            host.use(*self.addresses())

    def use_store(self, name, pacemaker, through):
        """From its next start on the host keeps heartbeats in Pacemaker's store or in ZooKeeper, which it finds there."""
        host = self.hosts[name]
        host.settings = host.settings.replace(self.store, "") + (self.store if pacemaker else "")
        host.use(*(self.proxy_addresses() if through else self.direct_addresses()))

    # ---- Storm -------------------------------------------------------------------------------------------------
    def start(self):
        self.ensemble.start()
        if self.through:
            self.start_proxies()
        self.use(self.through)
        for name, port in self.nimbus_ports.items():
            self.relays.append(Relay(("127.0.0.1", port), listen=(hosts.ADDRESSES[name], self.nimbus_port)).start())
        for name in self.hosts:
            self.start_role(name)
        self.start_operator()
        eventually(self._up, 300, "a leading Nimbus and its supervisors", 0.5)
        return self

    def _up(self):
        for host in self.hosts.values():
            for role, process in host.processes.items():
                if not process.running():
                    raise AssertionError(f"{host.name}: {role} ended at its start:\n{host.log(role)[-1500:]}"
                                         f"{process.log()[-1500:]}")
        return quietly(self.ui.leader) and len(quietly(self.ui.supervisors, default=())) == len(self.supervisors)

    def roles(self, name):
        """The daemons of a host."""
        if name != "ui":
            return [name.split("-")[0]] + (["logviewer"] if name == "supervisor-1" and self.line.logviewer else [])
        return ["ui"] if self.line.ui else []

    def start_role(self, name):
        for role in self.roles(name):
            self.hosts[name].start(role)

    def start_operator(self):
        host = self.hosts["ui"]
        argv = host.client_argv("Operator", str(self.operator_port),
                                options=[hosts.HEAP["operator"], f"-Dstorm.jar={self.home.jar}"])
        host.run("operator", argv)

    def submit(self, name, kind="steady", workers=1, secret=""):
        """secret: what the topology's workers authenticate to a secured ZooKeeper with."""
        self.operator.get("/submit", 60, name=name, kind=kind, workers=workers, secret=secret)
        self.expected[name] = workers

    def rebalance(self, name, workers):
        self.operator.get("/rebalance", 60, name=name, workers=workers)
        self.expected[name] = workers

    def kill_topology(self, name):
        self.operator.get("/kill", 60, name=name)
        self.expected.pop(name)

    def wrong(self):
        """What is not as it should be, None when all is."""
        running = collections.Counter(w.topology.rsplit("-", 2)[0] for w in self.workers())
        if running != self.expected:
            return f"workers are {dict(running)} instead of {self.expected}"
        if not quietly(self.ui.leader, 5):
            return "no Nimbus leads"
        topologies = quietly(self.ui.topologies, 5, default={})
        states = {name: t["status"] for name, t in topologies.items()}
        if states != {name: "ACTIVE" for name in self.expected}:
            return f"topologies are {states}"
        if len(quietly(self.ui.supervisors, 5, default=())) != len(self.supervisors):
            return "a supervisor is not registered"
        return None

    def heartbeats(self, action, path):
        """Storm's own command `storm heartbeats list|get PATH`: what it writes and logs."""
        host = self.hosts["ui"]
        log = os.path.join(host.folder, "logs", "heartbeats.log")
        options = ["-Dlogfile.name=heartbeats.log", f"-Dlog4j.configurationFile={host.folder}/log4j2/cluster.xml"]
        argv = host.client_argv(self.line.heartbeats, action, path, options=options, lib="lib")
        subprocess.run(argv, capture_output=True, timeout=90, stdin=subprocess.DEVNULL,
                       env=dict(os.environ, **host.env), check=True)
        with open(log, encoding="utf-8", errors="replace") as f:
            text = f.read()
        os.unlink(log)
        return text

    def workers(self):
        return hosts.workers(self.folder, self.line.worker)

    @property
    def supervisors(self):
        return [n for n in self.hosts if n.startswith("supervisor")]

    def leading_host(self):
        """The name of the host whose Nimbus leads, None while none does."""
        leader = quietly(self.ui.leader)
        return next((n for n, port in self.nimbus_ports.items() if leader and leader.endswith(f":{port}")), None)

    def last_zxid(self):
        return max(txnlog.last_zxid(s.txnlog_dir) for s in self.ensemble.servers)

    def stop(self):
        for host in self.hosts.values():
            host.stop()
        hosts.end_all(self.folder)
        for proxy in self.proxies.values():
            proxy.stop()
        self.ensemble.stop()
        self.security.stop()
        for relay in self.relays:
            relay.stop()
