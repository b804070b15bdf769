"""A TCP relay that delays every byte: makes the way to a server long.

Happy path: Delay(("127.0.0.1", port), 0.01).start() listens on its own port; what comes in leaves
`seconds` later, in order, without limiting the throughput. A peer's end is passed on after what it sent.
With tap, a function, each chunk is shown to it: tap(client's address, True for towards the server, bytes).
"""

import collections
import functools
import socket
import threading
import time


class _Way(threading.Thread):
    """One direction of one connection: reads at once, sends when it is due."""

    def __init__(self, source, target, seconds, tap):
        super().__init__(daemon=True)
        self.source, self.target, self.seconds, self.tap = source, target, seconds, tap
        self.queue = collections.deque()
        self.ready = threading.Semaphore(0)

    def run(self):
        threading.Thread(target=self._send, daemon=True).start()
        while True:
            try:
                chunk = self.source.recv(1 << 16)
            except OSError:
                chunk = b""
            if self.tap:
                self.tap(chunk)
            self.queue.append((time.monotonic() + self.seconds, chunk))
            self.ready.release()
            if not chunk:
                return

    def _send(self):
        while True:
            self.ready.acquire()
            due, chunk = self.queue.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if not chunk:
                    self.target.shutdown(socket.SHUT_WR)
                    return
                self.target.sendall(chunk)
            except OSError:
                return


class Delay:
    def __init__(self, target, seconds, listen=("127.0.0.1", 0), tap=None):
        self.target, self.seconds, self.tap = target, seconds, tap
        self.listener = socket.create_server(listen, backlog=128)
        self.addr = self.listener.getsockname()
        self.connect_string = "%s:%d" % self.addr

    def start(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def _accept(self):
        while True:
            try:
                client, peer = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target, 5)
            except OSError:
                client.close()
                continue
            for s in (client, server):
                s.settimeout(None)
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, target, up in ((client, server, True), (server, client, False)):
                tap = functools.partial(self.tap, peer, up) if self.tap else None
                _Way(source, target, self.seconds, tap).start()

    def stop(self):
        self.listener.close()
