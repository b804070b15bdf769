"""Pacemaker's protocol: a client that sends raw messages, and what a message looks like.

Happy path: PulseConn(addr).send(path, data); get(path) is bytes or None; nodes(path) a set of names. call() returns the
whole reply. Failure modes: a connection that ends raises OSError; a reply that is not the one asked for, AssertionError.
"""
import base64
import hashlib
import socket
import struct

import digestmd5

(CREATE_PATH, EXISTS, SEND_PULSE, GET_ALL_PULSE, GET_ALL_NODES, GET_PULSE, DELETE_PATH, DELETE_PULSE_ID, CONTROL, SASL,
 NOT_AUTHORIZED) = (0, 2, 4, 6, 8, 10, 12, 14, 16, 17, 18)
BOOL, I32, STRING, STRUCT, LIST = 2, 8, 11, 12, 15
ASK, COMPLETE = -202, -203          # control messages: SASL_TOKEN_REQUEST, SASL_COMPLETE_REQUEST


def field(kind, number):
    return struct.pack(">bh", kind, number)


def string(value):
    return struct.pack(">i", len(value)) + value


def frame(payload):
    return struct.pack(">i", len(payload)) + payload


def path_data(path):
    return field(STRING, 1) + string(path.encode())


def pulse_data(path, details):
    details = b"" if details is None else field(STRING, 2) + string(details)
    return field(STRUCT, 2) + field(STRING, 1) + string(path.encode()) + details + b"\0"


def blob_data(blob):
    return field(STRING, 7) + string(blob)


def message(kind, data=b"", number=None):
    """A frame. data: a member of the union, b"" for no data."""
    body = field(I32, 1) + struct.pack(">i", kind)
    body += field(STRUCT, 2) + data + b"\0" if data else b""
    body += field(I32, 3) + struct.pack(">i", number) if number is not None else b""
    return frame(body + b"\0")


def control(code):
    """A control message."""
    return message(CONTROL, blob_data(struct.pack(">h", code)))


def token(data):
    return message(SASL, blob_data(struct.pack(">hi", -500, len(data)) + data))


def derived(user, password):
    """The secret that Storm makes of the two, for a login by DIGEST."""
    return base64.b64encode(hashlib.sha512(f"{user}:{password}".encode()).hexdigest().encode()).decode()


def answer(challenge, secret, **fields):
    """A token for a login by DIGEST. As Storm's client, which calls itself by its topology's name."""
    wanted = {"realm": b"default", "uri": b"null/default", **fields}
    return digestmd5.respond(challenge, base64.b64encode(b"my-topo").decode(), secret, **wanted)


class Reader:
    """Thrift's binary protocol as dictionaries: {field: value}."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise ValueError("cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def i32(self):
        return struct.unpack(">i", self.take(4))[0]

    def value(self, kind):
        if kind == BOOL:
            return self.take(1) != b"\0"
        if kind == I32:
            return self.i32()
        if kind == STRING:
            return self.take(self.i32())
        if kind == STRUCT:
            return self.struct()
        if kind == LIST:
            of = self.take(1)[0]
            return [self.value(of) for _ in range(self.i32())]
        raise ValueError(f"a type {kind}")

    def struct(self):
        found = {}
        while (kind := self.take(1)[0]) != 0:
            number = struct.unpack(">h", self.take(2))[0]
            found[number] = self.value(kind)
        return found


class PulseConn:
    def __init__(self, addr, timeout=10.0):
        self.sock = socket.create_connection(addr, timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = 0
        self.buffer = b""

    def close(self):
        self.sock.close()

    def write(self, data):
        self.sock.sendall(data)

    def _exactly(self, n):
        while len(self.buffer) < n:
            more = self.sock.recv(65536)
            if not more:
                raise OSError("the connection ended")
            self.buffer += more
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def read_raw(self):
        """The next reply's payload."""
        return self._exactly(struct.unpack(">i", self._exactly(4))[0])

    def read(self):
        """The next reply: {1: type, 2: data, 3: id}."""
        return Reader(self.read_raw()).struct()

    def ended(self):
        """True when the other side has closed, with nothing left to read."""
        try:
            return not self.buffer and self.sock.recv(1) == b""
        except ConnectionError:
            return True

    def call(self, kind, data):
        self.number = (self.number + 1) % 100
        self.write(message(kind, data, self.number))
        reply = self.read()
        assert reply[3] == self.number, (reply, self.number)
        return reply

    def _good(self, kind, data):
        reply = self.call(kind, data)
        assert reply[1] == kind + 1, reply
        return reply

    def read_token(self):
        """A SASL token's bytes; another message is an AssertionError."""
        reply = self.read()
        blob = reply.get(2, {}).get(7, b"")
        assert reply[1] == SASL and 3 not in reply and struct.unpack(">hi", blob[:6]) == (-500, len(blob) - 6), reply
        return blob[6:]

    def read_complete(self):
        reply = self.read()
        assert reply == {1: CONTROL, 2: {7: struct.pack(">h", COMPLETE)}}, reply

    def log_in(self, secret, **fields):
        """By DIGEST."""
        self.write(control(ASK))
        self.write(token(answer(self.read_token(), secret, **fields)))
        assert self.read_token().startswith(b"rspauth=")
        self.read_complete()

    def send(self, path, details):
        self._good(SEND_PULSE, pulse_data(path, details))

    def get(self, path):
        reply = self._good(GET_PULSE, path_data(path))
        assert reply[2][2][1] == path.encode(), reply
        return reply[2][2].get(2)

    def exists(self, path):
        return self._good(EXISTS, path_data(path))[2][3]

    def nodes(self, path):
        found = self._good(GET_ALL_NODES, path_data(path))[2][5][1]
        assert len(found) == len(set(found)), found
        return {name.decode() for name in found}

    def delete(self, path):
        self._good(DELETE_PATH, path_data(path))
