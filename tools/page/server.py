"""The page on localhost: a browser's requests become AT commands on a way to the device (ways.py).

It answers what the device's own server answers (firmware/web/api.py): `GET /`, `GET /api/about`, `POST /api/at`,
`GET /api/status`, `GET /api/settings`, `GET /api/trace`, `GET` and `POST /api/login`. Only this computer reaches it;
other pages in the same browser do not: Host and Origin have to be ours.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tools.page import build
from tools.page.ways import NoWay

_LONGEST = 65536
# CommandError: not allowed on this channel, or not logged in (firmware/commands/executor.py).
_FORBIDDEN = 3


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "lector102", ""
    timeout = 30

    def log_message(self, *_):
        pass

    def _send(self, status, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Content-Security-Policy", self.server.policy)
        self.end_headers()
        self.wfile.write(data)

    def _ours(self):
        """Whether the request is one of our own page. A name that leads here from elsewhere is none of ours."""
        port = self.server.server_port
        hosts = {"%s:%d" % (name, port) for name in ("127.0.0.1", "localhost")}
        origin = self.headers.get("Origin")
        good = self.headers.get("Host") in hosts and (origin is None or origin in {"http://" + each for each in hosts})
        if self.command == "POST":
            good = good and origin is not None
        if not good:
            self.close_connection = True
            self._send(403, {"why": "this is not the page's own request"})
        return good

    def do_GET(self):
        if not self._ours():
            return
        url = urlsplit(self.path)
        if url.path == "/":
            self._send(200, self.server.html, "text/html; charset=utf-8")
        elif url.path == "/api/about":
            way = self.server.way
            self._send(200, {"way": way.name, "devices": list(way.devices)})
        elif url.path == "/api/login":
            self._send(200, {"plain": True})
        elif url.path in _READS:
            self._ask(url, _READS[url.path], trace=url.path == "/api/trace")
        else:
            self._send(404, {"why": "there is no such page"})

    def do_POST(self):
        if not self._ours():
            return
        url = urlsplit(self.path)
        try:
            size = int(self.headers.get("Content-Length", ""))
            if not 0 <= size <= _LONGEST:
                raise ValueError
            body = json.loads(self.rfile.read(size))
            text = body["password" if url.path == "/api/login" else "text"]
            if not isinstance(text, str):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            self.close_connection = True
            self._send(400, {"why": "this is no request of the page"})
            return
        if url.path == "/api/at":
            self._ask(url, text)
        elif url.path == "/api/login":
            self._ask(url, "AT^MTXTUNNEL=LOGIN," + text.replace("\r", "").replace("\n", ""), login=True)
        else:
            self._send(404, {"why": "there is no such page"})

    def _ask(self, url, text, login=False, trace=False):
        device = parse_qs(url.query).get("device", [""])[0]
        try:
            answer = self.server.way.ask(device, text)
        except NoWay as error:
            self._send(502, {"ok": False, "lines": [], "code": 0, "why": str(error)})
            return
        told = {"ok": answer.ok, "lines": answer.lines, "code": answer.code, "why": answer.why}
        if trace and answer.ok:
            told["trace"] = self.server.way.trace(device)
        if login and not answer.ok:
            self._send(403, told)
        elif not login and answer.code == _FORBIDDEN and self._locked(device):
            self._send(401, told)
        else:
            self._send(200, told)

    def _locked(self, device):
        """Whether the console wants a password first: then not even a look at the version is allowed."""
        if self.server.way.name != "cable":
            return False
        answer = self.server.way.ask(device, "AT^MTXTUNNEL=VERSION")
        return not answer.ok and answer.code == _FORBIDDEN


_READS = {
    "/api/status": "AT^MTXTUNNEL=GETSTATUS",
    "/api/settings": "AT^MTXTUNNEL=GETCONFIG",
    "/api/trace": "AT^MTXTUNNEL=GETPARAM,iec102.trace",
}


class Server:
    """Serves the page for a way from its own thread on; `url` is where. OSError: the port is taken."""

    def __init__(self, way, port=0):
        html, policy = build.page()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        self._http.daemon_threads = True
        self._http.way, self._http.html, self._http.policy = way, html, policy
        self.url = "http://127.0.0.1:%d/" % self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, name="page", daemon=True)
        self._thread.start()

    def wait(self):
        self._thread.join()

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)
