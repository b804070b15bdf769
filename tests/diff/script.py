"""The language of differential scripts: requests as Python literals, their encoding, and files to replay.

A script is {"base": KIND, "steps": [...]}. In every path a leading "@" stands for the run's own base path, "~"
for a second one below no mount, so that one script can be replayed on fresh paths. A request is (name, args) or
(name, args, options):
    ("create", ("@/a", b"x", "open", 0))        ("get_data", ("@/a", True), {"cut": 3})
Options: cut N (drop the last N bytes of the body), pad BYTES (append), poke (offset, byte), xid N.
Data may be (b"x", 3000) for 3000 bytes; an ACL is a name of ACLS or a list of entries.

Steps:
    ("open", client, {"read_only": None, "timeout": 40000})      a client opens by itself otherwise
    ("req", client, request)                                     one request, its reply awaited
    ("pipe", client, [request, ...])                             sent at once, replies awaited
    ("pipe", client, [request, ...], N)                          the same, written in pieces of N bytes
    ("first", client, [request, ...])                            sent in one write behind the ConnectRequest
    ("par", {client: [request, ...], ...})                       several clients at once, on disjoint subtrees
    ("reattach", client, "live" | "abort" | "fin" | "badpasswd" | "future")
    ("lastwords", client, [request, ...])                        sent, then the writing side is shut down
    ("bytes", client, b"...")                                    raw bytes that end a connection
"""
import ast
import pprint

import wire

SUPER = b"super:adminpw"
ACLS = {
    "open": wire.OPEN,
    "twice": wire.OPEN + wire.OPEN,
    "rw": ((wire.READ | wire.WRITE, "world", "anyone"),),
    "read": wire.READ_ONLY_ACL,
    "nochild": ((wire.READ | wire.WRITE | wire.DELETE | wire.ADMIN, "world", "anyone"),),
    "nodelete": ((wire.READ | wire.WRITE | wire.CREATE | wire.ADMIN, "world", "anyone"),),
    "noread": ((wire.WRITE | wire.CREATE | wire.DELETE | wire.ADMIN, "world", "anyone"),),
    "nowrite": ((wire.READ | wire.CREATE | wire.DELETE | wire.ADMIN, "world", "anyone"),),
    "noadmin": ((wire.ALL & ~wire.ADMIN, "world", "anyone"),),
    "auth": ((wire.ALL, "auth", ""),),
    "mixed": ((wire.READ, "world", "anyone"), (wire.ALL, "auth", "")),
    "digest": ((wire.ALL, "digest", "u1:rp8KzF4hqkMdRm1qBxPHjAQBmMU="),),
    "both": ((wire.READ | wire.CREATE | wire.DELETE, "world", "anyone"),
             (wire.ALL, "digest", "u1:AAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
    "ip": ((wire.ALL, "ip", "127.0.0.1"),),
    "otherip": ((wire.READ, "world", "anyone"), (wire.ALL, "ip", "10.1.2.0/24")),
    "null": None,
    "empty": (),
    "nobody": ((0, "world", "anyone"),),
    "bob": ((wire.ALL, "world", "bob"),),
    "nullid": ((wire.ALL, "world", None),),
    "nullscheme": ((wire.ALL, None, "anyone"),),
    "unknown": ((wire.ALL, "magic", "x"),),
    "super": ((wire.ALL, "super", ""),),
    "baddigest": ((wire.ALL, "digest", "abc"),),
    "badip": ((wire.ALL, "ip", "300.1.1.1"),),
    "sasl": ((wire.ALL, "sasl", "joe"),),
}

# name -> (opcode, encoder); what each argument is: p path, d data, a ACL, i as it is, l list of paths, m sub-requests
OPS = {
    "create": (wire.OP_CREATE, wire.create, "pdai"), "create2": (wire.OP_CREATE2, wire.create2, "pdai"),
    "create_container": (wire.OP_CREATE_CONTAINER, wire.create_container, "pdai"),
    "create_ttl": (wire.OP_CREATE_TTL, wire.create_ttl, "pdaii"), "delete": (wire.OP_DELETE, wire.delete, "pi"),
    "exists": (wire.OP_EXISTS, wire.exists, "pi"), "get_data": (wire.OP_GET_DATA, wire.get_data, "pi"),
    "set_data": (wire.OP_SET_DATA, wire.set_data, "pdi"), "get_acl": (wire.OP_GET_ACL, wire.get_acl, "p"),
    "set_acl": (wire.OP_SET_ACL, wire.set_acl, "pai"), "get_children": (wire.OP_GET_CHILDREN, wire.get_children, "pi"),
    "get_children2": (wire.OP_GET_CHILDREN2, wire.get_children2, "pi"), "sync": (wire.OP_SYNC, wire.sync, "p"),
    "check": (wire.OP_CHECK, wire.check, "pi"), "multi": (wire.OP_MULTI, wire.multi, "m"),
    "multi_read": (wire.OP_MULTI_READ, wire.multi_read, "m"),
    "check_watches": (wire.OP_CHECK_WATCHES, wire.check_watches, "pi"),
    "remove_watches": (wire.OP_REMOVE_WATCHES, wire.remove_watches, "pi"),
    "add_watch": (wire.OP_ADD_WATCH, wire.add_watch, "pi"),
    "set_watches": (wire.OP_SET_WATCHES, wire.set_watches, "zlll"),
    "set_watches2": (wire.OP_SET_WATCHES2, wire.set_watches2, "zlllll"),
    "get_ephemerals": (wire.OP_GET_EPHEMERALS, wire.get_ephemerals, "p"),
    "get_all_children_number": (wire.OP_GET_ALL_CHILDREN_NUMBER, wire.get_all_children_number, "p"),
    "auth": (wire.OP_AUTH, wire.auth, "ii"), "who_am_i": (wire.OP_WHO_AM_I, wire.who_am_i, ""),
    "reconfig": (wire.OP_RECONFIG, wire.reconfig, "iiii"), "sasl": (wire.OP_SASL, wire.sasl, "i"),
    "ping": (wire.OP_PING, bytes, ""), "close_session": (wire.OP_CLOSE_SESSION, bytes, ""),
    "unknown": (None, lambda _op, path: wire.path_watch(path), "ip"),
    "reserved": (None, lambda _op, path: wire.path_watch(path), "ip"),
}
OUT_OF_ORDER = {wire.OP_PING, wire.OP_AUTH, wire.OP_SASL}      # their replies may overtake: compared apart
STAND_IN = 998                                        # an opcode that no ZooKeeper knows
MAX_ZXID = (1 << 62)


def options(request):
    return request[2] if len(request) > 2 else {}


def opcode(request, proxied=True):
    """Opcodes that pacekeeper reserves are compared with what ZooKeeper answers to an unknown one."""
    name, args = request[0], request[1]
    if name == "unknown":
        return args[0]
    if name == "reserved":
        return args[0] if proxied else STAND_IN
    return OPS[name][0]


def outside(base):
    """The run's second base path, below no mount: what "~" stands for."""
    return f"/o/{base[1]}{base[4:]}"


def real_path(path, base):
    if isinstance(path, bytes) and path.startswith(b"@"):
        return base.encode() + path[1:]
    if not isinstance(path, str) or path[:1] not in ("@", "~"):
        return path
    return (base if path[0] == "@" else outside(base)) + path[1:]


def script_path(path, base):
    """The inverse of real_path."""
    if path.startswith(base):
        return "@" + path[len(base):]
    return "~" + path[len(outside(base)):]


def data_bytes(data):
    return data[0] * data[1] if isinstance(data, tuple) else data


def acl_entries(acl):
    return ACLS[acl] if isinstance(acl, str) else acl


def _argument(kind, value, base, last_zxid):
    if kind == "p":
        return real_path(value, base)
    if kind == "d":
        return data_bytes(value)
    if kind == "a":
        return acl_entries(value)
    if kind == "l":
        return None if value is None else [real_path(p, base) for p in value]
    if kind == "z":
        return {"0": 0, "max": MAX_ZXID, "last": last_zxid}[value]
    if kind == "m":
        return [(opcode(r), encode(r, base, last_zxid)) for r in value]
    return value


def encode(request, base, last_zxid=0):
    """The body of a request, with its options applied."""
    name, args, opts = request[0], request[1], options(request)
    _op, encoder, kinds = OPS[name]
    body = encoder(*[_argument(k, a, base, last_zxid) for k, a in zip(kinds, args)])
    if "poke" in opts and body:
        at, byte = opts["poke"]
        changed = bytearray(body)
        changed[at % len(body)] = byte
        body = bytes(changed)
    if "cut" in opts:
        body = body[:max(0, len(body) - opts["cut"])]
    return body + opts.get("pad", b"")


def requests_of(step):
    """All (client, request) of a step."""
    kind = step[0]
    if kind == "req":
        return [(step[1], step[2])]
    if kind in ("pipe", "lastwords", "first"):
        return [(step[1], r) for r in step[2]]
    if kind == "par":
        return [(c, r) for c, batch in step[1].items() for r in batch]
    return []


def watched_paths(request):
    """Paths (unexpanded) on which a request may leave a watch; None stands for any."""
    name, args = request[0], request[1]
    if options(request):
        return [None]
    if name in ("exists", "get_data", "get_children", "get_children2"):
        return [args[0]] if args[1] else []
    if name in ("add_watch", "set_watches", "set_watches2"):
        return [None]
    return []


def render(script, notes=()):
    """The text of a file for --replay: notes as comments, then one Python literal with a step a line."""
    lines = ["# " + line for note in notes for line in str(note).splitlines()]
    lines.append(f"{{'base': {script['base']!r}, 'steps': [")
    for step in script["steps"]:
        text = pprint.pformat(step, width=200, compact=True).replace("\n", "\n    ")
        lines.append(f"    {text},")
    return "\n".join(lines + ["]}", ""])


def load(text):
    return ast.literal_eval(text)
