"""Certificates over the air, in pieces: SETCERT. What is whole and good is laid into its place, where a setting
(tls.ca, tls.client) may name it; nothing that is in use is touched by that.

Places below the folder of the flash: `tls/ca.der`, `tls/ca2.der` a root each; `tls/client.der`, `tls/client2.der` the
device's own certificate with its key (u16 length of the certificate, big end first, certificate, key), so that a power
cut cannot part them. While it comes: `tls/NAME.OF.PART`, a piece each, in any order, twice as well.
"""

import os
from binascii import a2b_base64

from firmware.core.compat import MICROPYTHON, renew
from firmware.security import context, der

_MOST = const(4096)
_PARTS = const(64)
# Name in SETCERT -> file, and whether it is a root, a certificate or a key.
NAMES = const((
    ("ca", "ca", "ca"), ("ca2", "ca2", "ca"), ("cert", "client", "cert"), ("key", "client", "key"),
    ("cert2", "client2", "cert"), ("key2", "client2", "key"),
))  # fmt: skip


def place(name):
    """(file without its ending, kind) of a name in SETCERT. ValueError."""
    for each, file, kind in NAMES:
        if each == name:
            return file, kind
    raise ValueError("one of %s is wanted" % ", ".join([each[0] for each in NAMES]))


def command(device, args, person):
    """SETCERT with its arguments: lines that answer it. `person`: somebody stands before the device. ValueError,
    OSError.

    What comes over the very connection it would change can't be tried out there, a setting can: so that is refused.
    """
    root, get = device.board.root, device.config.get
    if not args:
        return shown(root)
    name = args[0].lower()
    file, kind = place(name)
    own = "own2" if file[-1] == "2" else "own"
    used = own in get("tls.ca").replace(",", " ").split() if kind == "ca" else get("tls.client") == own
    if used and not person and device.mqtt and device.mqtt.settings.get("tls"):
        which = "ca" if kind == "ca" else "client"
        raise ValueError("it is in use; send it as the other one, then SETPARAM,tls.%s" % which)
    if len(args) == 3 and args[1] == args[2] == "0":
        forget(root, name)
        return (name + ": removed",)
    if len(args) < 4 or not (args[1] + args[2]).isdigit():
        raise ValueError("SETCERT,name,part,of,base64 is wanted")
    return (name + ": " + take(root, device.clock.utc(), name, int(args[1][:3]), int(args[2][:3]), args[3]),)


def take(folder, now, name, part, of, text):
    """One piece of `of`; what came of it, in words. `now`: UTC seconds, 0: not known.

    ValueError says why the piece, or the whole, is not taken; OSError of the flash.
    """
    place(name)
    if not 0 < of <= _PARTS or not 0 < part <= of:
        raise ValueError("a part of 1 to %d is wanted" % _PARTS)
    try:
        data = a2b_base64(text)
    except ValueError:
        data = b""
    if not data:
        raise ValueError("part %d is no base64" % part)
    top = _folder(folder)
    start = "%s.%d." % (name, of)
    # Of another try, with other pieces, nothing is of use.
    for each in os.listdir(top):
        if each.startswith(name + ".") and each.count(".") == 2 and not each.startswith(start):
            os.remove(top + "/" + each)
    with open("%s/%s%d" % (top, start, part), "wb") as file:
        file.write(data)
    here = [each for each in os.listdir(top) if each.startswith(start)]
    if len(here) < of:
        return "%d of %d parts are here" % (len(here), of)
    whole = b""
    for number in range(1, of + 1):
        with open("%s/%s%d" % (top, start, number), "rb") as file:
            whole += file.read(_MOST)
    for each in here:
        os.remove(top + "/" + each)
    return put(folder, now, name, whole)


def put(folder, now, name, data):
    """A whole one, as DER: laid into its place when it is good, and what it is, in words. ValueError, OSError."""
    file, kind = place(name)
    path = "%s/%s" % (_folder(folder), file)
    if len(data) > _MOST:
        raise ValueError("it has more than %d bytes" % _MOST)
    if kind == "key":
        return _pair(path, name, data)
    found = _certificate(data, now)
    if kind == "ca":
        if found.issuer != found.subject and not found.authority:
            raise ValueError("that is no root: %s has signed it, whose certificate is wanted" % der.name(found.issuer))
        _loads(data)
        _write(path + ".der", data)
        return "%s is here, until %s" % (der.name(found.subject), _day(found.ends))
    held = read_client(path + ".der")
    if held and _fits(data, held[1]):
        _join(path, data, held[1])
        return "%s is here, until %s, with the key it had" % (der.name(found.subject), _day(found.ends))
    _write(path + ".cert", data)
    return "%s, until %s: its key is wanted next" % (der.name(found.subject), _day(found.ends))


def forget(folder, name):
    """Remove what lies in the place of a name. ValueError."""
    file, _ = place(name)
    top = _folder(folder)
    for each in os.listdir(top):
        if each.startswith(file + ".") or each.startswith(name + "."):
            os.remove(top + "/" + each)


def shown(folder):
    """A line for each place: what lies there."""
    top = _folder(folder)
    lines = []
    for name, file, kind in NAMES:
        if kind == "key":
            continue
        try:
            if kind == "ca":
                with open("%s/%s.der" % (top, file), "rb") as open_file:
                    data = open_file.read(_MOST)
            else:
                data = read_client("%s/%s.der" % (top, file))[0]
            found = der.Certificate(data)
            lines.append("%s: %s, until %s" % (name, der.name(found.subject), _day(found.ends)))
        except (OSError, ValueError, IndexError):
            lines.append("%s: none" % name)
    return lines


def left(trust, now):
    """Days until a certificate ends that a connection under `trust` needs: the server's, as it was last seen, or the
    device's own, whichever is first; negative when it has, None: neither is known. `now`: UTC seconds."""
    ends = [trust.ends] if trust.ends else []
    if trust.client != "off":
        pair = read_client("%s/tls/client%s.der" % (trust.folder, trust.client[3:]))
        try:
            ends.append(der.Certificate(pair[0]).ends)
        except (ValueError, IndexError):
            pass  # there is none, or one that TLS has something to say of
    return (min(ends) - now) // 86400 if ends and now else None


def read_client(path):
    """(certificate, key) in a file of both; (): there is none."""
    return context.read_client(path)


def _pair(path, name, key):
    try:
        der.public_part(key)
    except (ValueError, IndexError):
        raise ValueError("that is no private key as DER with its public half in it") from None
    for source in (path + ".cert", path + ".der"):
        try:
            with open(source, "rb") as file:
                data = file.read(2 * _MOST)
        except OSError:
            continue
        certificate = data if source.endswith(".cert") else read_client(source)[0]
        if not _fits(certificate, key):
            raise ValueError("that key is not the certificate's; nothing was changed")
        _join(path, certificate, key)
        return "certificate and key fit; tls.client says whether they are shown"
    raise ValueError("its certificate is wanted first: SETCERT,%s" % name.replace("key", "cert"))


def _fits(certificate, key):
    return der.public_part(key) in der.Certificate(certificate).key


def _join(path, certificate, key):
    if MICROPYTHON:
        try:
            import tls

            tls.SSLContext(tls.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key)
        except (ImportError, ValueError) as error:
            raise ValueError("MicroPython does not take them: %s" % error) from None
    _write(path + ".der", len(certificate).to_bytes(2, "big") + certificate + key)
    try:
        os.remove(path + ".cert")
    except OSError:
        pass  # the certificate lay there already


def _loads(data):
    if MICROPYTHON:
        try:
            import tls

            tls.SSLContext(tls.PROTOCOL_TLS_CLIENT).load_verify_locations(data)
        except (ImportError, ValueError) as error:
            raise ValueError("MicroPython does not take it: %s" % error) from None


def _certificate(data, now):
    try:
        found = der.Certificate(data)
    except (ValueError, IndexError) as error:
        text = "that is PEM, not DER" if data[:10] == b"-----BEGIN" else "that is no certificate as DER: %s" % error
        raise ValueError(text) from None
    if now and found.ends < now:
        raise ValueError("it has expired on %s, today is %s here" % (_day(found.ends), _day(now)))
    return found


def _day(utc):
    return der.day(utc)


def _folder(folder):
    top = folder + "/tls"
    try:
        os.mkdir(top)
    except OSError:
        pass  # it is there
    return top


def _write(path, data):
    with open(path + ".new", "wb") as file:
        file.write(data)
    renew(path)
