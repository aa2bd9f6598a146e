"""What TLS is to check, made from a trust.Trust for one connection: roots, the device's own certificate, pins."""

import os
import sys

from firmware.core.compat import MICROPYTHON
from firmware.core.errors import BrokerError
from firmware.security import der
from firmware.security.trust import AUTO

# Those the version brings (tools/roots.py), in the order of what servers have most.
ROOTS = const((
    "isrg-x1", "isrg-x2", "amazon-1", "amazon-3", "digicert-g2", "digicert-g3", "gts-r1", "gts-r4",
))  # fmt: skip
# Below the folder of the flash.
_PLACE = const("/tls/%s.der")
# Name in tls.ca or tls.client -> file.
_OWN = const((("own", "ca", "client"), ("own2", "ca2", "client2")))
_LARGEST = const(8194)
# Codes of errors (core/errors.py).
_NO_FILE = const(352)
_NOT_GOOD = const(353)
_NOT_BUILT = const(355)


def make(trust):
    """(module with TLS, its SSLContext) for a connection under `trust`. BrokerError, MemoryError."""
    try:
        import tls
    except ImportError:
        try:
            import ssl as tls  # CPython has no other name for it
        except ImportError:
            raise BrokerError(_NOT_BUILT) from None
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    if trust is None or trust.verify == "none":
        if hasattr(context, "check_hostname"):
            context.check_hostname = False
        context.verify_mode = tls.CERT_NONE
    elif trust.verify == "pin":
        _pin(trust, tls, context)
    else:
        context.verify_mode = tls.CERT_REQUIRED
        _load(trust, context)
        if MICROPYTHON:
            context.verify_callback = _Witness(trust)
    if trust:
        _own(trust, context)
    return context


class _Witness:
    """Called by TLS for each certificate of a server, its own with depth 0; 0: go on. Nothing may get out of here:
    there is C around it that would not be tidied up."""

    def __init__(self, trust):
        self._trust = trust

    def __call__(self, data, depth):
        try:
            trust = self._trust
            if not depth:
                trust.leaf = bytes(data)
                if trust.verify == "pin":
                    trust.pinned += 1
                    return 0 if der.pin(trust.leaf) in trust.pins else 1
            return 0
        except BaseException:  # whatever it is: what could not be looked at is not believed
            return 1


def _pin(trust, tls, context):
    """With CERT_NONE the callback is never called, with CERT_REQUIRED a root is wanted: so it is the one between
    (measured; mbedtls_ssl_parse_certificate)."""
    if not hasattr(context, "verify_callback"):
        raise BrokerError(_NOT_BUILT)
    context.verify_mode = tls.CERT_OPTIONAL
    context.verify_callback = _Witness(trust)


def _load(trust, context):
    """One root after the other: no two are in memory as they lie on the flash."""
    count = 0
    for name in trust.roots:
        if name == AUTO:
            for own, file, _ in _OWN:
                if own not in trust.roots:
                    count += _add(context, own, _read(trust.folder + _PLACE % file))
            for each in ROOTS:
                count += _add(context, each, root(each))
        else:
            data = root(name)
            for own, file, _ in _OWN:
                if own == name:
                    data = _read(trust.folder + _PLACE % file)
            if not data:
                raise BrokerError(_NO_FILE, name)
            count += _add(context, name, data)
    if not count:
        raise BrokerError(_NO_FILE, ",".join(trust.roots))


def _add(context, name, data):
    if not data:
        return 0
    try:
        if MICROPYTHON:
            context.load_verify_locations(data)
        else:
            context.load_verify_locations(cadata=data)
    except ValueError as error:
        raise BrokerError(_NOT_GOOD, name, str(error)) from None
    return 1


def _own(trust, context):
    for own, _, file in _OWN:
        if own == trust.client:
            pair = read_client(trust.folder + _PLACE % file)
            if not pair:
                raise BrokerError(_NO_FILE, "tls.client " + own)
            try:
                context.load_cert_chain(*pair)
            except (ValueError, TypeError) as error:
                raise BrokerError(_NOT_GOOD, "tls.client " + own, str(error)) from None


def read_client(path):
    """(certificate, key) in a file of both (certificates.py); (): there is none."""
    data = _read(path)
    length = int.from_bytes(data[:2], "big")
    return (data[2 : 2 + length], data[2 + length :]) if len(data) > length + 2 else ()


def root(name):
    """A root that the version brings, as DER; b"": it brings none of that name."""
    for place in sys.path:
        data = _read("%s/roots/%s.der" % (place, name))
        if data:
            return data
    return b""


def _read(path):
    try:
        os.stat(path)
        with open(path, "rb") as file:
            return file.read(_LARGEST)
    except OSError:
        return b""
