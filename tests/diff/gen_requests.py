"""Random requests, good and bad, over a small set of names so that they meet each other often."""
import script

ODD_PATHS = ["", "foo", "foo/bar", None, "/", "@/", "@//a", "@/./a", "@/../a", "@/.", "@/a/", "@/...", "@/\x01",
             "@/a\0b", "@/\x7f", "@/\ufff0", "@/\xe9\u4e2d", b"@/\xff\xfe", "@/" + "n" * 300, "/zookeeper",
             "/zookeeper/quota", "/nowhere/x", "@x", "@/\ue000", "@/a/../b"]
OUTSIDE = 0.12                   # how many paths are below no mount
GLOBAL_READS = ["/zookeeper", "/zookeeper/quota", "/nowhere"]
GOOD_ACLS = ["open"] * 12 + ["twice", "rw", "read", "nochild", "nodelete", "noread", "nowrite", "noadmin", "auth",
                             "mixed", "digest", "both", "ip", "otherip"]
BAD_ACLS = ["null", "empty", "nobody", "bob", "nullid", "nullscheme", "unknown", "super", "baddigest", "badip", "sasl"]
WEIGHTS = {"create": 12, "create2": 5, "create_container": 1.5, "create_ttl": 1.5, "delete": 8, "exists": 8,
           "get_data": 8, "set_data": 10, "get_acl": 3, "set_acl": 2.5, "get_children": 5, "get_children2": 5, "sync": 2,
           "multi": 6, "multi_read": 3, "check_watches": 2, "remove_watches": 2, "add_watch": 2, "set_watches": 1.5,
           "set_watches2": 1.5, "get_ephemerals": 1.5, "get_all_children_number": 2, "auth": 1, "who_am_i": 1,
           "reconfig": 0.3, "sasl": 0.3, "ping": 2}
MULTI_KINDS = ["create", "create", "create2", "create_container", "create_ttl", "delete", "set_data", "set_data",
               "check"]


class Requests:
    def __init__(self, rng, model, root="@"):
        self.rng, self.model, self.root = rng, model, root

    # ---- arguments -------------------------------------------------------------------------------------

    def path(self, odd=0.02):
        rng = self.rng
        dice = rng.random()
        if dice < odd and self.root == "@":
            return rng.choice(ODD_PATHS)
        root = self._root()
        if dice < 0.6:
            known = [p for p in self.model.version if p.startswith(root)]
            if known:
                return rng.choice(known)
        depth = rng.choice([1, 1, 1, 2, 2, 3])
        return root + "".join("/" + rng.choice("abcd") for _ in range(depth))

    def _root(self):
        return "~" if self.root == "@" and self.rng.random() < OUTSIDE else self.root

    def child(self):
        """A path below one that is thought to exist."""
        root = self._root()
        known = [p for p in self.model.version if p.startswith(root) and p.count("/") < 4]
        parent = self.rng.choice(known) if known and self.rng.random() < 0.8 else root
        return parent + "/" + self.rng.choice("abcdef")

    def data(self):
        rng = self.rng
        return rng.choice([None, b"", b"x", b"%d" % rng.randrange(10 ** 6), (b"d", rng.randrange(1, 2000)),
                           (b"z", 1024) if rng.random() < 0.97 else (b"L", 70000)])

    def version(self, path):
        known = self.model.version.get(path, 0)
        return self.rng.choice([-1, -1, -1, known, known, known + 1, known - 1, 0, -2, 7])

    def acl(self, plain=0.75):
        dice = self.rng.random()
        if dice < plain:
            return "open"
        return self.rng.choice(GOOD_ACLS if dice < plain + (1 - plain) * 0.75 else BAD_ACLS)

    def flags(self):
        return self.rng.choices([0, 1, 2, 3, 4, 5, 7, -1], [12, 3, 2.5, 1.5, 0.4, 0.4, 0.2, 0.2])[0]

    # ---- requests --------------------------------------------------------------------------------------

    def of(self, name):
        return (name, getattr(self, "_" + name)())

    def any(self):
        """Anything that leaves the connection open."""
        request = self.of(self.rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0])
        if self.rng.random() < 0.02 and request[0] not in ("auth", "sasl", "ping", "who_am_i"):
            return request + (self._damage(),)
        if self.rng.random() < 0.01 and request[0] not in ("auth", "ping"):
            return request + ({"xid": self.rng.choice([0, -5, -8, 2147483647, -2147483648])},)
        return request

    def orderly(self):
        """For pipelines: no chosen xids, whose replies could not be told apart; no setACL, while one is on its way
        a real server checks later writes by the old ACL or by the new one, as its threads race; no multi that has
        something to roll back and no container with an ephemeral's flag, for the same reason; no identity that an
        ACL names, since it may come early enough to make an older request's event readable. The first two may end
        a batch: see last()."""
        while True:
            request = self.any()
            if "xid" in script.options(request) or request[0] == "set_acl":
                continue
            if request[0] == "auth":
                return ("auth", ("digest", b"plain:user"))
            subs = request[1][0] if request[0] == "multi" else [request]
            if len(subs) < 2 and not any(r[0] == "create_container" and r[1][3] == 1 for r in subs):
                return request

    def last(self):
        """The end of a batch: what must not be followed by writes, then reads."""
        reads = [self.of(self.rng.choice(["exists", "get_data", "get_children2", "get_acl"]))
                 for _ in range(self.rng.randrange(3))]
        return [self.of(self.rng.choice(["set_acl", "multi", "multi", "multi"]))] + reads

    def apart(self):
        """For several clients at once: changes and sees nothing but this client's own subtree."""
        while True:
            request = self.orderly()
            if request[0] in ("get_ephemerals", "set_watches", "set_watches2") or script.options(request):
                continue
            if not any(p is not None and not str(p).startswith(self.root + "/") for p in _paths(request)):
                return request

    def plain(self):
        """One of the requests that memory may answer."""
        name = self.rng.choice(["create", "set_data", "set_data", "exists", "get_data", "get_children", "delete",
                                "get_children2", "get_acl", "create2"])
        if name in ("create", "create2"):
            return (name, (self.child(), self.data(), "open", 0))
        path = self.path(odd=0) if self.root == "@" else self._below()
        if name == "set_data":
            return (name, (path, self.data(), self.version(path)))
        if name == "delete":
            return (name, (path, self.version(path)))
        return (name, (path,) if name == "get_acl" else (path, 0))

    def _below(self):
        path = self.path(odd=0)
        return path if path != self.root else self.child()

    def beat(self):
        """A short run of what Storm sends: exists then setData, first beats, lists, cleaning."""
        rng = self.rng
        topology = f"{self.root}/t{rng.randrange(3)}"
        worker = f"{topology}/w{rng.randrange(6)}"
        dice = rng.random()
        if topology not in self.model.version:
            return [("create", (topology, self.data(), "open", 0))]
        if worker not in self.model.version and dice < 0.7:
            return [("exists", (worker, 0)), ("create", (worker, self.data(), "open", 0))]
        if dice < 0.75:
            return [("exists", (worker, 0)), ("set_data", (worker, self.data(), -1))]
        if dice < 0.80:
            return [("get_children", (rng.choice([topology, self.root]), 0))]
        if dice < 0.84:
            return [("get_children2", (rng.choice([topology, self.root]), 0))]
        if dice < 0.92:
            return [("get_data", (worker, 0))]
        if dice < 0.94:
            return [("set_data", (worker, self.data(), self.version(worker)))]
        if dice < 0.96:
            return [("get_acl", (worker,))]
        return [("delete", (rng.choice([worker, worker, worker, topology]), -1))]

    def cached_beat(self, owner, acl):
        """What an owner of znodes in the ensemble sends, and what others read of them. acl: one with which creates are
        relayed."""
        rng = self.rng
        worker = f"{self.root}/o{owner}w{rng.randrange(3)}"
        other = f"{self.root}/o{rng.randrange(3)}w{rng.randrange(3)}"
        dice = rng.random()
        if worker not in self.model.version:
            return [("create", (worker, self.data(), acl, rng.choice([0, 0, 1])))]
        if dice < 0.62:
            return [("exists", (worker, 0)), ("set_data", (worker, self.data(), -1))]
        if dice < 0.72:
            return [("set_data", (worker, self.data(), self.version(worker)))]
        if dice < 0.86:
            return [("get_data", (other, 0))]
        if dice < 0.90:
            return [("exists", (other, 0))]
        if dice < 0.94:
            return [("get_children2", (rng.choice([self.root, other]), 0))]
        if dice < 0.96:
            return [("get_acl", (other,))]
        if dice < 0.98:
            return [("get_children", (self.root, 0))]
        return [("delete", (worker, -1))]

    def _damage(self):
        rng = self.rng
        return rng.choice([{"cut": rng.randrange(1, 30)}, {"pad": b"\1\2\3"}, {"poke": (rng.randrange(4), 0x7f)},
                           {"poke": (0, 0xff)}, {"cut": 1000}])

    def _create(self):
        path = self.child() if self.rng.random() < 0.6 else self.path(odd=0.06)
        flags = self.flags()
        if flags in (2, 3) and self.rng.random() < 0.3 and isinstance(path, str):
            path = path.rsplit("/", 1)[0] + "/"
        return (path, self.data(), self.acl(), flags)

    _create2 = _create

    def _create_container(self):
        return (self.child(), self.data(), self.acl(0.9), self.rng.choice([4, 4, 4, 0, 1]))

    def _create_ttl(self):
        flags = self.rng.choice([5, 5, 6])
        return (self.child(), self.data(), self.acl(0.9), flags, self.rng.choice([10 ** 8, 10 ** 8, 0, 1 << 41]))

    def _delete(self):
        path = self.path()
        return (path, self.version(path))

    _check = _delete

    def _set_data(self):
        path = self.path()
        return (path, self.data(), self.version(path))

    def _set_acl(self):
        return (self.path(), self.acl(0.3), self.rng.choice([-1, -1, 0, 1, 5]))

    def _read(self):
        path = self.rng.choice(GLOBAL_READS) if self.root == "@" and self.rng.random() < 0.01 else self.path()
        return (path, self.rng.choice([0, 0, 0, 1]))

    _exists = _get_data = _get_children = _get_children2 = _read

    def _get_acl(self):
        return (self.path(),)

    _sync = _get_all_children_number = _get_acl

    def _get_ephemerals(self):
        return (self.rng.choice(["@", "@/a", "@/", "/", "", None, "@/b/c"]),)

    def _multi(self):
        rng = self.rng
        if rng.random() < 0.05:
            kinds = ["set_acl", "exists", "get_data", "create"]
            return ([self.of(rng.choice(kinds)) for _ in range(rng.randrange(3))],)
        ops = [self.of(rng.choice(MULTI_KINDS)) for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4, 6]))]
        return ([self._sane(r) for r in ops],)

    @staticmethod
    def _sane(request):
        """Odd versions mostly spoil a multi: check and setData of any version keep some of them successful."""
        if request[0] in ("check", "delete", "set_data") and request[1][-1] in (7, -2):
            return (request[0], request[1][:-1] + (-1,))
        return request

    def _multi_read(self):
        n = self.rng.choice([0, 1, 2, 3, 5])
        return ([self.of(self.rng.choice(["get_data", "get_children"])) for _ in range(n)],)

    def _check_watches(self):
        return (self.path(), self.rng.choice([1, 2, 3, 3, 9]))

    _remove_watches = _check_watches

    def _add_watch(self):
        return (self._not_null(), self.rng.choice([0, 1, 0, 1, 5]))

    def _not_null(self):
        """A watch on the null path breaks a real server: it never answers that session's closeSession."""
        return self.path() or "@/a"

    def _list(self):
        if self.rng.random() < 0.02:
            return None
        return [self._not_null() for _ in range(self.rng.choice([0, 0, 1, 2]))]

    def _set_watches(self):
        """The client's own last zxid would say different things here and there: znodes that the proxy holds change
        without moving it. So all watches fire at once (0) or none does (max)."""
        return (self.rng.choice(["0", "max", "max"]), self._list(), self._list(), self._list())

    def _set_watches2(self):
        return self._set_watches() + (self._list(), self._list())

    def _auth(self):
        return ("digest", self.rng.choice([b"u1:pw", b"u2:pw", b"u1:other", b"nocolon", b"", script.SUPER]))

    def _who_am_i(self):
        return ()

    _ping = _who_am_i

    def _reconfig(self):
        return (None, None, "server.1=x", -1)

    def _sasl(self):
        return (self.rng.choice([b"", b"token"]),)


def _paths(request):
    if request[0] in ("multi", "multi_read"):
        return [p for sub in request[1][0] for p in _paths(sub)]
    kinds = script.OPS[request[0]][2]
    return [a for k, a in zip(kinds, request[1]) if k == "p"]
