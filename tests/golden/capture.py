"""Records what real clients put on the wire, and what ZooKeeper answers, into the .hex files beside it.

Run by hand when a client's version changes: tests/run tests/golden/capture.py [kazoo|java|mt|raw]...

Happy path: a client program runs its calls one at a time through a relay that records every frame. It prints
"CALL name key=value..." before each request, "GOT key=value..." with what the call gave, "EVENT key=value..."
for each notification, and "DROP" when the relay is to cut the connection. Calls and request frames are paired by
their order, so that what the tests expect comes from the client's arguments and not from a decoder of ours.
A .hex file has one frame a line: "> name key=value... | bytes" for requests, "<" for the answer to the request
above, "!" for a notification.
Failure: a count that does not fit, or a program that fails, raises; nothing is written then.
"""
import os
import struct
import subprocess
import sys
import threading

from procs import cleanup, need, temp_dir
from relay import Frames, Relay
from zkserver import ZooKeeper, java_classpath

HERE = os.path.dirname(os.path.abspath(__file__))
PING = -2
NOTIFICATION, CLOSE_SESSION = struct.pack(">i", -1), struct.pack(">i", -11)


class Recorder:
    """Keeps (direction, frame) of every whole frame, in order; ("new", b"") where a connection begins. What a client
    that has closed its session is still told of is not kept: some stay to hear it, some do not."""

    def __init__(self):
        self.frames = []
        self.closed = set()
        self.lock = threading.Lock()

    def way(self, peer, up):
        mark, stream = ">" if up else "<", Frames()
        if up:
            self.frames.append(("new", b""))

        def keep(chunk):
            with self.lock:
                for frame in stream.feed(chunk):
                    if up and frame[4:8] == CLOSE_SESSION:
                        self.closed.add(peer)
                    if peer not in self.closed or frame[:4] != NOTIFICATION:
                        self.frames.append((mark, frame))
            return chunk

        return keep


def commands():
    """Client name to (what it is, command line without HOST:PORT)."""
    mt = os.path.join(temp_dir(), "calls_mt")
    classes = temp_dir()

    def make_mt():
        subprocess.run([need("cc", "gcc"), "-DTHREADED", "-o", mt, os.path.join(HERE, "calls_mt.c"),
                        "-lzookeeper_mt"], check=True)
        return [mt]

    def make_java():
        jars = java_classpath("zookeeper", "slf4j-nop")
        subprocess.run([need("javac", "default-jdk-headless"), "-d", classes, "-cp", jars,
                        os.path.join(HERE, "CallsJava.java")], check=True)
        return [need("java", "default-jre-headless"), "-Xmx64m", "-cp", classes + ":" + jars, "CallsJava"]

    return {"kazoo": ("kazoo-2.8.0", lambda: ["/usr/bin/python3", os.path.join(HERE, "calls_kazoo.py")]),
            "java": ("java-3.8.0", make_java), "mt": ("libzookeeper_mt-3.8.0", make_mt),
            "raw": ("raw-44", lambda: ["/usr/bin/python3", os.path.join(HERE, "calls_raw.py")])}


def pair(frames, calls, events):
    """The lines of the .hex file."""
    lines, at, first, waiting = [], 0, {">": False, "<": False}, None
    for mark, frame in frames:
        if mark == "new":
            first = {">": True, "<": True}
            continue
        connect, first[mark] = first[mark], False
        xid = None if connect else struct.unpack(">i", frame[:4])[0]
        if xid == PING:
            text = "ping op=11" if mark == ">" else ""
        elif mark == ">":
            waiting = calls[at]
            text, at = waiting["call"], at + 1
        elif xid == -1:
            mark, text = "!", events.pop(0)
        else:
            text = waiting["got"]
        lines.append(f"{mark} {text} | {frame.hex()}")
    if at != len(calls) or events:
        raise AssertionError("calls or events without a frame:\n" + "\n".join(lines + [str(calls[at:]), str(events)]))
    return lines


def capture(name, title, argv, server):
    recorder = Recorder()
    relay = Relay(server.addr, way=recorder.way).start()
    calls, events = [], []
    client = subprocess.Popen(argv + [relay.connect_string], stdout=subprocess.PIPE, text=True)
    for line in client.stdout:
        word, _, rest = line.strip().partition(" ")
        if word == "CALL":
            calls.append({"call": rest, "got": ""})
        elif word == "GOT":
            calls[-1]["got"] = rest
        elif word == "EVENT":
            events.append(rest)
        elif word == "DROP":
            relay.cut()
    if client.wait(10) != 0:
        raise AssertionError(f"{argv} ended with {client.returncode}")
    lines = pair(list(recorder.frames), calls, events)
    with open(os.path.join(HERE, title + ".hex"), "w", encoding="ascii") as out:
        out.write(f"# {title} against ZooKeeper 3.8.0, recorded by capture.py. Format: see there.\n")
        out.write("\n".join(lines) + "\n")
    print(f"{title}: {len(lines)} frames")


def main():
    server = ZooKeeper(tick=2000, jvm=("-Dzookeeper.extendedTypesEnabled=true",))
    server.start()
    try:
        for name, (title, make) in commands().items():
            if len(sys.argv) == 1 or name in sys.argv[1:]:
                capture(name, title, make(), server)
    finally:
        server.stop()
        cleanup()


if __name__ == "__main__":
    main()
