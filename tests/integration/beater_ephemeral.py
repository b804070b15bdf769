"""A client process whose ephemeral znode is its beat: beater_ephemeral.py PORT PATH TIMEOUT_MS PAUSE. Prints the number
of each acknowledged beat.
"""
import sys
import time

import wire
from wire import Conn


def main():
    port, path, timeout_ms, pause = sys.argv[1:]
    conn = Conn(("127.0.0.1", int(port)), int(timeout_ms))
    assert conn.call(wire.OP_CREATE, wire.create(path, b"", flags=wire.EPHEMERAL)).err == 0
    number = 0
    while True:
        assert conn.call(wire.OP_EXISTS, wire.exists(path)).err == 0
        assert conn.call(wire.OP_SET_DATA, wire.set_data(path, b"%d" % number)).err == 0
        print(number, flush=True)
        number += 1
        time.sleep(float(pause))


if __name__ == "__main__":
    main()
