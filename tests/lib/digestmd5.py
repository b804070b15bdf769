"""The client's side of DIGEST-MD5 (RFC 2831), with every field open to be wrong.

Happy path: respond(challenge, "bob", "secret") is the token that answers a server's challenge.
"""
import hashlib
import re

PROTOCOL, REALM = b"zookeeper", b"zk-sasl-md5"


def _md5(data):
    return hashlib.md5(data).digest()


def _hex(data):
    return _md5(data).hex().encode()


def nonce_of(challenge):
    return re.search(rb'nonce="([^"]*)"', challenge).group(1)


def respond(challenge, user, password, *, realm=REALM, uri=PROTOCOL + b"/" + REALM, nonce=None, nc=b"00000001",
            qop=b"auth", charset=b"charset=utf-8,", authzid=None, extra=b"", leave_out=()):
    """user and password: text whose letters fit into ISO 8859-1, as which they are hashed."""
    nonce = nonce or nonce_of(challenge)
    cnonce = b"Y25vbmNl"
    who, secret = user.encode("latin-1"), password.encode("latin-1")
    a1 = _md5(who + b":" + realm + b":" + secret) + b":" + nonce + b":" + cnonce
    if authzid is not None:
        a1 += b":" + authzid
    a2 = b"AUTHENTICATE:" + uri + (b"" if qop == b"auth" else b":" + b"0" * 32)
    response = _hex(b":".join((_hex(a1), nonce, nc, cnonce, qop, _hex(a2))))
    fields = {"username": b'"%s"' % (user.encode() if charset else who), "realm": b'"%s"' % realm,
              "nonce": b'"%s"' % nonce, "nc": nc, "cnonce": b'"%s"' % cnonce, "digest-uri": b'"%s"' % uri,
              "maxbuf": b"65536", "response": response, "qop": qop}
    if authzid is not None:
        fields["authzid"] = b'"%s"' % authzid
    return charset + b",".join(k.encode() + b"=" + v for k, v in fields.items() if k not in leave_out) + extra
