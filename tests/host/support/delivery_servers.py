"""nginx and vsftpd for tests of services: the programs of the system, with a configuration for the test.

`Nginx(folder, upstream)` passes what comes to the server on the port `upstream` of this machine; `Vsftpd(folder)`
takes files in `folder`/in from anybody.
"""

import socket
import subprocess
from pathlib import Path

from tests.host.support import brokers, programs
from tools import patience

_NGINX = """
daemon off; worker_processes 1; pid %(folder)s/pid; error_log %(folder)s/errors;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy; fastcgi_temp_path %(folder)s/f;
    uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
    limit_req_zone $binary_remote_addr zone=few:1m rate=2r/s;
    server {
        listen 127.0.0.1:%(port)d; listen 127.0.0.1:%(secure)d ssl;
        ssl_certificate %(folder)s/chain.pem; ssl_certificate_key %(folder)s/key.pem;
        client_max_body_size 1k;
        error_page 429 = @later;
        location @later { add_header Retry-After 1 always; return 429; }
        location /in { proxy_pass http://127.0.0.1:%(upstream)d; client_max_body_size 64k; }
        location /few { limit_req zone=few; limit_req_status 429; proxy_pass http://127.0.0.1:%(upstream)d;
            client_max_body_size 64k; }
        location /small { proxy_pass http://127.0.0.1:%(upstream)d; }
        location /moved { return 301 /in; }
    }
}
"""
_VSFTPD = """
listen=YES
listen_address=127.0.0.1
listen_port=%(port)d
background=NO
anonymous_enable=YES
local_enable=NO
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_umask=022
anon_root=%(folder)s/root
run_as_launching_user=YES
secure_chroot_dir=%(folder)s/empty
seccomp_sandbox=NO
xferlog_enable=NO
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=NO
force_anon_data_ssl=NO
require_ssl_reuse=%(reuse)s
rsa_cert_file=%(folder)s/chain.pem
rsa_private_key_file=%(folder)s/key.pem
"""


class _Program:
    """A program that runs; its port is `port`."""

    def __init__(self, folder, shown):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = brokers.free_port()
        (self.folder / "chain.pem").write_bytes(shown.chain)
        (self.folder / "key.pem").write_bytes(shown.key)
        self._process = None

    def start(self):
        self._process = subprocess.Popen(
            self._command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert patience.until(self._listens, 20), "it does not listen"
        return self

    def _listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return True

    def stop(self):
        self._process.terminate()
        self._process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Nginx(_Program):
    """With TLS on `secure`. /in takes 64 KB, /small 1 KB, /few two requests a second (429), /moved is elsewhere."""

    def __init__(self, folder, upstream, shown):
        super().__init__(folder, shown)
        self.secure = brokers.free_port()
        self._upstream = upstream

    def _command(self):
        named = {"folder": self.folder, "port": self.port, "secure": self.secure, "upstream": self._upstream}
        (self.folder / "nginx.conf").write_text(_NGINX % named)
        return [programs.need("nginx"), "-e", str(self.folder / "errors"), "-c", str(self.folder / "nginx.conf")]


class Vsftpd(_Program):
    """`reuse`: it wants the TLS session of the dialogue for the data, as it does unless it is told otherwise."""

    def __init__(self, folder, shown, reuse=False):
        super().__init__(folder, shown)
        self._reuse = reuse

    def _command(self):
        for name in ("root/in", "empty"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        named = {"folder": self.folder, "port": self.port, "reuse": "YES" if self._reuse else "NO"}
        (self.folder / "vsftpd.conf").write_text(_VSFTPD % named)
        return [programs.need("vsftpd"), str(self.folder / "vsftpd.conf")]

    def files(self):
        """{name: [lines]} of what it has been given."""
        return {path.name: path.read_text().splitlines() for path in (self.folder / "root" / "in").iterdir()}
