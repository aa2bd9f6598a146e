"""What the page asks: `GET /`, `GET /api/about`, `POST /api/at`, `GET /api/status`, `GET /api/settings`,
`GET /api/trace`, `GET` and `POST /api/login`, `POST /api/logout`.

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
# Bytes that are shown of each file of the trace.
_TAIL = const(3072)
_MOST = const(4)  # addresses whose commands are counted, each on its own


class Api:
    """`processor`: commands.dispatcher.Processor; `sealed()`: the page's sealed password; `hosts()`: the names the
    device may be called by, in small letters, with commas; `traces()`: the paths of the trace's files, the newest
    first. `later(function)` calls it when the answer is out."""

    def __init__(self, processor, sealed, hosts, traces, later):
        self.logins = Logins(sealed)
        self._processor = processor
        self._hosts = hosts
        self._traces = traces
        self._later = later
        self._channels = []
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
        app.get("/api/trace")(self._trace)

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
        file, policy = opened("page.gz"), opened("policy.txt")
        if file is None or policy is None:
            return _told(404, "this version has no page")
        with policy:
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

    async def _trace(self, request):
        # Who may not look at a setting may not look at this.
        return await self._run(request, _OURS + "GETPARAM,iec102.trace", self._traces)

    async def _run(self, request, text, more=tuple):
        after, collector = await self._processor.collect(text, self._channel(str(request.client_addr[0])))
        if after:
            self._later(after)
        if collector is None:
            return _told(200, "not enough memory for this", ok=False, lines=(), code=11)
        return Response(answer(collector.take(), more()), 200, dict(_JSON))

    def _channel(self, source):
        """That of an address: the audit log names it, however many ask at a time."""
        for each in self._channels:
            if each.source == source:
                return each
        made = Channel("web", "page.commands", echo=False)
        made.told, made.source = True, source
        self._channels[:] = self._channels[1 - _MOST :] + [made]
        return made


def answer(data, files=()):
    """The pieces of a JSON object of an answer (bytes, executor.py): {"lines", "ok", "code", "why"}; where it is OK
    the ends of `files` (paths, the last first) are "trace" in it."""
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
    yield ('],"ok":%s,"code":%d,"why":%s' % ("true" if good else "false", code, json.dumps(why))).encode()
    first = True
    for path in reversed(files if good else ()):
        for line in _end(path):
            yield (b',"trace":[' if first else b",") + json.dumps(line).encode()
            first = False
    yield b"}" if first else b"]}"


def _end(path):
    """The last lines of a file, read at once: whoever writes it begins it anew one day."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL))
            lines = str(file.read(_TAIL), "utf-8").split("\n")
    except (OSError, ValueError):
        return ()
    return lines[size > _TAIL : -1]


def _noted(error):
    """What microdot would print with a traceback: whoever sends rubbish could fill the console with it."""
    log.info("page", "a request failed: %s", type(error).__name__)


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
