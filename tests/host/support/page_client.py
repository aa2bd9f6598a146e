"""What a browser does with the device's page, by hand: requests over bare sockets, the answer to a challenge."""

import hashlib
import json
import socket

from firmware.config import password as sealing

COOKIE = "lector102"


class Answer:
    """`status`, `headers` (small letters), `body` (bytes), `json`."""

    def __init__(self, data):
        assert data, "the connection ended without an answer"
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.text = self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)


def send(port, data, seconds=60, source=None):
    """The bytes that come back for these, sent from an address, until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), seconds, source and (source, 0)) as peer:
        peer.sendall(data)
        return drain(peer)


def drain(peer):
    found = b""
    try:
        while True:
            piece = peer.recv(4096)
            if not piece:
                break
            found += piece
    except ConnectionError:
        pass
    return found


def proof(password, asked):
    """The answer to a challenge (firmware/web/login.py)."""
    sealed = sealing.seal(password, asked["salt"])
    return hashlib.sha256((asked["challenge"] + sealed).encode()).hexdigest()


class Browser:
    """A tab; `cookie`: of its session; `source`: the address it comes from, where it is another one."""

    source = None

    def __init__(self, port, host=None):
        self.port = port
        self.host = host or "127.0.0.1:%d" % port
        self.cookie = ""

    def request(self, method, path, body=None, **headers):
        """Answer. A header that is None is left out."""
        sent = {"Host": self.host}
        if self.cookie:
            sent["Cookie"] = "%s=%s" % (COOKIE, self.cookie)
        data = b""
        if method == "POST":
            sent["Origin"] = "http://" + self.host
            sent["Content-Type"] = "application/json"
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent["Content-Length"] = str(len(data))
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        lines = ["%s %s HTTP/1.1" % (method, path)]
        lines += ["%s: %s" % each for each in sent.items() if each[1] is not None]
        return Answer(send(self.port, ("\r\n".join(lines) + "\r\n\r\n").encode() + data, source=self.source))

    def get(self, path, **headers):
        return self.request("GET", path, **headers)

    def post(self, path, body, **headers):
        return self.request("POST", path, body, **headers)

    def login(self, password, **headers):
        """Answer; the session's cookie is kept."""
        found = self.post("/api/login", {"proof": proof(password, self.get("/api/login").json)}, **headers)
        if found.status == 200:
            self.cookie = found.headers["set-cookie"].split(";")[0].partition("=")[2]
        return found

    def at(self, command, *lines, **headers):
        """What a command answers: {"lines", "ok", "code", "why"}."""
        text = command if command.startswith("AT") else "AT^MTXTUNNEL=" + command
        found = self.post("/api/at", {"text": "\n".join([text, *lines])}, **headers)
        assert found.status == 200, (command, found.status, found.text)
        return found.json
