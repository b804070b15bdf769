"""A TCP relay whose connections can be cut: the way between a proxy and a server breaks while both live on.

Happy path: Cut(("127.0.0.1", port)).start() listens on its own port and passes everything on. cut() ends all connections
there are, with a reset; with refuse=True new ones too, until allow(). stall() passes nothing on, allow() goes on.
"""

import socket
import struct
import threading


class Cut:
    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.addr = self.listener.getsockname()
        self.connect_string = "%s:%d" % self.addr
        self.pairs = []
        self.refuses = False
        self.going = threading.Event()
        self.going.set()

    def start(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            if self.refuses:
                self._reset(client)
                continue
            try:
                server = socket.create_connection(self.target, 5)
            except OSError:
                self._reset(client)
                continue
            for sock in (client, server):
                sock.settimeout(None)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pairs.append((client, server))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, source, target):
        try:
            while True:
                data = source.recv(1 << 16)
                self.going.wait()
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)
        except OSError:
            pass

    @staticmethod
    def _reset(sock):
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        sock.close()

    def cut(self, refuse=False):
        self.refuses = refuse
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for sock in pair:
                self._reset(sock)
        self.going.set()

    def stall(self):
        self.going.clear()

    def allow(self):
        self.refuses = False
        self.going.set()
