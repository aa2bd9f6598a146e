"""TLS for a connection (tcp.py): below everything that speaks TCP, so whoever speaks it knows nothing of TLS.

The server's certificate is not checked: what makes a release trustworthy is its own signature, and most hosts of files
serve nothing but https. So whoever stands on the way sees what is fetched and can delay it, as with http. The
handshake is driven by the first send() on a socket that does not block: what is refused has to be offered again byte
for byte. Its wait for the network is in turns; its arithmetic is not: a step of it holds the loop up, on a small board
for a second or more.
"""

from firmware.net.connect import reader
from firmware.net.tcp import AGAIN, close
from firmware.net.url import DownloadError

# ENOMEM, and MBEDTLS_ERR_x_ALLOC_FAILED, of which each part of mbedtls has its own: SSL, PK, X509, MD, CIPHER and
# ECP. An error may carry that of a part below in its last seven bits (error.h): MPI, ASN1.
_NO_MEMORY = const((12, -0x7F00, -0x3F80, -0x2880, -0x5180, -0x6180, -0x4D80))
_NO_MEMORY_BELOW = const((0x10, 0x6A))
# MBEDTLS_ERR_SSL_INVALID_RECORD; the reason that OpenSSL names (CPython).
_NO_TLS = const((-0x7200, "WRONG_VERSION_NUMBER"))
_ALERT = const(-0x7780)  # MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE


class Covered:
    """TLS in a connected socket that does not wait, to be used like that; nothing is sent yet. Errors are those of
    named(): MemoryError, DownloadError, or an OSError in words."""

    def __init__(self, sock, host):
        self._below = sock
        self._host = host
        self.shaking = True  # the handshake is not over
        self._socket = wrap(sock, host)

    def send(self, data):
        count = self._now(getattr(self._socket, "send", None) or self._socket.write, data)
        if count:
            self.shaking = False
        return count

    def recv_into(self, view):
        return self._now(reader(self._socket), view)

    def _now(self, call, data):
        try:
            return call(data)
        except OSError as error:
            raise named(error, self._host, self.shaking) from None

    def close(self):
        # After a handshake that failed MicroPython's TLS socket has let go of the one below without closing it.
        close(self._socket)
        close(self._below)


def wrap(sock, host):
    """`sock`, connected and non-blocking, with TLS around it; nothing is sent yet. DownloadError, MemoryError."""
    try:
        import tls
    except ImportError:
        try:
            import ssl as tls  # CPython has no other name for it
        except ImportError:
            text = "this MicroPython is built without TLS: an http:// address is wanted"
            raise DownloadError(text) from None
    # RFC 6066, 3: the name that is sent along is never an address.
    name = None if host.replace(".", "").isdigit() else host
    try:
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        if hasattr(context, "check_hostname"):
            context.check_hostname = False
        context.verify_mode = tls.CERT_NONE
        return context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)
    except OSError as error:
        raise named(error, host, True) from None


def named(error, host, shaking):
    """What to raise for an OSError of such a socket: MemoryError, DownloadError, an OSError in words, or itself.

    `shaking`: the handshake was not over.
    """
    number = error.args[0]
    if number in _NO_MEMORY or (isinstance(number, int) and number < 0 and -number & 0x7F in _NO_MEMORY_BELOW):
        return MemoryError("not enough memory for TLS")  # its own, which no waiting brings back
    if number in AGAIN:
        return error
    if shaking and (number in _NO_TLS or getattr(error, "reason", None) in _NO_TLS):
        return DownloadError("%s does not speak TLS on that port: is it http://?" % host)
    what = "the handshake with %s failed" % host if shaking else "the connection broke"
    if number == _ALERT:
        what = "%s refuses it" % host
    text = str(error.args[1] if len(error.args) > 1 else error)
    return OSError("TLS: %s: %s" % (what, text))
