"""Makes scripts: random steps that know, from the direct side's answers, roughly what exists.

An Episode yields steps while they are executed and is told the outcomes; what it yields is plain data, so that the
same steps can be replayed and shortened without it.
"""
import random

import script
import wire
from gen_requests import Requests

CLIENTS = 3
USERS = [b"u1:pw", b"u2:pw", b"u1:other"]


class Model:
    """What the direct side's answers told: live znodes with their last seen version."""

    def __init__(self):
        self.version = {"@": 0, "~": 0}

    def observe(self, _client, request, err, value, base):
        name, args = request[0], request[1]
        if script.options(request):
            return
        if err == wire.ERR["NONODE"] and args and args[0] in self.version:
            del self.version[args[0]]
        if err:
            return
        if name.startswith("create"):
            path = value if isinstance(value, str) else value[0]
            self.version[script.script_path(path, base)] = 0
        elif name == "delete":
            self.version.pop(args[0], None)
        elif name == "multi":
            for sub, (kind, suberr, subvalue) in zip(args[0], value):
                if not suberr and kind != -1:
                    self.observe(_client, sub, 0, subvalue, base)
        elif name in ("exists", "set_data", "get_data"):
            stat = value[1] if name == "get_data" else value
            self.version[args[0]] = dict(stat).get("version", 0)


class Episode:
    """A source of steps. profile: mix, beats, behind, cached or pipeline."""

    def __init__(self, seed, profile, length):
        self.rng = random.Random(seed)
        self.profile, self.length = profile, length
        self.model = Model()
        self.make = Requests(self.rng, self.model)
        self.kind = self._pick_base()
        self.steps = []
        self.quiet = profile in ("beats", "behind", "cached")        # nothing but beats so far
        self.plain_sets = self.plain_creates = 0
        self.permitted = set()                         # (client, path) of those that have written it once
        self.cached_sets = 0

    def _pick_base(self):
        if self.profile == "beats":
            return self.rng.choices(["local", "up", "root"], [6, 2, 2])[0]
        if self.profile == "behind":
            return self.rng.choice(["behind", "behind", "never"])
        if self.profile == "cached":
            return "up"
        return self.rng.choices(["local", "up", "root", "out", "relay", "behind", "never"],
                                [5, 3, 2, 1.5, 0.5, 3, 1.5])[0]

    def observe(self, client, request, err, value, base):
        self.model.observe(client, request, err, value, base)
        if self.quiet and not err:
            self.plain_sets += request[0] == "set_data"
            self.plain_creates += request[0] in ("create", "create2")
            self._count_cached(client, request)

    def _count_cached(self, client, request):
        """The first write of a connection is relayed and brings the cached znode, the others can be absorbed."""
        name, path = request[0], request[1][0] if request[1] else None
        if name == "set_data":
            self.cached_sets += (client, path) in self.permitted
            self.permitted.add((client, path))
        elif name in ("create", "create2", "delete"):
            self.permitted = {(c, p) for c, p in self.permitted if p != path}

    def __iter__(self):
        sources = {"beats": self._beats, "behind": self._cached_znodes, "cached": self._cached_znodes}
        source = sources.get(self.profile, self._mixed)()
        for _ in range(self.length):
            step = next(source)
            self.steps.append(step)
            yield step

    def script(self):
        return {"base": self.kind, "steps": list(self.steps)}

    # ---- profiles --------------------------------------------------------------------------------------

    def _mixed(self):
        for client in range(CLIENTS):
            yield ("open", client, {"read_only": self.rng.choice([None, False, True]),
                                    "timeout": self.rng.choice([30000, 40000, 10 ** 8])})
        for name in "abc"[:self.rng.randrange(4)]:
            yield ("req", 0, ("create", ("@/" + name, b"", "open", 0)))
        pipelined = 0.75 if self.profile == "pipeline" else 0.15
        while True:
            client = self.rng.randrange(CLIENTS)
            dice = self.rng.random()
            if dice < pipelined:
                yield from self._batch(client)
            elif dice > 0.998:
                yield self._burst(client)
            elif dice > 0.985:
                yield self._connection(client)
            else:
                yield ("req", client, self.make.any())

    def _batch(self, client):
        if self.rng.random() < 0.15:
            yield from self._parallel()
            return
        n = self.rng.choice([2, 3, 4, 8, 16, 40])
        plain = self.rng.choice([0.0, 0.3, 0.7, 0.95])
        requests = [self.make.plain() if self.rng.random() < plain else self.make.orderly() for _ in range(n)]
        if self.rng.random() < 0.03:
            requests.append(("close_session", ()))
        elif self.rng.random() < 0.25:
            requests += self.make.last()
        dice = self.rng.random()
        if dice < 0.05:
            yield ("first", client, requests)
        elif dice < 0.15 and len(requests) < 10:
            yield ("pipe", client, requests, self.rng.choice([1, 3, 7, 50]))
        else:
            yield ("pipe", client, requests)

    def _burst(self, client):
        """Many writes of one znode or of one parent's children: counters that a promotion has to replay."""
        path = self.make.path(odd=0)
        n = self.rng.choice([30, 120, 250])
        if self.rng.random() < 0.6:
            return ("pipe", client, [("set_data", (path, b"%d" % i, -1)) for i in range(n)])
        return ("pipe", client, [r for i in range(n // 4) for r in (("create", (path + f"/d{i % 3}", b"", "open", 0)),
                                                                      ("delete", (path + f"/d{i % 3}", -1)))])

    def _parallel(self):
        for client in range(CLIENTS):
            if f"@/p{client}" not in self.model.version:
                yield ("req", client, ("create", (f"@/p{client}", b"", "open", 0)))
        batches = {}
        for client in range(CLIENTS):
            make = Requests(self.rng, self.model, f"@/p{client}")
            n = self.rng.choice([4, 16, 40])
            plain = self.rng.choice([0.3, 0.9])
            batches[client] = [make.plain() if self.rng.random() < plain else make.apart() for _ in range(n)]
        yield ("par", batches)

    def _connection(self, client):
        dice = self.rng.random()
        if dice < 0.25:
            return ("req", client, ("close_session", ()))
        if dice < 0.75:
            how = self.rng.choice(["live", "live", "abort", "fin", "badpasswd", "future"])
            return ("reattach", client, how)
        if dice < 0.82:
            return ("lastwords", client, [self.make.plain() for _ in range(self.rng.randrange(1, 5))])
        if dice < 0.90:
            return ("bytes", client, self.rng.choice([b"\xff\xff\xff\xff", b"ruok", b"\0\x20\0\0abcd",
                                                      b"\0\0\0\4\0\0\0\1", b"\x7f\xff\xff\xff", b"\0\0\0\0"]))
        if dice < 0.95:
            return ("req", client, self.rng.choice([("auth", ("magic", b"x")), ("auth", ("digest", None)),
                                                    ("auth", ("sasl", b"x")), ("sasl", (None,))]))
        if dice < 0.98:
            return ("req", client, ("unknown", (self.rng.choice([10, 23, 99, 108, 2000, -12]), "@/a")))
        return ("req", client, ("reserved", (self.rng.choice([0, 13, 20, -10]), "@/a")))

    def _cached_znodes(self):
        """Beats on znodes of the ensemble, each by one client while all is quiet; then by anybody, with everything else
        between."""
        yield ("req", 0, ("exists", ("@", 0)))
        quiet = self.length * self.rng.choice([3, 5, 8]) // 10
        for done in range(1 << 30):
            client = self.rng.randrange(CLIENTS)
            self.quiet = done <= quiet
            if not self.quiet and self.rng.random() < 0.12:
                yield from self._rare(client)
                continue
            requests = self.make.cached_beat(client if self.quiet else self.rng.randrange(CLIENTS),
                                             "open" if self.kind in ("behind", "never") else "twice")
            name, args = requests[-1][:2]
            if name == "set_data" and (client, args[0]) in self.permitted and self.rng.random() < 0.4:
                yield ("pipe", client, [r for _ in range(self.rng.choice([2, 4, 12])) for r in requests])
            else:
                for request in requests:
                    yield ("req", client, request)

    def _rare(self, client):
        dice = self.rng.random()
        if dice < 0.06:
            yield self._connection(client)
        elif dice < 0.12:
            yield ("reattach", client, self.rng.choice(["live", "abort", "fin"]))
            yield ("req", client, self.make.of(self.rng.choice(["set_watches", "set_watches2"])))
        elif dice < 0.14:
            yield self._burst(client)
        elif dice < 0.3:
            yield from self._batch(client)
        else:
            yield ("req", client, self.make.any())

    def _beats(self):
        """Mostly heartbeats; the first half holds nothing else, so that much is absorbed before it gets rare."""
        if self.kind != "local":
            yield ("req", 0, ("exists", ("@", 0)))
        quiet = self.length * self.rng.choice([3, 5, 8]) // 10
        for done in range(1 << 30):
            client = self.rng.randrange(CLIENTS)
            self.quiet = done <= quiet
            if not self.quiet and self.rng.random() < 0.06:
                if self.rng.random() < 0.05:
                    yield self._connection(client)
                else:
                    yield ("req", client, self.make.any())
                continue
            requests = self.make.beat()
            if self.rng.random() < 0.25:
                yield ("pipe", client, [r for _ in range(self.rng.choice([1, 4, 12])) for r in requests])
            else:
                for request in requests:
                    yield ("req", client, request)
