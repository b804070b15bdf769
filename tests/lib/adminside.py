"""The daemon's admin side, as a scraper or an operator's tool sees it.

Happy path: Admin(proxy) finds the address in the daemon's log; get() and post() return (status, text), metrics() every
sample by name and labels. Failure: no admin side in the log within the usual time.
"""
import http.client
import json
import re
import socket

from procs import eventually

SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class _Unix(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Admin:
    def __init__(self, proxy, timeout=10.0, token=None, tls=None):
        """tls: a context of ssl's, for an address where TLS is spoken."""
        names = eventually(lambda: re.findall(r"admin side at (\S+)", proxy.log()), 5, "an admin side in the log")
        self.paths = [n[5:] for n in names if n.startswith("unix:")]
        self.addrs = [(n.rsplit(":", 1)[0], int(n.rsplit(":", 1)[1])) for n in names if not n.startswith("unix:")]
        self.timeout, self.token, self.tls = timeout, token, tls

    def connection(self, unix=None):
        """An HTTP connection: over the socket file where there is one, unless unix says otherwise."""
        if unix or (unix is None and self.paths):
            return _Unix(self.paths[0], self.timeout)
        if self.tls:
            return http.client.HTTPSConnection(*self.addrs[0], timeout=self.timeout, context=self.tls)
        return http.client.HTTPConnection(*self.addrs[0], timeout=self.timeout)

    def ask(self, method, path, headers=None, unix=None, body=None):
        conn = self.connection(unix)
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        try:
            conn.request(method, path, body=body, headers=headers)
            reply = conn.getresponse()
            return reply.status, reply.read().decode(), dict(reply.getheaders())
        finally:
            conn.close()

    def get(self, path, **options):
        status, text, _ = self.ask("GET", path, **options)
        return status, text

    def post(self, path, **options):
        status, text, _ = self.ask("POST", path, **options)
        return status, text

    def json(self, path, **options):
        status, text = self.get(path, **options)
        assert status == 200, (path, status, text)
        return json.loads(text)

    def metrics(self):
        """{(name, ((label, value), ...)): number}"""
        status, text = self.get("/metrics")
        assert status == 200, (status, text[:500])
        found = {}
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            name, labels, value = SAMPLE.match(line).groups()
            key = (name, tuple(sorted(LABEL.findall(labels or ""))))
            assert key not in found, f"twice: {line}"
            found[key] = float(value)
        return found

    def value(self, name, **labels):
        """The sum of a family's samples with these labels."""
        wanted = set(labels.items())
        return sum(v for (n, pairs), v in self.metrics().items() if n == name and wanted <= set(pairs))
