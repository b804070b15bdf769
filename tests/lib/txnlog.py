"""Reader of ZooKeeper's transaction logs: version-2/log.ZXID.

A file is: "ZKLG", int version 2, long dbid; then per transaction long adler32, buffer (int length and
bytes), byte 'B'; zeros at the end (preallocated). The bytes are TxnHeader{long session, int cxid, long
zxid, long time, int type}, the record of that type, and from 3.6 on a digest that is ignored here.
A half written last transaction ends the reading; a wrong checksum before the end is an error.
"""
import os
import struct
import zlib
from collections import namedtuple

CREATE, DELETE, SET_DATA, SET_ACL, CHECK, MULTI, CREATE2 = 1, 2, 5, 7, 13, 14, 15
RECONFIG, CREATE_CONTAINER, DELETE_CONTAINER, CREATE_TTL = 16, 19, 20, 21
CREATE_SESSION, CLOSE_SESSION, ERROR = -10, -11, -1
PATH_FIRST = (CREATE, DELETE, SET_DATA, SET_ACL, CHECK, CREATE2, RECONFIG, CREATE_CONTAINER, DELETE_CONTAINER,
              CREATE_TTL)

Txn = namedtuple("Txn", "session cxid zxid time type paths ops")
"""ops: the (type, path) pairs of its parts, in order; paths: all paths that it names."""


def _buffer(data, at):
    (length,) = struct.unpack_from(">i", data, at)
    at += 4
    if length < 0:
        return None, at
    if at + length > len(data):
        raise ValueError("a length beyond the record")
    return data[at:at + length], at + length


def _path(data, at):
    raw, _ = _buffer(data, at)
    return None if raw is None else raw.decode("utf-8", "replace")


def _close_paths(data, at):
    if at + 4 > len(data):
        return []
    (count,) = struct.unpack_from(">i", data, at)
    at += 4
    paths = []
    for _ in range(max(count, 0)):
        try:
            raw, at = _buffer(data, at)
        except (struct.error, ValueError):
            return []
        paths.append(raw.decode("utf-8", "replace"))
    return paths


def _ops(kind, data, at):
    if kind in PATH_FIRST:
        return [(kind, _path(data, at))]
    if kind == CLOSE_SESSION:
        return [(kind, p) for p in _close_paths(data, at)]
    if kind != MULTI:
        return []
    (count,) = struct.unpack_from(">i", data, at)
    at += 4
    ops = []
    for _ in range(max(count, 0)):
        (part,) = struct.unpack_from(">i", data, at)
        body, at = _buffer(data, at + 4)
        ops += _ops(part, body, 0) or [(part, None)]
    return ops


def parse(payload):
    """One transaction from its bytes."""
    session, cxid, zxid, when, kind = struct.unpack_from(">qiqqi", payload, 0)
    ops = _ops(kind, payload, 32)
    return Txn(session, cxid, zxid, when, kind, [p for _, p in ops if p is not None], ops)


def record(session, zxid, when, path, data):
    """The bytes of a setData as a server logs it."""
    raw = path.encode()
    payload = struct.pack(">qiqqii", session, 1, zxid, when, SET_DATA, len(raw)) + raw
    payload += struct.pack(">i", len(data)) + data + struct.pack(">i", 1)
    return struct.pack(">qi", zlib.adler32(payload), len(payload)) + payload + b"B"


def read_file(path):
    """The transactions of one log file."""
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 16 or data[:4] != b"ZKLG":
        return []
    txns, at = [], 16
    while at + 12 <= len(data):
        checksum, length = struct.unpack_from(">qi", data, at)
        if length <= 0 or at + 12 + length + 1 > len(data):
            break
        payload = data[at + 12:at + 12 + length]
        if zlib.adler32(payload) != checksum or data[at + 12 + length] != 0x42:
            if any(data[at + 12 + length + 1:at + 12 + length + 9]):
                raise ValueError(f"{path}: wrong checksum at {at}")
            break
        txns.append(parse(payload))
        at += 12 + length + 1
    return txns


def read(folder):
    """All transactions of a server, in order of zxid. folder: its version-2."""
    txns = []
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name.startswith("log."):
            txns += read_file(os.path.join(folder, name))
    return sorted(txns, key=lambda t: t.zxid)


def touching(folder, prefix, after=0):
    """The transactions after a zxid that name a path strictly below prefix."""
    below = prefix.rstrip("/") + "/"
    return [t for t in read(folder) if t.zxid > after and any(p.startswith(below) for p in t.paths)]


def last_zxid(folder):
    txns = read(folder)
    return txns[-1].zxid if txns else 0
