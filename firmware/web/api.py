"""What the page asks: `GET /`, `GET /api/about`, `POST /api/at`, `GET /api/status`, `GET /api/settings`,
`GET` and `POST /api/login`, `POST /api/logout`.

Every request that is not the page itself or the login wants a session (login.py), and what changes something is a POST
whose Origin is ours: another site that a browser has open must not give commands. The Host is an address or a name of
`page.hosts`: a name of a stranger's, made to lead here, is none of ours.
"""

import json
import sys

import microdot
from microdot import Microdot, Request, Response

from firmware.commands.dispatcher import Channel
from firmware.core import log
from firmware.web.login import COOKIE, ROUNDS, Logins, Wait

_OPEN = ("/", "/api/about", "/api/login")
# A whole configuration as text has some 8 KB.
MOST_BODY = const(16384)
_JSON = {"Content-Type": "application/json"}
_SAFE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
_OURS = const("AT^MTXTUNNEL=")
_ERROR = const("+MTXERR: ")


class Api:
    """`processor`: commands.dispatcher.Processor; `sealed()`: the page's sealed password; `hosts()`: the names the
    device may be called by, in small letters, with commas. `later(function)` calls it when the answer is out."""

    def __init__(self, processor, sealed, hosts, later):
        self.logins = Logins(sealed)
        self._processor = processor
        self._hosts = hosts
        self._later = later
        self._channel = Channel("web", "page.commands", echo=False)
        self._channel.told = True
        self.app = app = Microdot()
        Request.max_content_length = Request.max_body_length = MOST_BODY
        app.before_request(self._check)
        app.after_request(self._headers)
        app.after_error_request(self._headers)
        microdot.print_exception = _noted
        app.get("/")(self._page)
        app.get("/api/about")(self._about)
        app.get("/api/login")(self._challenge)
        app.post("/api/login")(self._login)
        app.post("/api/logout")(self._logout)
        app.post("/api/at")(self._at)
        app.get("/api/status")(self._status)
        app.get("/api/settings")(self._settings)

    # --- who asks

    def _check(self, request):
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
        if not self.named(host) or (origin is None and request.method == "POST"):
            return _told(403, "this is not the page's own request")
        if origin is not None and origin != "http://" + host:
            return _told(403, "another site asks")
        if request.path not in _OPEN and not self.logins.known(request.cookies.get(COOKIE, "")):
            return _told(401, "log in first")
        return None

    def named(self, host):
        """Whether a Host is one of ours: an IPv4 address or a name of page.hosts, with a port or without."""
        name, _, port = host.partition(":")
        if port and not port.isdigit():
            return False
        parts = name.split(".")
        if len(parts) == 4 and all(part.isdigit() for part in parts):
            return True
        name = name.lower()
        return any(name and name == each.strip() for each in self._hosts().split(","))

    def _headers(self, request, response):
        response.headers.update(_SAFE)
        if "Content-Security-Policy" not in response.headers:
            response.headers["Content-Security-Policy"] = "default-src 'none'"
        return response

    # --- requests

    def _page(self, request):
        file = opened("page.gz")
        if file is None:
            return _told(404, "this version has no page")
        with opened("policy.txt") as policy:
            headers = {"Content-Type": "text/html; charset=utf-8", "Content-Encoding": "gzip",
                       "Content-Security-Policy": policy.read().decode()}  # fmt: skip
        return Response(file, 200, headers)

    def _about(self, request):
        return _told(200, "", way="device", devices=())

    def _challenge(self, request):
        salt, text = self.logins.challenge()
        return _told(200, "", salt=salt, rounds=ROUNDS, challenge=text)

    def _login(self, request):
        proof = _field(request, "proof")
        if proof is None:
            return _told(400, "this is no request of the page")
        try:
            token = self.logins.enter(proof)
        except Wait as wait:
            return _told(429, "too many wrong passwords", wait=wait.seconds)
        who = ("web " + str(request.client_addr[0])).strip()
        if token is None:
            log.note(who, "LOGIN", "that is not the password", "web login")
            return _told(403, "that is not the password")
        log.note(who, "LOGIN", "OK")
        response = _told(200, "")
        response.headers["Set-Cookie"] = "%s=%s; Path=/; HttpOnly; SameSite=Strict" % (COOKIE, token)
        return response

    def _logout(self, request):
        self.logins.leave(request.cookies.get(COOKIE, ""))
        return _told(200, "")

    async def _at(self, request):
        text = _field(request, "text")
        if text is None:
            return _told(400, "this is no request of the page")
        return await self._run(request, text)

    async def _status(self, request):
        return await self._run(request, _OURS + "GETSTATUS")

    async def _settings(self, request):
        return await self._run(request, _OURS + "GETCONFIG")

    async def _run(self, request, text):
        self._channel.source = str(request.client_addr[0])
        after, collector = await self._processor.collect(text, self._channel)
        if after:
            self._later(after)
        if collector is None:
            return _told(200, "not enough memory for this", ok=False, lines=(), code=11)
        return Response(answer(collector.take()), 200, dict(_JSON))


def answer(data):
    """The pieces of a JSON object of an answer (bytes, executor.py): {"lines", "ok", "code", "why"}."""
    yield b'{"lines":['
    at, first, good, code, why = 0, True, False, 0, ""
    view = memoryview(data)
    while at < len(data):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        line = str(view[at:end], "utf-8").rstrip("\r")
        at = end + 1
        if line.startswith(_ERROR):
            number, _, why = line[len(_ERROR) :].partition(",")
            code, why = int(number), why.strip('"')
        elif at >= len(data) and line in ("OK", "ERROR"):
            good = line == "OK"
        elif line:
            yield (b"" if first else b",") + json.dumps(line).encode()
            first = False
    yield ('],"ok":%s,"code":%d,"why":%s}' % ("true" if good else "false", code, json.dumps(why))).encode()


def _noted(error):
    """What microdot would print: a request of rubbish is no news for the console."""
    log.debug("page", "a request failed: %s: %s", type(error).__name__, error)


def _told(status, why, **more):
    more["why"] = why
    return Response(json.dumps(more), status, dict(_JSON))


def _field(request, name):
    """A text in the JSON body; None: there is none."""
    if not request.headers.get("Content-Type", "").startswith("application/json"):
        return None  # what a form of another site can send is none
    try:
        found = json.loads(request.body).get(name)
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None


def opened(name):
    """A file of the page that lies beside the version, open; None: there is none."""
    for place in sys.path:
        try:
            return open("%s/web/%s" % (place, name), "rb")
        except OSError:
            pass
    return None
