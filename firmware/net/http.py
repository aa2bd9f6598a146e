"""For download.py: the head of an answer over HTTP/1.1 (RFC 9112, RFC 9110), and TLS.

A server may be anybody's: every length in a head has its limit, and what contradicts itself is refused; nothing but
what download.py wants of it is kept.

With https the server's certificate is not checked: what makes a release trustworthy is its own signature, and most
hosts of files serve nothing but https. So whoever stands on the way sees what is fetched and can delay it, as with
http. The handshake is driven by the first write on a socket that does not block. Its wait for the network is in turns;
its arithmetic is not: a step of it holds the loop up, on a small board for a second or more.
"""

from firmware.net.url import DownloadError

# What a head has altogether; those of the large file hosts have 2 to 5 KB.
HEAD_MOST = const(8192)
# What is kept of one line: an address that is sent on to may be long.
LINE_MOST = const(1024)
# Digits of a length: more than any flash has.
_DIGITS = const(9)
_TAG_MOST = const(128)
_WANTED = const((
    b"content-length", b"content-range", b"transfer-encoding", b"etag", b"last-modified", b"location",
))  # fmt: skip
# ENOMEM, and MBEDTLS_ERR_x_ALLOC_FAILED, of which each part of mbedtls has its own: SSL, PK, X509, MD, CIPHER and
# ECP. An error may carry that of a part below in its last seven bits (error.h): MPI, ASN1.
_NO_MEMORY = const((12, -0x7F00, -0x3F80, -0x2880, -0x5180, -0x6180, -0x4D80))
_NO_MEMORY_BELOW = const((0x10, 0x6A))
# MBEDTLS_ERR_SSL_INVALID_RECORD; the reason that OpenSSL names (CPython).
_NO_TLS = const((-0x7200, "WRONG_VERSION_NUMBER"))
_ALERT = const(-0x7780)  # MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE


class Answer:
    """`code`: the status (int); `length`: bytes of the body (int), None if that was not told; `tag`: what names this
    content (text, "" for none). Of a range also the `first` byte and the size of the `whole` file (int, 0: not told).
    """

    length = first = None
    whole = 0
    tag = ""


def text(raw):
    """Bytes from a server as printable ASCII."""
    return "".join(chr(c) if 32 <= c < 127 else "?" for c in raw)


def _number(raw):
    """A length as a head has it; ValueError for anything but a few digits."""
    if not raw.isdigit() or len(raw) > _DIGITS:
        raise ValueError
    return int(raw)


async def read(line, host):
    """The Answer whose lines `await line()` gives (bytes without their ends).

    DownloadError when it is none, and for a status with which another try would end as well: all but 200, 206, 416 and
    those of a server in trouble.
    """
    code = 100
    # What says that the answer is still to come has a head of its own (RFC 9110, 15.2); `line` limits them together.
    while 100 <= code < 200:
        words = (await line()).split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or len(words[1]) != 3 or not words[1].isdigit():
            raise DownloadError("%s does not speak HTTP" % host)
        code = int(words[1])
        found = await _fields(line, host)
    answer = Answer()
    answer.code = code
    try:
        if b"content-length" in found:
            answer.length = _number(found[b"content-length"])
        if code == 206:
            _range(answer, found.get(b"content-range", b""))
    except ValueError:
        raise DownloadError("%s tells a length that is none" % host) from None
    if b"transfer-encoding" in found:
        answer.length = None
    tag = found.get(b"etag") or found.get(b"last-modified", b"")
    if len(tag) <= _TAG_MOST and not tag.startswith(b"W/"):
        answer.tag = text(tag)
    if code // 100 == 3:
        # Not followed: whoever gives the order says from where.
        place = text(found.get(b"location", b"another address"))
        raise DownloadError("the server answers %d: order it from %s" % (code, place))
    if code not in (200, 206, 416) and code < 500:
        raise DownloadError("%s answers %d for that address" % (host, code))
    return answer


async def _fields(line, host):
    """{name: value} of the fields that are wanted, up to the empty line."""
    found = {}
    while True:
        raw = await line()
        if not raw:
            return found
        name, _, value = raw.partition(b":")
        name, value = name.lower(), value.strip()
        if name in _WANTED:
            if found.get(name, value) != value:
                raise DownloadError("%s tells %s twice" % (host, text(name)))
            found[name] = value


def _range(answer, raw):
    """`bytes first-last/whole` (RFC 9110, 14.4); ValueError."""
    unit, _, rest = raw.partition(b" ")
    part, _, whole = rest.partition(b"/")
    first, _, last = part.partition(b"-")
    answer.first, last = _number(first), _number(last)
    answer.whole = 0 if whole == b"*" else _number(whole)
    length = last + 1 - answer.first
    if unit.lower() != b"bytes" or length < 1 or (answer.whole and last >= answer.whole):
        raise ValueError
    if answer.length is None:
        answer.length = length
    elif answer.length != length:
        raise ValueError


# --- TLS


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
    """What to raise for an OSError of such a socket: MemoryError, DownloadError or an OSError in words.

    `shaking`: the handshake was not over.
    """
    number = error.args[0]
    if number in _NO_MEMORY or (isinstance(number, int) and number < 0 and -number & 0x7F in _NO_MEMORY_BELOW):
        return MemoryError("not enough memory for TLS")
    if shaking and (number in _NO_TLS or getattr(error, "reason", None) in _NO_TLS):
        return DownloadError("%s does not speak TLS on that port: is it http://?" % host)
    what = "the handshake with %s failed" % host if shaking else "the connection broke"
    if number == _ALERT:
        what = "%s refuses it" % host
    text = str(error.args[1] if len(error.args) > 1 else error)
    return OSError("TLS: %s: %s" % (what, text))
