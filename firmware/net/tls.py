"""TLS for a connection (tcp.py): below everything that speaks TCP, so whoever speaks it knows nothing of TLS.

Whom to believe says a security.trust.Trust; what it does not believe gets no byte of ours. The handshake is driven by
the first send() on a socket that does not block. Its wait for the network is in turns; its arithmetic is one call of
up to some seconds on a small board, so `feed` is called before each.

A write that was refused is kept and offered again as it was: MicroPython has sealed it by then, and loses or doubles
bytes when the next one has others (measured: docs/tls.md; mbedtls_ssl_write wants the same arguments).
"""

from firmware.core.errors import BrokerError
from firmware.net.connect import reader
from firmware.net.tcp import AGAIN, close, moved
from firmware.security import context, der

# ENOMEM, and MBEDTLS_ERR_x_ALLOC_FAILED, of which each part of mbedtls has its own: SSL, PK, X509, MD, CIPHER and
# ECP. An error may carry that of a part below in its last seven bits (error.h): MPI, ASN1.
_NO_MEMORY = const((12, -0x7F00, -0x3F80, -0x2880, -0x5180, -0x6180, -0x4D80))
_NO_MEMORY_BELOW = const((0x10, 0x6A))
# MBEDTLS_ERR_SSL_INVALID_RECORD; the reason that OpenSSL names (CPython).
_NO_TLS = const((-0x7200, "WRONG_VERSION_NUMBER"))
_ALERT = const(-0x7780)  # MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE
_GONE = const((32, 104))  # EPIPE, ECONNRESET: what is left of an alert that came while we were sending
# One write is one record, of so many bytes at most (MBEDTLS_SSL_OUT_CONTENT_LEN of MicroPython).
_RECORD = const(4096)
# Bytes around what is in a record, and of a handshake with its packets (bench air).
_AROUND = const(29)
_HANDSHAKE = const(5000)
# Codes of errors (core/errors.py).
_OTHER_NAME = const(341)
_EXPIRED = const(342)
_NOT_YET = const(343)
_NO_ROOT = const(344)
_BY_ITSELF = const(345)
_WEAK = const(346)
_OTHER_KEY = const(347)
_NOT_TAKEN = const(348)
_REFUSED = const(349)
_SILENT_ON_TLS = const(351)
# What MicroPython tells of a certificate is the text of its flags, one a line (mbedtls_x509_crt_verify_info of Mbed
# TLS 3.6): there is no number. A word of each, and the code it means; the last that is there counts.
_VERDICTS = const((
    ("unacceptable", _WEAK), ("(CN)", _OTHER_NAME), ("future", _NOT_YET), ("expired", _EXPIRED),
    ("trusted CA", _NO_ROOT),
))  # fmt: skip
# The same of CPython: verify_code of OpenSSL (x509_vfy.h).
_CODES = const((
    (62, _OTHER_NAME), (64, _OTHER_NAME), (10, _EXPIRED), (9, _NOT_YET), (18, _BY_ITSELF), (19, _NO_ROOT),
    (20, _NO_ROOT), (21, _NO_ROOT), (66, _WEAK), (67, _WEAK), (68, _WEAK),
))  # fmt: skip


class Covered:
    """TLS in a connected socket that does not wait, to be used like that; nothing is sent yet.

    `trust`: a Trust, None: nobody is checked and nothing is shown. `shaking`: the handshake is not over. Raises
    BrokerError (who is there is not believed, or does not want us), MemoryError, or an OSError in words.
    """

    def __init__(self, sock, host, trust=None, feed=None):
        self._below = sock
        self._host = host
        self._trust = trust
        self._feed = feed
        self._kept = self._early = None  # a write that was refused; a byte that came with the handshake
        self._owed = 0  # bytes of such a write that have gone, and were not offered again yet
        self.shaking = True
        moved[0] += _HANDSHAKE
        self._socket = None
        made = context.make(trust)
        if trust:
            trust.leaf = None
            trust.let_go()
        # RFC 6066, 3: the name that is sent along is never an address; what is checked is either.
        bare = host.replace(".", "").isdigit()
        checked = trust and trust.verify == "ca"
        try:
            self._socket = made.wrap_socket(
                sock, server_hostname=None if bare and not checked else host, do_handshake_on_connect=False
            )
        except OSError as error:
            raise self._named(error) from None
        self._write = getattr(self._socket, "send", None) or self._socket.write
        self._read = reader(self._socket)
        # MicroPython tells of a certificate by calling us: until then nothing is given to be sent.
        self._unseen = bool(trust and trust.verify != "none" and hasattr(made, "verify_callback"))

    def send(self, data):
        """How many of the bytes were taken; None: none now, offer them again."""
        if self.shaking and not self._looked():
            return None
        if self._owed:
            count = min(len(data), self._owed)
            self._owed -= count
            return count
        piece = self._kept if self._kept is not None else data[:_RECORD]
        count = self._now(self._write, piece)
        if not count:
            if self._kept is None:
                self._kept = bytes(piece)
            return None
        self._kept = None
        if self.shaking:
            self.shaking = False
            if self._trust:
                self._trust.ends = _ends(self._trust.leaf)
                self._trust.leaf = None
        if count > len(data):
            self._owed = count - len(data)
            count = len(data)
        return count

    def recv_into(self, view):
        """How many bytes were read into `view`, 0 at the end; None: none now."""
        if self._early is not None and len(view):
            view[0] = self._early
            self._early = None
            return 1
        return self._now(self._read, view)

    def _looked(self):
        """Go on with the handshake until the server's certificate was seen; whether it was."""
        if self._feed:
            self._feed()
        if self._unseen:
            byte = bytearray(1)
            count = self._now(self._read, byte)
            if count == 0:
                raise OSError("TLS: %s hung up" % self._host)
            if count:
                self._early = byte[0]
            self._unseen = self._trust.leaf is None
        return not self._unseen

    def _now(self, call, data):
        """What the call gives, None: nothing now; raises what _verdict() and _named() make of an error."""
        try:
            count = call(data)
            if count:
                moved[0] += _AROUND
            return count
        except ValueError as error:  # before OSError: CPython's is both
            raise self._verdict(error) from None
        except OSError as error:
            found = self._named(error)
        if found is None:
            return None
        raise found

    def _verdict(self, error):
        """The BrokerError for a certificate that is not believed."""
        host, leaf = self._host, self._trust and self._trust.leaf
        code, text = _NOT_TAKEN, str(error)
        if hasattr(error, "verify_code"):
            code = dict(_CODES).get(error.verify_code, code)
        else:
            for word, found in _VERDICTS:
                if word in text:
                    code = found
        try:
            found = der.Certificate(leaf) if leaf else None
        except (ValueError, IndexError):
            found = None
        if code == _NO_ROOT:
            if found and found.issuer == found.subject:
                code = _BY_ITSELF
            else:
                return BrokerError(code, host, der.name(found.issuer) if found else "?")
        if code in (_EXPIRED, _NOT_YET):
            times = (found.begins, found.ends) if found else (0, 0)
            return BrokerError(code, host, der.day(times[code == _EXPIRED]), der.day(self._trust.clock.utc()))
        if code == _NOT_TAKEN:
            return BrokerError(code, host, " ".join(text.split()))
        return BrokerError(code, host)

    def _named(self, error):
        """What to raise for an OSError of the socket; None: it is "not yet"."""
        number = error.args[0]
        if number in _NO_MEMORY or (isinstance(number, int) and number < 0 and -number & 0x7F in _NO_MEMORY_BELOW):
            return MemoryError("not enough memory for TLS")  # its own, which no waiting brings back
        if number in AGAIN:
            return None
        host, text = self._host, str(error.args[1] if len(error.args) > 1 else error)
        if not self.shaking:
            return OSError("TLS: the connection broke: %s" % text)
        trust = self._trust
        if trust and trust.verify == "pin" and trust.leaf:
            try:
                seen = der.pin(trust.leaf)
            except (ValueError, IndexError):
                seen = "?"
            if seen not in trust.pins:
                return BrokerError(_OTHER_KEY, host, seen)
        if number in _NO_TLS or getattr(error, "reason", None) in _NO_TLS:
            return BrokerError(_SILENT_ON_TLS, host)
        if number == _ALERT or getattr(error, "reason", None) or (number in _GONE and trust and trust.leaf):
            return BrokerError(_REFUSED, host, text)
        return OSError("TLS: the handshake with %s failed: %s" % (host, text))

    def close(self):
        # After a handshake that failed MicroPython's TLS socket has let go of the one below without closing it.
        close(self._socket)
        close(self._below)
        self._socket = None
        if self._trust:
            self._trust.hold()


def _ends(leaf):
    """When a server's certificate ends, UTC seconds; 0: it was not shown to us, or does not say."""
    try:
        return der.Certificate(leaf).ends if leaf else 0
    except (ValueError, IndexError):
        return 0
