"""Certificates of the integration tests, made by openssl(1) in a scratch folder.

Happy path: Certs() is an authority; .sign("server", "/CN=server", "DNS:localhost") returns the paths (certificate, key)
of what it signed, with keys on a curve, which takes milliseconds.
"""
import os
import ssl
import subprocess

from procs import need, temp_dir

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
RSA = ["-newkey", "rsa:2048", "-nodes"]


class Certs:
    def __init__(self, name="Lab"):
        self.dir = temp_dir()
        self.ca = self.path("ca.pem")
        self._openssl("req", "-x509", *CURVE, "-keyout", self.path("ca.key"), "-out", self.ca, "-days", "30", "-subj",
                      f"/O={name}/CN=Authority")

    def path(self, name):
        return os.path.join(self.dir, name)

    def _openssl(self, *args):
        done = subprocess.run([need("openssl", "openssl"), *args], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr

    def sign(self, name, subject, names="DNS:localhost,IP:127.0.0.1", days=30, kind=CURVE):
        """(certificate, key) for a subject and its alternative names. kind: of the key, CURVE or RSA."""
        certificate, key, request = self.path(name + ".pem"), self.path(name + ".key"), self.path(name + ".csr")
        extensions = self.path(name + ".ext")
        with open(extensions, "w") as f:
            f.write(f"subjectAltName={names}\n")
        self._openssl("req", *kind, "-utf8", "-multivalue-rdn", "-keyout", key, "-out", request, "-subj", subject)
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.path("ca.key"), "-CAcreateserial",
                      "-days", str(days), "-extfile", extensions, "-out", certificate)
        os.chmod(key, 0o600)
        return certificate, key

    def bundle(self, name):
        """Key and certificate in one file, as ZooKeeper and its Java client want a key store in PEM."""
        out = self.path(name + ".bundle.pem")
        with open(out, "w") as f:
            for part in (name + ".key", name + ".pem"):
                with open(self.path(part)) as g:
                    f.write(g.read())
        return out

    def key_store(self, name, password):
        """The same as a key store of Java's."""
        out = self.path(name + ".p12")
        self._openssl("pkcs12", "-export", "-in", self.path(name + ".pem"), "-inkey", self.path(name + ".key"), "-out", out,
                      "-passout", "pass:" + password)
        return out

    def context(self, name=None, version=None):
        """A client's context for Python's ssl; name is the certificate that it shows."""
        context = ssl.create_default_context(cafile=self.ca)
        if name:
            context.load_cert_chain(self.path(name + ".pem"), self.path(name + ".key"))
        if version:
            context.minimum_version = context.maximum_version = version
        return context
