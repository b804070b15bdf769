"""An MIT KDC on a loopback port, for GSSAPI.

Happy path: Kdc().start() makes a realm with the service zookeeper/localhost and the user alice, their
keytabs and a ticket cache for alice; the key of zookeeper/other is in no keytab. Clients must use the host name localhost.
add() makes another principal, whose key goes into a keytab; ticket() a cache for one.
"""
import os
import socket
import subprocess

from procs import Process, eventually, free_port, need, temp_dir

REALM = "LAB.LOCAL"

KRB5_CONF = """[libdefaults]
default_realm = {realm}
dns_canonicalize_hostname = false
rdns = false
dns_lookup_kdc = false
dns_lookup_realm = false
udp_preference_limit = 1
[realms]
{realm} = {{
  kdc = 127.0.0.1:{port}
}}
[domain_realm]
localhost = {realm}
"""

KDC_CONF = """[kdcdefaults]
kdc_listen = 127.0.0.1:{port}
kdc_tcp_listen = 127.0.0.1:{port}
[realms]
{realm} = {{
  database_name = {dir}/principal
  key_stash_file = {dir}/stash
  acl_file = {dir}/kadm5.acl
}}
"""


class Kdc:
    def __init__(self):
        self.dir = temp_dir()
        self.port = free_port()
        self.env = {"KRB5_CONFIG": f"{self.dir}/krb5.conf", "KRB5_KDC_PROFILE": f"{self.dir}/kdc.conf"}
        self.service_keytab = f"{self.dir}/zk.keytab"
        self.user_keytab = f"{self.dir}/alice.keytab"
        self.ccache = f"FILE:{self.dir}/alice.cc"
        self.process = None

    def _run(self, *argv):
        done = subprocess.run(argv, env=dict(os.environ, **self.env), capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise AssertionError(f"{argv[0]}: {done.stdout}{done.stderr}")

    def add(self, principal, keytab):
        """keytab: a file, which may have other keys by now."""
        admin = need("kadmin.local", "krb5-admin-server")
        self._run(admin, "-q", f"addprinc -randkey {principal}")
        self._run(admin, "-q", f"ktadd -k {keytab} {principal}")
        os.chmod(keytab, 0o600)

    def ticket(self, principal, keytab):
        cache = f"FILE:{self.dir}/{principal.replace('/', '-')}.cc"
        self._run(need("kinit", "krb5-user"), "-kt", keytab, "-c", cache, principal)
        return cache

    def start(self):
        for name, text in (("krb5.conf", KRB5_CONF), ("kdc.conf", KDC_CONF)):
            with open(f"{self.dir}/{name}", "w") as f:
                f.write(text.format(realm=REALM, port=self.port, dir=self.dir))
        admin = need("kadmin.local", "krb5-admin-server")
        self._run(need("kdb5_util", "krb5-kdc"), "create", "-s", "-r", REALM, "-P", "masterpw")
        self.process = Process([need("krb5kdc", "krb5-kdc"), "-n"], f"{self.dir}/log", self.env).start()
        self.add("zookeeper/localhost", self.service_keytab)
        self._run(admin, "-q", "addprinc -randkey zookeeper/other")
        self._run(admin, "-q", "addprinc -pw alicepw alice")
        self._run(admin, "-q", f"ktadd -k {self.user_keytab} -norandkey alice")
        eventually(self._answers, 10, "the KDC listening")
        self.ticket("alice", self.user_keytab)
        return self

    def add_user(self, name):
        """Another user, of the realm; the path of his keytab."""
        keytab, admin = f"{self.dir}/{name}.keytab", need("kadmin.local", "krb5-admin-server")
        self._run(admin, "-q", f"addprinc -randkey {name}")
        self._run(admin, "-q", f"ktadd -k {keytab} {name}")
        return keytab

    def _answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        return self.process.stop()
