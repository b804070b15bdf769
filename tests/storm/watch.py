"""Watches a cluster through a fault: which workers were restarted, which daemons ended, how long beats were missing.

Happy path: with Episode(cluster) as e: <do the harm>; e.hold(5); e.settle(); the figures are then in e. A daemon that
has ended is started again a second later, as an init system does. A cluster is whole when a Nimbus leads, both
supervisors are registered, every topology is active with all its workers, and each worker has beaten since the end of
the fault: then nothing of the fault is left that could time anybody out. settle() fails when that does not happen.
"""
import threading
import time

import hosts
from procs import eventually
from readers import ROOT
from ui import quietly

BEAT_SECONDS = 3
STRAY_AFTER = 40                 # seconds


class Often(threading.Thread):
    """Looks at something twice a second with a reader of its own."""

    def __init__(self, reader, look):
        super().__init__(daemon=True)
        self.reader, self.look = reader, look
        self.ending = threading.Event()

    def run(self):
        while not self.ending.wait(0.5):
            try:
                self.look(self.reader)
            except (OSError, ValueError):
                self.reader.drop()
        self.reader.close()

    def stop(self):
        self.ending.set()
        self.join(15)


class BeatWatch:
    """Reads all heartbeats twice a second, where Storm reads them. To list them may take an answer of the ensemble, to ask
    for one that is known does not: each has a session, so that the watch sees what goes on while no server answers.

    gap: the longest time between two changes of one beat, in seconds as seen here; changes: how many were seen; back: how
    often a beat was older than before; missing: how often one that had been there was not, while its worker lived."""

    def __init__(self, cluster, addresses=None):
        self.cluster = cluster
        self.threads = [Often(cluster.beat_reader(addresses), look) for look in (self._list, self._look)]
        self.listed = set()              # paths
        self.seen = {}                   # path: (stamp, when it was seen to change)
        self.gap, self.changes, self.back, self.missing = 0.0, 0, 0, 0

    def start(self):
        for thread in self.threads:
            thread.start()

    def _list(self, reader):
        alive, known = self.cluster.workers(), set(self.seen)
        self.listed = reader.paths()
        self._absent(known - self.listed, alive)

    def _look(self, reader):
        alive = self.cluster.workers()
        known = set(self.seen)
        found = reader.stamps(self.listed | known)
        for path, (stamp, when) in found.items():
            self._note(path, stamp, when)
        self._absent(known - set(found), alive)

    def _absent(self, paths, alive):
        """Beats that were there before are not. alive: the workers that ran before the look."""
        running = {(w.topology, str(w.port)) for w in alive & self.cluster.workers()} if paths else ()
        for path in paths:
            top, leaf = path[len(ROOT) + 1:].split("/")
            self.missing += (top, leaf.rsplit("-", 1)[1]) in running

    def _note(self, path, stamp, now):
        before = self.seen.get(path)
        if before and stamp < before[0]:
            self.back += 1
        if before and stamp != before[0]:
            self.changes += 1
            self.gap = max(self.gap, now - before[1])
        if not before:                   # the first look comes somewhere between two beats
            now -= min(BEAT_SECONDS, max(0.0, time.time() - stamp / 1000))
        if not before or stamp != before[0]:
            self.seen[path] = (stamp, now)

    def since(self, worker):
        """When the worker's last new beat was seen, 0 for never."""
        return max((when for path, (_, when) in list(self.seen.items())
                    if path.startswith(f"{ROOT}/{worker.topology}/") and path.endswith(f"-{worker.port}")), default=0)

    def stop(self):
        for thread in self.threads:
            thread.stop()


class Episode:
    def __init__(self, cluster):
        self.cluster = cluster
        self.before = cluster.workers()
        self.killed = set()              # workers that we killed ourselves
        self.exited = []                 # daemons that ended by themselves
        self.strays = set()              # workers that Storm had forgotten, and we ended
        self.watch = BeatWatch(cluster)
        self.recovery = None
        self._dead_since = {}

    def __enter__(self):
        self.watch.start()
        eventually(lambda: self.watch.seen or not self.before, 30, "a look at the heartbeats")
        return self

    def __exit__(self, *_):
        self.watch.stop()

    def revive(self):
        """Daemons that have ended are started again after a second."""
        for name, host in self.cluster.hosts.items():
            for role in self.cluster.roles(name):
                if host.running(role):
                    self._dead_since.pop((name, role), None)
                elif (name, role) not in self._dead_since:
                    self._dead_since[(name, role)] = time.monotonic()
                    self.exited.append(f"{name}:{role}" if role not in name else name)
                elif time.monotonic() - self._dead_since[(name, role)] > 1:
                    host.start(role)
                    self._dead_since.pop((name, role))

    def hold(self, seconds):
        """Lets time pass."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.revive()
            time.sleep(min(0.5, max(0.0, end - time.monotonic())))

    def end_strays(self):
        """A supervisor that takes a worker back in the second after it was launched may forget it: the process runs on,
        and keeps its port from others. Whoever runs Storm ends it; so do we, and say so."""
        for row in quietly(self.cluster.ui.topologies, 5, default={}).values():
            page = quietly(self.cluster.ui.topology, row["id"], default={"workers": []})
            places = {(w["host"], w["port"]) for w in page["workers"]}
            for worker in self.cluster.workers() if places else ():
                if worker.topology == row["id"] and (hosts.ADDRESSES[worker.host], worker.port) not in places:
                    self.strays.add(worker)
                    hosts.kill(worker.pid)

    def settle(self, timeout=210, stable=3.0):
        """Waits until the cluster is whole and has been so for a while. The recovery is the time until it was."""
        fault_end = time.monotonic()
        whole_since, workers = None, None
        while True:
            self.revive()
            wrong = self.cluster.wrong() or self._beat_missing(fault_end)
            now = time.monotonic()
            if workers != (workers := self.cluster.workers()):
                wrong = wrong or "workers are still changing"
            if wrong:
                whole_since = None
                if now - fault_end > STRAY_AFTER:
                    self.end_strays()
                if now - fault_end > timeout:
                    raise AssertionError(f"not whole again within {timeout} s: {wrong}")
            elif whole_since is None:
                whole_since = now
            elif now - whole_since >= stable:
                self.recovery = whole_since - fault_end
                return self
            time.sleep(0.3)

    def _beat_missing(self, since):
        silent = [w for w in self.cluster.workers() if self.watch.since(w) < since]
        return f"no beat since of {silent}" if silent else None

    @property
    def restarted(self):
        """Workers that were running before and are gone, but for those that we killed."""
        return self.before - self.cluster.workers() - self.killed


def eventually_seconds(probe, timeout, what, since=None):
    """Seconds from `since` (now) until probe() is true."""
    started = time.monotonic() if since is None else since
    while not quietly(probe):
        if time.monotonic() - started > timeout:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.2)
    return time.monotonic() - started
