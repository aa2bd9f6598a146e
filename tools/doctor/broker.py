"""`tools.doctor broker`: name, TCP, TLS, login, subscription, publication; each with its deadline."""

import asyncio
import hashlib
import socket
import ssl
import tempfile
import threading
import uuid
from urllib.parse import urlsplit

import certifi
import paho.mqtt.client as mqtt
from cryptography import x509

from tools import certificates, roots
from tools.board import settings
from tools.board.device import BoardError, Device
from tools.doctor import words
from tools.doctor.report import Fault

_PLAIN, _TLS = ("tcp", "mqtt"), ("tls", "ssl", "mqtts")
# Codes of firmware/core/errors.py: what CONNACK says, 1 to 5, and anything else; the others.
_REFUSED, _REFUSED_OTHERWISE = 300, 306
_PORT_CLOSED, _NO_CONNECTION, _NO_CONNACK, _NO_PUBACK, _HUNG_UP = 308, 309, 310, 311, 312
_NO_NAME, _NO_RIGHT = 317, 326
# Those for which DOCTOR has words of their own.
_NAMED = (2, 4, 5)
_ACCEPTED = 0x80
_DER = 2  # _ssl.ENCODING_DER


class Target:
    """A broker's URL taken apart; ValueError says what is wanted."""

    def __init__(self, url):
        parts = urlsplit(url if "://" in url else "tcp://" + url)
        if parts.scheme not in _PLAIN + _TLS or not parts.hostname or parts.path.strip("/"):
            raise ValueError("tcp://host:port or tls://host:port is wanted, not %s" % url)
        if parts.username or parts.password:
            raise ValueError("user and password do not belong into the URL: --user, --password-file")
        self.host = parts.hostname
        self.tls = parts.scheme in _TLS
        self.port = parts.port or (8883 if self.tls else 1883)


def root_name(root):
    """The word of tls.ca for a root (DER), or its subject."""
    digest = hashlib.sha256(root).hexdigest()
    return next((name for name, each in roots.ROOTS.items() if each == digest), "own")


def _root_of(sock):
    """The root (DER) that has vouched for the other end; None where this Python does not tell."""
    if hasattr(sock, "get_verified_chain"):
        chain = sock.get_verified_chain()  # Python 3.13 and later
    else:
        chain = [each.public_bytes(_DER) for each in sock._sslobj.get_verified_chain() or ()]
    return chain[-1] if chain else None


class BrokerDoctor:
    """`target` a Target, `args` those of the command line, `password` a text or ""."""

    def __init__(self, target, args, password, report):
        self.target, self.args, self.password, self.report = target, args, password, report
        self.wait = args.timeout
        self.addresses = []
        self.client = None
        self.context = None
        self.events = {}
        self.topic = args.topic or "lector102/doctor/%s" % uuid.uuid4().hex[:8]
        self.text = b"lector102 doctor " + uuid.uuid4().hex[:8].encode()

    async def run(self):
        steps = [("name", self.name), ("TCP", self.tcp)]
        if self.target.tls:
            steps.append(("TLS", self.tls))
        steps += [
            ("login", self.login),
            ("subscription", self.subscribe),
            ("publication", self.publish),
            ("delivery", self.deliver),
        ]
        try:
            await self.report.steps(steps)
        finally:
            if self.client:
                self.client.disconnect()
                self.client.loop_stop()

    async def _blocking(self, function, late):
        """Run a call that blocks, in a thread of its own that may be left behind; raises `late` at the deadline."""
        loop = asyncio.get_running_loop()
        result = loop.create_future()

        def call():
            try:
                value, error = function(), None
            except Exception as failure:  # noqa: BLE001  handed on to whoever waits
                value, error = None, failure
            try:
                loop.call_soon_threadsafe(done, value, error)
            except RuntimeError:
                return  # nobody waits any more

        def done(value, error):
            if not result.done():
                result.set_exception(error) if error else result.set_result(value)

        threading.Thread(target=call, daemon=True).start()
        try:
            return await asyncio.wait_for(result, self.wait)
        except asyncio.TimeoutError:
            raise late from None

    # --- the way there

    async def name(self):
        host, port = self.target.host, self.target.port
        self.report.doing("looking up %s" % host)
        more = "check its spelling", "does this computer's network have a name server?"
        silent = Fault("DNS: no answer about %s within %d s" % (host, self.wait), words.of((_NO_NAME,))[1], *more)
        try:
            found = await self._blocking(lambda: socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM), silent)
        except (socket.gaierror, UnicodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise words.fault((_NO_NAME,), *more, seen="%s (%s)" % (host, why)) from None
        # The device takes IPv4 only.
        self.addresses = [entry[4] for entry in found if entry[0] == socket.AF_INET]
        if not self.addresses:
            raise Fault(
                "DNS: %s has no IPv4 address, and the device needs one" % host,
                "ask whoever runs the broker for an A record",
            )
        self.report.ok("DNS: %s is %s" % (host, self.addresses[0][0]))

    async def tcp(self):
        host, port = self.addresses[0][:2]
        where = "%s:%d" % (host, port)
        self.report.doing("TCP to %s" % where)
        try:
            await self._blocking(
                lambda: socket.create_connection(self.addresses[0], self.wait).close(),
                self._no_connection("%s, for %d s" % (where, self.wait)),
            )
        except ConnectionRefusedError:
            raise words.fault(
                (_PORT_CLOSED, host, port), "1883 is usual, 8883 for TLS", seen="%s refuses the connection" % where
            ) from None
        except OSError as error:
            raise self._no_connection("%s (%s)" % (where, error.strerror or error)) from None
        self.report.ok("TCP: %s takes connections" % where)

    def _no_connection(self, seen):
        return words.fault((_NO_CONNECTION,), "ask whoever runs the broker, and the carrier", seen=seen)

    async def tls(self):
        self.report.doing("TLS with %s" % self.target.host)
        try:
            self.context = ssl.create_default_context(cafile=self.args.ca)
        except (OSError, ssl.SSLError) as error:
            raise Fault("TLS: %s holds no certificates (%s)" % (self.args.ca, error)) from None
        if not self.args.ca:
            self.context.load_verify_locations(certifi.where())  # what this computer's system lacks

        def shake():
            raw = socket.create_connection(self.addresses[0], self.wait)
            with self.context.wrap_socket(raw, server_hostname=self.target.host) as sock:
                return "%s, %s" % (sock.version(), sock.cipher()[0]), sock.getpeercert(True), _root_of(sock)

        try:
            late = Fault(
                "TLS: the broker does not speak it within %d s" % self.wait, "is this its port for TLS? 8883 is usual"
            )
            found = await self._blocking(shake, late)
        except ssl.SSLCertVerificationError as error:
            self._say_pin()
            raise Fault(
                "TLS: the broker's certificate is not accepted (%s)" % error.verify_message,
                "an authority of your own: --ca FILE with its certificate",
                "the name in mqtt.broker has to be one the certificate was made for; look at its dates, too",
            ) from None
        except (ssl.SSLError, OSError) as error:
            raise Fault(
                "TLS: the broker does not speak it here (%s)" % (getattr(error, "reason", None) or error),
                "tcp:// if it has none, or its port for TLS (8883 is usual)",
            ) from None
        said, leaf, root = found
        self.report.ok("TLS: %s" % said)
        self.report.note("its key: tls.pins %s" % certificates.pin(leaf))
        self._name_root(root)

    def _name_root(self, root):
        """Say which root the device needs, and lay it onto the board where one is given."""
        if root is None:
            return
        name = root_name(root)
        known = name in roots.ROOTS
        subject = x509.load_der_x509_certificate(root).subject.rfc4514_string()
        self.report.note("its root: %s; on the device tls.ca %s" % (subject, name if known else "own"))
        if not self.args.board:
            if not known:
                self.report.note("the version has it not: once more with --board PORT lays it onto the board")
            return
        with Device(self.args.board) as device:
            try:
                values = {"tls.ca": name if known else "own"}
                if not known:
                    with tempfile.NamedTemporaryFile(suffix=".der") as file:
                        file.write(root)
                        file.flush()
                        settings.lay(device, ca=file.name, out=self.report.note)
                settings.write(device, values, self.report.note)
                device.reset()
            except BoardError as error:
                raise Fault("board: %s" % error, "make deploy first; is it the right port?") from None
            finally:
                device.restart()

    def _say_pin(self):
        """The key of a server whose certificate is not accepted: for a pin, if it is the right one."""
        try:
            leaf = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(self.addresses[0], timeout=self.wait))
        except (OSError, ValueError):
            return
        self.report.note("the key of who is there: %s (tls.pins, if that is your broker)" % certificates.pin(leaf))

    # --- MQTT

    async def login(self):
        args = self.args
        who = args.id or "lector102-doctor-%s" % uuid.uuid4().hex[:6]
        self.report.doing("login as %s%s" % (who, ", user " + args.user if args.user else ""))
        client = self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, who, clean_session=True, reconnect_on_failure=False
        )
        if args.user:
            client.username_pw_set(args.user, self.password)
        if self.context:
            client.tls_set_context(self.context)
        client.connect_timeout = self.wait
        self._listen(client)
        try:
            await self._blocking(
                lambda: client.connect(self.target.host, self.target.port, 30),
                self._no_connection("at the login, for %d s" % self.wait),
            )
        except OSError as error:
            raise words.fault((_HUNG_UP,), seen="at the login (%s)" % error) from None
        client.loop_start()
        code = await self._event("connack", (_NO_CONNACK,))
        if code:
            why = (_REFUSED + code if code < 6 else _REFUSED_OTHERWISE, code)
            raise Fault(*words.of(why)) if code in _NAMED else words.fault(why)
        self.report.ok("login: the broker takes us")

    def _listen(self, client):
        loop = asyncio.get_running_loop()

        def tell(name, value):
            future = self.events.setdefault(name, loop.create_future())
            if not future.done():
                future.set_result(value)

        def later(name, value):
            loop.call_soon_threadsafe(tell, name, value)

        # Version 2 of the callbacks gives MQTT 5 reason codes; the packet's own code is kept aside.
        client.on_connect = lambda c, u, f, code, p: later("connack", _code_of(code))
        client.on_subscribe = lambda c, u, mid, codes, p: later("suback", codes[0].value)
        client.on_publish = lambda c, u, mid, code, p: later("puback", 0)
        client.on_message = lambda c, u, m: m.payload == self.text and later("message", 0)
        client.on_disconnect = lambda c, u, f, code, p: later("gone", str(code))

    async def _event(self, name, late):
        """What comes as `name`; Fault when it does not: `late`, a `why` of the device's or (what is wrong, to do)."""
        loop = asyncio.get_running_loop()
        wanted = self.events.setdefault(name, loop.create_future())
        gone = self.events.setdefault("gone", loop.create_future())
        await asyncio.wait((wanted, gone), timeout=self.wait, return_when=asyncio.FIRST_COMPLETED)
        if wanted.done():
            return wanted.result()
        seen = "it closed the connection" if gone.done() else "none within %d s" % self.wait
        if isinstance(late[0], int):
            raise words.fault(late, seen=seen)
        raise Fault("%s: %s" % (late[0], seen), *late[1:])

    async def subscribe(self):
        self.report.doing("subscribing to %s" % self.topic)
        self.client.subscribe(self.topic, 1)
        code = await self._event("suback", ("subscription: no answer (no SUBACK)", "ask whoever runs the broker"))
        if code >= _ACCEPTED:
            raise words.fault((_NO_RIGHT, self.topic), "or try the device's own topic: --topic (mqtt.at_topic)")
        self.report.ok("subscription to %s" % self.topic)

    async def publish(self):
        self.report.doing("publishing to %s" % self.topic)
        self.client.publish(self.topic, self.text, 1)
        await self._event("puback", (_NO_PUBACK, self.wait * 1000))
        self.report.ok("publication confirmed")

    async def deliver(self):
        await self._event(
            "message",
            (
                "delivery: the message did not come back",
                "the user may not write to %s: the broker drops silently what it does not allow" % self.topic,
            ),
        )
        self.report.ok("the message came back: the whole way works")


# paho's names of MQTT 5 for the CONNACK codes of 3.1.1.
_MEANINGS = {
    "Unsupported protocol version": 1,
    "Client identifier not valid": 2,
    "Server unavailable": 3,
    "Bad user name or password": 4,
    "Not authorized": 5,
}


def _code_of(reason):
    return 0 if not reason.is_failure else _MEANINGS.get(str(reason), reason.value)
