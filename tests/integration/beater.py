"""A client process that owns an ephemeral znode and beats: setData on its beat every `pause` seconds, no
pings. beater.py PORT EPHEMERAL BEAT TIMEOUT_MS PAUSE. Prints "ready", then beats until it is stopped.
"""
import sys
import time

import wire
from wire import Conn


def main():
    port, ephemeral, beat, timeout_ms, pause = sys.argv[1:]
    conn = Conn(("127.0.0.1", int(port)), int(timeout_ms))
    assert conn.call(wire.OP_CREATE, wire.create(ephemeral, b"", flags=1)).err == 0
    assert conn.call(wire.OP_CREATE, wire.create(beat, b"0")).err in (0, wire.ERR["NODEEXISTS"])
    print("ready", flush=True)
    while True:
        assert conn.call(wire.OP_EXISTS, wire.exists(beat)).err == 0
        assert conn.call(wire.OP_SET_DATA, wire.set_data(beat, b"%f" % time.time())).err == 0
        time.sleep(float(pause))


if __name__ == "__main__":
    main()
