"""Where a release comes from, whose it has to be, whether there is room: what an order is checked for at once."""

import os

from firmware.port import ticks_diff, ticks_ms
from firmware.update import slots

# A server has to bring so many bytes more in so much time. GPRS at its worst brings them in half a minute; by this one
# the slowest update there may be takes five hours.
_LEAST = const(8192)
_SPAN_MS = const(900000)
# How often a file may be begun anew: by a server without ranges after each drop, or by one that says it has changed.
_ANEW = const(8)
_ADDRESS_MOST = const(1000)
# Bytes littlefs needs to go on working, beside the two versions.
_RESERVE = const(65536)


class DownloadError(Exception):
    """Given up; the text says why, for who ordered it. What was fetched stays for the next call."""

    code = 502


class ReleaseError(Exception):
    """Something is wrong with the file; the text says what, for the installer."""

    code = 503


class UpdateError(Exception):
    """The update did not happen; the device runs on as before. The text says why."""

    code = 504


class GiveWay(Exception):
    """Somebody else needs the heap: what was fetched stays for the next call."""

    code = 505


def split(url):
    """(host, port, path, whether TLS is wanted) of an http or https URL; DownloadError for anything else."""
    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in ("http", "https"):
        raise DownloadError("only http:// and https:// are understood, not %s" % url[:40])
    if len(url) > _ADDRESS_MOST:
        raise DownloadError("an address has %d characters at most" % _ADDRESS_MOST)
    if any(not 32 < ord(c) < 127 for c in url):
        raise DownloadError("an address has no blanks and plain letters only")
    host, _, path = rest.partition("/")
    host, _, port = host.partition(":")
    if not host:
        raise DownloadError("%s names no server" % url[:40])
    secure = scheme == "https"
    port = port or ("443" if secure else "80")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise DownloadError("the port of %s is no number of a port" % url[:60])
    return host, int(port), "/" + path, secure


class Pace:
    """Ends what does not get on, however the server goes about it; one for all connections of an order.

    Only the time between begin() and the looks that follow counts: not that in which the device had something else to
    do.
    """

    def __init__(self):
        self._most = 0  # bytes of the file that were there when the time began anew
        self._spent = self._last = self._anew = 0

    def begin(self):
        self._last = ticks_ms()

    def look(self, got):
        """DownloadError when `got` bytes of the file are too few for the time that was taken."""
        now = ticks_ms()
        self._spent += ticks_diff(now, self._last)
        self._last = now
        if got >= self._most + _LEAST:
            self._most, self._spent = got, 0
        elif self._spent > _SPAN_MS:
            raise DownloadError("gave up at %d bytes: the server is too slow" % got)

    def again(self):
        """The file begins anew; DownloadError when it did so too often."""
        self._anew += 1
        if self._anew > _ANEW:
            raise DownloadError("gave up: the server began the file anew %d times" % _ANEW)


def read_key(root):
    """The public key's modulus in release.pub (hex on its last line); ReleaseError without one."""
    words = slots.read_text(root + "/release.pub", 2048).split()
    try:
        import binascii

        return binascii.unhexlify(words[-1])
    except (IndexError, ValueError):
        raise ReleaseError(
            "this device has no release key (release.pub), so it takes no update over the air; "
            "`python -m tools.release keygen` and `make deploy` give it one"
        ) from None


def lacking(root, size, folder=None):
    """Why there is no room for `size` bytes more, in figures; "" if there is, or the port cannot tell.

    `folder`: of a version that makes room for them.
    """
    try:
        facts = os.statvfs(root or "/")
    except (AttributeError, OSError):
        return ""
    free = facts[1] * facts[3] + (slots.used(root, folder) if folder else 0)
    needed = size + _RESERVE
    if free >= needed:
        return ""
    return "not enough room: %d KiB free, %d KiB needed; nothing was changed" % (free // 1024, needed // 1024)
