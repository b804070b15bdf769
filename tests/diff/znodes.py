"""A tiny model of ZooKeeper's znodes: what one operation of interleave.py answers and leaves behind.

A state is {path: (data, version, creates, aversion, owner)}; creates counts the children ever created, so that the
visible cversion is 2 * creates - children. owner is the ephemeral's session, or False.

A result that shows a Stat comes in two halves, (own, family): what the znode itself says, and what depends on its
children. interleave.explains() says why.
"""
import wire

NONODE, NODEEXISTS, NOTEMPTY, BADVERSION, NOCHILDREN = (wire.ERR[n] for n in (
    "NONODE", "NODEEXISTS", "NOTEMPTY", "BADVERSION", "NOCHILDRENFOREPHEMERALS"))
CREATES = {"create", "local create", "ephemeral", "sequence", "container", "multi create"}


def children(state, path):
    return [p for p in state if p.startswith(path + "/") and "/" not in p[len(path) + 1:]]


def family(state, path):
    """The half of an answer that depends on the children; None for a path that is not there (any more)."""
    if path not in state:
        return None
    n = len(children(state, path))
    return (2 * state[path][2] - n, n, tuple(sorted(p.rsplit("/", 1)[1] for p in children(state, path))))


def own(state, path):
    """The half of an answer that the znode itself decides."""
    data, version, _creates, aversion, _owner = state[path]
    return (version, aversion, data, len(data))


def apply(state, op, session):
    """(result, new state) of (kind, path, data, version); the given state may be changed."""
    kind, path, data, version = op
    if kind in CREATES:
        return _create(state, kind, path, data, session)
    if path not in state:
        return NONODE, state
    old = state[path]
    if kind == "delete":
        return _delete(state, path, version)
    if kind in ("set", "multi set"):
        if version not in (-1, old[1]):
            return BADVERSION, state
        state[path] = (data, old[1] + 1) + old[2:]
        return own(state, path), state
    if kind == "set_acl":
        state[path] = old[:3] + (old[3] + 1,) + old[4:]
        return own(state, path), state
    if kind == "count":
        return sum(p.startswith(path + "/") for p in state), state
    return own(state, path), state


def _create(state, kind, path, data, session):
    parent = path.rsplit("/", 1)[0]
    if parent not in state:
        return NONODE, state
    old = state[parent]
    if kind == "sequence":
        path += f"{old[2]:010}"
    if path in state:
        return NODEEXISTS, state
    if old[4] is not False:
        return NOCHILDREN, state
    state[parent] = old[:2] + (old[2] + 1,) + old[3:]
    state[path] = (data, 0, 0, 0, session if kind == "ephemeral" else False)
    return path, state


def _delete(state, path, version):
    if version not in (-1, state[path][1]):
        return BADVERSION, state
    if children(state, path):
        return NOTEMPTY, state
    del state[path]
    return None, state
