"""Addresses of files on servers, and what says that nothing comes from there."""

_ADDRESS_MOST = const(1000)


class DownloadError(Exception):
    """Given up; the text says why, for who ordered it. What was fetched stays for the next call."""

    code = 502


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
