"""The comparison with servers that are killed: behind the proxy is an ensemble of three, of which one after the other is
killed while steps are under way, and started again.

Happy path: Killer(ensemble, seconds) and KilledRunner in the Runner's place: each answer is equal, nobody's connection ends.
What a client of a plain ZooKeeper could be told, too, ends an episode without a judgement, and is counted:
  uncertain   its connection ended with a request under way that is not a read, or with something that cannot be taken elsewhere
  turned away it could not connect while servers were gone
  gap         what it watches came and went while its server was lost: its own answers are equal, its events are not
Failure modes: a connection that ends with nothing uncertain, any other answer, and trees that differ are differences.
"""
import contextlib
import threading

import rig
from runner import READS, Difference, Runner
from script import options, watched_paths
from wire import Closed, mntr

# What 3.8 says of a client's watches depends on those of others at the same server, and here they are at three; nor does a
# wrong password end the connection that the session has at another server.
OF_OTHERS = {"check_watches", "remove_watches"}
BINDING = {"add_watch", "set_watches2", "sasl"}  # who has asked for these cannot be taken elsewhere
AGAIN = READS | {"set_watches", "auth"}
NOT_HERE = {"lastwords", "bytes"}     # whose last requests nobody hears the end of
PATIENCE = 30.0
WALKS = 3


class Cut(Exception):
    """The episode cannot be judged beyond this step."""

    def __init__(self, why):
        super().__init__(why)
        self.why = why


def numbered_beside_others(request):
    """A sequential znode in the folder that all episodes share: its number tells how many an episode that was cut short made."""
    op, args = request[:2]
    if op == "multi":
        return any(numbered_beside_others(part) for part in args[0])
    return op.startswith("create") and args[0] in ("@", "~") and args[3] in (2, 3, 6)


def is_left_out(request):
    return request[0] in OF_OTHERS or numbered_beside_others(request)


def asked_here(steps):
    """The steps without what cannot be compared."""
    for step in steps:
        lists = [part for part in step if isinstance(part, list)] + \
            [batch for part in step if isinstance(part, dict) for batch in part.values() if isinstance(batch, list)]
        for requests in lists:
            requests[:] = [r for r in requests if not is_left_out(r)] or [("ping", ())]
        if step[0] not in NOT_HERE and step[-1] != "badpasswd" and not (step[0] == "req" and is_left_out(step[2])):
            yield step


def binds(request):
    """A watch of a multiRead counts as one for good."""
    in_multi = request[0] == "multi_read" and any(watched_paths(r) for r in request[1][0])
    return bool(options(request)) or request[0] in BINDING or in_multi


class Killer(threading.Thread):
    """Kills a server every so many seconds, but not within quiet(): then all are there, and one leads."""

    def __init__(self, ensemble, seconds):
        super().__init__(daemon=True)
        self.ensemble, self.seconds, self.kills = ensemble, seconds, 0
        self.lock, self.over = threading.Lock(), threading.Event()

    def run(self):
        while not self.over.wait(self.seconds):
            with self.lock:
                victim = self.ensemble.servers[self.kills % len(self.ensemble.servers)]
                self.kills += 1
                victim.restart(wait=False)
                self.ensemble.wait_whole(timeout=120)

    @contextlib.contextmanager
    def quiet(self):
        with self.lock:
            yield self.ensemble.leader().addr


class KilledRunner(Runner):
    BARRIER = ("sync", ("@",))

    def __init__(self, direct, proxied, killer):
        super().__init__(direct, proxied, killer.ensemble.servers[0].addr, PATIENCE)
        self.servers = list(self.servers)
        self.killer, self.cuts, self.bound = killer, {}, set()

    def run(self, kind, steps, observe=None):
        self.bound.clear()
        try:
            super().run(kind, asked_here(steps), observe)
        except Cut as cut:
            self.cuts[cut.why] = self.cuts.get(cut.why, 0) + 1
            with self.killer.quiet():
                self.sweep()

    def holds(self):
        return mntr(self.sides[1].addr)["pk_holds"]

    def _make_base(self):
        with self.killer.quiet() as self.servers[1]:
            super()._make_base()

    def _finish(self):
        with self.killer.quiet() as self.servers[1]:
            rig.eventually(self._all_served, PATIENCE, "nobody is held")
            super()._finish()

    def _walk(self, side, remove=False, addr=None):
        """A server that owes somebody an answer is left for another; what is there is looked at anew."""
        for _ in range(WALKS - 1):
            try:
                return super()._walk(side, remove, addr)
            except OSError:
                pass
        return super()._walk(side, remove, addr)

    def _all_served(self):
        """Who waits for a sign of life gives one: what comes before its answer is compared, too."""
        if mntr(self.sides[1].addr)["pk_held"] == 0:
            return True
        for index in sorted(self.sides[0].clients):
            self.flush(index)
        return False

    def flush(self, index):
        """Its server may be another one than that of who wrote: each time it catches up first."""
        free = index in self.unordered
        self.dirty.discard(index)
        self.unordered.discard(index)
        if self.sides[0].client(index).conn is None:
            return
        sent = [side.send(index, [self.BARRIER], self.base) for side in self.sides]
        got = [side.collect(index, s) for side, s in zip(self.sides, sent)]
        self._compare(index, [self.BARRIER], sent, got, free)

    def execute(self, step):
        """Who was held is served again before the next step."""
        rig.eventually(self._all_served, PATIENCE, "nobody is held")
        before = self.holds()
        try:
            super().execute(step)
        except Closed as e:
            raise Cut("turned away") from e
        except Difference as e:
            if self.holds() > before and "events" in e.text:
                raise Cut("gap") from e
            raise

    def _same(self, index, outcomes):
        if outcomes[1] == "closed without an answer" != outcomes[0]:
            raise Cut("turned away")
        return super()._same(index, outcomes)

    def _compare(self, index, requests, sent, got, free=False):
        if any(binds(r) for r in requests):
            self.bound.add(index)
        there, here = ({i for i, (xid, _op) in enumerate(sent[n]) if ("reply", xid) in {item[:2] for item in got[n]}}
                       for n in (0, 1))
        left = {requests[i][0] for i in range(len(requests)) if i not in here}
        ended_early = got[1][-1:] == [("eof",)] and (got[0][-1:] != [("eof",)] or there - here)
        if ended_early and (left - AGAIN or index in self.bound):
            raise Cut("uncertain")
        super()._compare(index, requests, sent, got, free)
