"""ZooKeeper's records: opcodes, errors, encoders of request bodies and decoders of reply bodies.

Encoders return the body without the request header; None is a null buffer or a null string (length -1).
Decoders raise ValueError when a body is too short or has bytes left over. Standard library only.
"""
import struct
from collections import namedtuple

OP_NOTIFICATION, OP_CREATE, OP_DELETE, OP_EXISTS, OP_GET_DATA, OP_SET_DATA, OP_GET_ACL, OP_SET_ACL = range(8)
OP_GET_CHILDREN, OP_SYNC, OP_PING, OP_GET_CHILDREN2, OP_CHECK, OP_MULTI, OP_CREATE2, OP_RECONFIG = \
    8, 9, 11, 12, 13, 14, 15, 16
OP_CHECK_WATCHES, OP_REMOVE_WATCHES, OP_CREATE_CONTAINER, OP_DELETE_CONTAINER, OP_CREATE_TTL = 17, 18, 19, 20, 21
OP_MULTI_READ, OP_AUTH, OP_SET_WATCHES, OP_SASL, OP_GET_EPHEMERALS = 22, 100, 101, 102, 103
OP_GET_ALL_CHILDREN_NUMBER, OP_SET_WATCHES2, OP_ADD_WATCH, OP_WHO_AM_I = 104, 105, 106, 107
OP_CREATE_SESSION, OP_CLOSE_SESSION = -10, -11
OP_NAMES = {v: k[3:].lower() for k, v in list(globals().items()) if k.startswith("OP_")}

XID_EVENT, XID_PING, XID_AUTH, XID_SET_WATCHES = -1, -2, -4, -8

ERR = dict(OK=0, SYSTEM=-1, RUNTIME=-2, DATA=-3, CONNECTIONLOSS=-4, MARSHALLING=-5, UNIMPLEMENTED=-6,
           TIMEOUT=-7, BADARGUMENTS=-8, RECONFIGDISABLED=-123, NONODE=-101, NOAUTH=-102, BADVERSION=-103,
           NOCHILDRENFOREPHEMERALS=-108, NODEEXISTS=-110, NOTEMPTY=-111, SESSIONEXPIRED=-112,
           INVALIDACL=-114, AUTHFAILED=-115, SESSIONMOVED=-118, NOTREADONLY=-119, NOWATCHER=-121,
           NEEDSASL=-124, QUOTA=-125)
ERR_NAMES = {v: k for k, v in ERR.items()}

READ, WRITE, CREATE, DELETE, ADMIN, ALL = 1, 2, 4, 8, 16, 31
OPEN = ((ALL, "world", "anyone"),)
READ_ONLY_ACL = ((READ, "world", "anyone"),)
CREATOR_ALL = ((ALL, "auth", ""),)

EPHEMERAL, SEQUENCE, CONTAINER, TTL, TTL_SEQUENCE = 1, 2, 4, 5, 6
EVENT_CREATED, EVENT_DELETED, EVENT_DATA, EVENT_CHILDREN = 1, 2, 3, 4

Stat = namedtuple("Stat", "czxid mzxid ctime mtime version cversion aversion ephemeralOwner dataLength "
                          "numChildren pzxid")
Result = namedtuple("Result", "type err value")      # one result of a multi

_STAT = struct.Struct(">qqqqiiiqiiq")
_INT = struct.Struct(">i")
_LONG = struct.Struct(">q")
_MULTI_HEADER = struct.Struct(">ibi")
MULTI_END = _MULTI_HEADER.pack(-1, 1, -1)


# ---- encoders -------------------------------------------------------------------------------------------


def i32(n):
    return _INT.pack(n)


def i64(n):
    return _LONG.pack(n)


def buf(data):
    return b"\xff\xff\xff\xff" if data is None else _INT.pack(len(data)) + data


def string(s):
    """A str as UTF-8 (lone surrogates allowed), bytes as they are, None as null."""
    return buf(s.encode("utf-8", "surrogatepass") if isinstance(s, str) else s)


def vector(items, encode=string):
    return i32(-1) if items is None else i32(len(items)) + b"".join(map(encode, items))


def _acl_entry(entry):
    return i32(entry[0]) + string(entry[1]) + string(entry[2])


def acls(acl):
    return vector(acl, _acl_entry)


def path_watch(path, watch=False):
    return string(path) + (b"\1" if watch else b"\0")


exists = get_data = get_children = get_children2 = path_watch


def create(path, data=b"", acl=OPEN, flags=0):
    return string(path) + buf(data) + acls(acl) + i32(flags)


create2 = create


def create_container(path, data=b"", acl=OPEN, flags=CONTAINER):
    return create(path, data, acl, flags)


def create_ttl(path, data=b"", acl=OPEN, flags=TTL, ttl=1000):
    return create(path, data, acl, flags) + i64(ttl)


def delete(path, version=-1):
    return string(path) + i32(version)


check = delete


def set_data(path, data=b"", version=-1):
    return string(path) + buf(data) + i32(version)


def set_acl(path, acl=OPEN, version=-1):
    return string(path) + acls(acl) + i32(version)


def get_acl(path):
    return string(path)


sync = get_ephemerals = get_all_children_number = get_acl


def check_watches(path, kind):
    return string(path) + i32(kind)


remove_watches = add_watch = check_watches


def multi(ops):
    """ops: [(opcode, body), ...]"""
    return b"".join(_MULTI_HEADER.pack(op, 0, -1) + body for op, body in ops) + MULTI_END


multi_read = multi


def set_watches(zxid, data=(), exist=(), child=()):
    return i64(zxid) + vector(data) + vector(exist) + vector(child)


def set_watches2(zxid, data=(), exist=(), child=(), persistent=(), recursive=()):
    return set_watches(zxid, data, exist, child) + vector(persistent) + vector(recursive)


def auth(scheme, data):
    return i32(0) + string(scheme) + buf(data)


def sasl(token):
    return buf(token)


def who_am_i():
    return b""


def reconfig(joining=None, leaving=None, members=None, config_id=-1):
    return string(joining) + string(leaving) + string(members) + i64(config_id)


def connect_request(timeout_ms, session=0, passwd=b"\0" * 16, last_zxid=0, read_only=False):
    """read_only None leaves the byte out, as clients of 3.4 and go-zk do (44 bytes)."""
    body = i32(0) + i64(last_zxid) + i32(timeout_ms) + i64(session) + buf(passwd)
    return body if read_only is None else body + (b"\1" if read_only else b"\0")


# ---- decoders: each takes (body, offset) and returns (value, offset) -------------------------------------


def read_int(body, off=0):
    _need(body, off, 4)
    return _INT.unpack_from(body, off)[0], off + 4


def read_buffer(body, off=0):
    n, off = read_int(body, off)
    if n == -1:
        return None, off
    _need(body, off, n)
    return bytes(body[off:off + n]), off + n


def read_string(body, off=0):
    raw, off = read_buffer(body, off)
    return (None if raw is None else raw.decode("utf-8", "surrogateescape")), off


def read_vector(body, off, read=read_string):
    n, off = read_int(body, off)
    if n == -1:
        return None, off
    items = []
    for _ in range(n):
        item, off = read(body, off)
        items.append(item)
    return items, off


def read_stat(body, off=0):
    _need(body, off, _STAT.size)
    return Stat._make(_STAT.unpack_from(body, off)), off + _STAT.size


stat, buffer, strings = read_stat, read_buffer, read_vector


def read_acl(body, off):
    perms, off = read_int(body, off)
    scheme, off = read_string(body, off)
    ident, off = read_string(body, off)
    return (perms, scheme, ident), off


def read_id(body, off):
    scheme, off = read_string(body, off)
    user, off = read_string(body, off)
    return (scheme, user), off


def _read_nothing(_body, off):
    return None, off


def _pair(first, second):
    def read(body, off):
        one, off = first(body, off)
        two, off = second(body, off)
        return (one, two), off
    return read


def _read_acls(body, off):
    return read_vector(body, off, read_acl)


def _read_ids(body, off):
    return read_vector(body, off, read_id)


def _read_multi(body, off):
    results = []
    while True:
        _need(body, off, _MULTI_HEADER.size)
        kind, done, err = _MULTI_HEADER.unpack_from(body, off)
        off += _MULTI_HEADER.size
        if done:
            if (kind, err) != (-1, -1):
                raise ValueError(f"multi ends with {kind}, {err}")
            return results, off
        value, off = REPLIES[kind](body, off)
        results.append(Result(kind, err, value))


_path_stat = _pair(read_string, read_stat)
_data_stat = _pair(read_buffer, read_stat)
REPLIES = {
    -1: read_int, OP_CREATE: read_string, OP_EXISTS: read_stat, OP_GET_DATA: _data_stat, OP_SET_DATA: read_stat,
    OP_GET_ACL: _pair(_read_acls, read_stat), OP_SET_ACL: read_stat, OP_GET_CHILDREN: read_vector,
    OP_SYNC: read_string, OP_GET_CHILDREN2: _pair(read_vector, read_stat), OP_MULTI: _read_multi,
    OP_CREATE2: _path_stat, OP_RECONFIG: _data_stat, OP_CREATE_CONTAINER: _path_stat, OP_CREATE_TTL: _path_stat,
    OP_MULTI_READ: _read_multi, OP_SASL: read_buffer, OP_GET_EPHEMERALS: read_vector,
    OP_GET_ALL_CHILDREN_NUMBER: read_int, OP_ADD_WATCH: read_int, OP_WHO_AM_I: _read_ids,
    OP_DELETE: _read_nothing, OP_PING: _read_nothing, OP_CHECK: _read_nothing, OP_CHECK_WATCHES: _read_nothing,
    OP_REMOVE_WATCHES: _read_nothing, OP_AUTH: _read_nothing, OP_SET_WATCHES: _read_nothing,
    OP_SET_WATCHES2: _read_nothing, OP_CLOSE_SESSION: _read_nothing,
}


def parse_reply(op, body):
    """The whole body of a reply without error as Python values; pairs such as (data, Stat) as tuples."""
    value, off = REPLIES[op](body, 0)
    if off != len(body):
        raise ValueError(f"{len(body) - off} bytes left over in a reply of {OP_NAMES.get(op, op)}")
    return value


def event(body):
    """(type, state, path) of a watch event."""
    kind, off = read_int(body)
    state, off = read_int(body, off)
    path, off = read_string(body, off)
    if off != len(body):
        raise ValueError(f"{len(body) - off} bytes left over in an event")
    return kind, state, path


def _need(body, off, n):
    if n < 0 or off + n > len(body):
        raise ValueError(f"body of {len(body)} bytes ends inside a field at {off}")
