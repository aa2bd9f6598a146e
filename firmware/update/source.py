"""Where a release comes from and whose it has to be: what an order is checked for before anything is loaded for it."""

from firmware.update import slots


class DownloadError(Exception):
    """Given up; the text says why. What was fetched stays for the next call."""


def split(url):
    """(host, port, path, whether TLS is wanted) of an http or https URL; DownloadError for anything else."""
    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in ("http", "https"):
        raise DownloadError("only http:// and https:// are understood, not %s" % url[:40])
    if any(not 32 < ord(c) < 127 for c in url):
        raise DownloadError("an address has no blanks and plain letters only")
    host, _, path = rest.partition("/")
    host, _, port = host.partition(":")
    if not host:
        raise DownloadError("%s names no server" % url[:40])
    secure = scheme == "https"
    try:
        return host, int(port or (443 if secure else 80)), "/" + path, secure
    except ValueError:
        raise DownloadError("the port of %s is no number" % url[:60]) from None


class GiveWay(Exception):
    """Somebody else needs the heap: what was fetched stays for the next call."""


class ReleaseError(Exception):
    """Something is wrong with the file; the text says what, for the installer."""


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
