"""Replies as values that can be compared between servers: no zxids, no times, no base path.

Happy path: plain_reply(op, reply, "/m/x") == plain_reply(op, other, "/d/x") when both servers did the
same. A Stat becomes (version, cversion, aversion, ephemeral, dataLength, numChildren); lists are sorted,
since ZooKeeper lists children in any order.
"""
import wire


def plain(value, base=""):
    if isinstance(value, wire.Stat):
        return (value.version, value.cversion, value.aversion, value.ephemeralOwner != 0, value.dataLength,
                value.numChildren)
    if isinstance(value, wire.Result):
        return (value.type, value.err, plain(value.value, base))
    if isinstance(value, tuple):
        return tuple(plain(v, base) for v in value)
    if isinstance(value, list):
        values = [plain(v, base) for v in value]
        return sorted(values) if all(isinstance(v, str) for v in values) else values
    if isinstance(value, str) and base and value.startswith(base):
        return "~" + value[len(base):]
    return value


def plain_reply(op, reply, base=""):
    """(error, value) of a reply; the value is None when there is none."""
    if reply.err or not reply.body and op not in wire.REPLIES:
        return (reply.err, None)
    return (0, plain(wire.parse_reply(op, reply.body), base))


def tree(conn, path, base=None):
    """The subtree as {relative path: (data, Stat, acl, names)}, read with plain requests."""
    base = path if base is None else base
    nodes = {}
    data = conn.call(wire.OP_GET_DATA, wire.get_data(path))
    acl = conn.call(wire.OP_GET_ACL, wire.get_acl(path))
    names = conn.call(wire.OP_GET_CHILDREN2, wire.get_children2(path))
    nodes["~" + path[len(base):]] = (plain_reply(wire.OP_GET_DATA, data), plain_reply(wire.OP_GET_ACL, acl),
                                     plain_reply(wire.OP_GET_CHILDREN2, names))
    if names.err == 0:
        for name in sorted(wire.parse_reply(wire.OP_GET_CHILDREN2, names.body)[0]):
            nodes.update(tree(conn, f"{path}/{name}", base))
    return nodes
