"""Make a signed release for the update over the air: one file.

`keygen` once, `make` per release, `verify` before it is published; `python -m tools.release
--help`. The private key stays with you: keys/ is ignored by git, and whoever has it can put any
program on your devices.
"""

import argparse
import base64
import hashlib
import json
import os
import secrets
import struct
import sys
import textwrap
import time
from math import gcd
from pathlib import Path

from firmware.update.release import HEAD_MOST, MAGIC, padded
from tools import pack

ROOT = Path(__file__).resolve().parent.parent
KEY = ROOT / "keys" / "release.pem"
PUBLIC = ROOT / "release.pub"
BITS = 3072
_E = 65537
_SMALL = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]


class ReleaseToolError(Exception):
    """What went wrong and what to do."""


# --- numbers


def _is_prime(n, rounds=32):
    """Miller-Rabin; the chance to err is below 4**-rounds."""
    if any(n % p == 0 for p in _SMALL):
        return n in _SMALL
    odd, twos = n - 1, 0
    while not odd & 1:
        odd, twos = odd >> 1, twos + 1
    for _ in range(rounds):
        x = pow(secrets.randbelow(n - 3) + 2, odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def _prime(bits):
    while True:
        # The two highest bits set: the product of two has exactly twice the bits.
        n = secrets.randbits(bits) | (3 << (bits - 2)) | 1
        if gcd(n - 1, _E) == 1 and _is_prime(n):
            return n


def generate(bits=BITS):
    """A new key: (n, e, d, p, q)."""
    p = _prime(bits // 2)
    q = _prime(bits // 2)
    while abs(p - q) < 1 << (bits // 2 - 100):
        q = _prime(bits // 2)
    n = p * q
    return n, _E, pow(_E, -1, (p - 1) * (q - 1)), p, q


def sign(key, digest):
    """The signature of a SHA-256 digest (RSASSA-PKCS1-v1_5, deterministic)."""
    n, e, d, p, q = key
    size = (n.bit_length() + 7) // 8
    m = int.from_bytes(padded(digest, size), "big")
    # By the two primes: four times as fast.
    a, b = pow(m, d % (p - 1), p), pow(m, d % (q - 1), q)
    s = b + q * ((a - b) * pow(q, -1, p) % p)
    if pow(s, e, n) != m:
        raise ReleaseToolError("the private key is damaged: its signature does not check")
    return s.to_bytes(size, "big")


# --- the key's files: PKCS#1 PEM, so that openssl reads it, too


def _der_integer(value):
    raw = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + _der_length(len(raw)) + raw


def _der_length(count):
    if count < 128:
        return bytes([count])
    raw = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(raw)]) + raw


def _der_integers(data):
    """The integers of a DER SEQUENCE of INTEGERs."""

    def element(at):
        length = data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        return at, at + length

    at, end = element(0)
    found = []
    while at < end:
        start, stop = element(at)
        found.append(int.from_bytes(data[start:stop], "big"))
        at = stop
    return found


def to_pem(key):
    n, e, d, p, q = key
    numbers = (0, n, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    body = b"".join(_der_integer(number) for number in numbers)
    text = base64.b64encode(b"\x30" + _der_length(len(body)) + body).decode()
    lines = textwrap.wrap(text, 64)
    head, foot = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    return "\n".join([head, *lines, foot, ""])


def load_key(path):
    """Read the private key; ReleaseToolError when it is none."""
    try:
        text = Path(path).read_text()
    except OSError:
        raise ReleaseToolError(
            "no private key at %s: `.venv/bin/python -m tools.release keygen` makes one" % path
        ) from None
    lines = [line for line in text.splitlines() if line and not line.startswith("-----")]
    try:
        numbers = _der_integers(base64.b64decode("".join(lines)))
        return (
            tuple(numbers[1:6]) if "RSA PRIVATE" in text and len(numbers) == 9 else _no_key(path)
        )
    except (ValueError, IndexError):
        return _no_key(path)


def _no_key(path):
    raise ReleaseToolError("%s is not a PEM file with an RSA PRIVATE KEY" % path)


def public_text(n):
    """Content of release.pub: what the device checks with."""
    size = (n.bit_length() + 7) // 8
    return "rsa-%d-sha256-65537\n%s\n" % (n.bit_length(), n.to_bytes(size, "big").hex())


def load_public(path):
    try:
        return bytes.fromhex(Path(path).read_text().split()[-1])
    except (OSError, ValueError, IndexError):
        raise ReleaseToolError("no public key in %s" % path) from None


def fingerprint(modulus):
    return hashlib.sha256(modulus).hexdigest()[:16]


def keygen(path, public, bits=BITS):
    """Make a key pair; never overwrites one."""
    path, public = Path(path), Path(public)
    for there in (path, public):
        if there.exists():
            raise ReleaseToolError(
                "%s exists; devices in the field know only its key. Move it away first." % there
            )
    key = generate(bits)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w") as file:
        file.write(to_pem(key))
    public.write_text(public_text(key[0]))
    return key


# --- the release file


def assemble(files, key, version, serial, mpy=6, arch=None):
    """The bytes of a release of `files`, signed with `key`."""
    body, _ = pack.build(files)
    table = {"version": version, "serial": serial, "mpy": mpy, "arch": arch}
    table.update(size=len(body), sha256=hashlib.sha256(body).hexdigest())
    head = json.dumps(table, sort_keys=True).encode()
    size = (key[0].bit_length() + 7) // 8
    start = MAGIC + struct.pack(">HH", len(head), size) + head
    if len(start) + size > HEAD_MOST:
        raise ReleaseToolError("the head is too long; shorten the version text")
    return start + sign(key, hashlib.sha256(start).digest()) + body


def read(data, modulus):
    """Check a release as a device would; returns (head as dict, the packed version)."""
    if data[:8] != MAGIC or len(data) < 12:
        raise ReleaseToolError("not a release file")
    head_length, size = struct.unpack(">HH", data[8:12])
    end = 12 + head_length
    signature, body = data[end : end + size], data[end + size :]
    n = int.from_bytes(modulus, "big")
    opened = pow(int.from_bytes(signature, "big"), _E, n).to_bytes(len(modulus), "big")
    digest = hashlib.sha256(data[:end]).digest()
    if size != len(modulus) or opened != padded(digest, len(modulus)):
        raise ReleaseToolError("the signature is not right")
    head = json.loads(data[12:end])
    if len(body) != head["size"] or hashlib.sha256(body).hexdigest() != head["sha256"]:
        raise ReleaseToolError("the content does not match the signature")
    return head, body


# --- command line


def _parser():
    parser = argparse.ArgumentParser(prog="tools.release", description=__doc__.split("\n\n")[0])
    parser.add_argument("--key", default=KEY, type=Path, help="private key (default %(default)s)")
    parser.add_argument("--public", default=PUBLIC, type=Path, help="public key for the devices")
    sub = parser.add_subparsers(dest="what", required=True)
    command = sub.add_parser("keygen", help="make the key pair, once")
    command.add_argument("--bits", type=int, default=BITS, choices=(2048, 3072, 4096))
    command = sub.add_parser("make", help="compile the firmware and sign it")
    command.add_argument("--out", type=Path, help="default: build/lector102-VERSION.rel")
    command.add_argument("--version", help="default: the project's version and commit")
    command.add_argument(
        "--source", type=Path, default=ROOT, help="folder with firmware/ and lib/"
    )
    command = sub.add_parser("verify", help="check a release as a device would")
    command.add_argument("file", type=Path)
    return parser


def _make(args):
    from tools.board.deploy import compile_tree
    from tools.board.deploy import version as tree_version

    key = load_key(args.key)
    version = args.version or tree_version(args.source)
    out = args.out or ROOT / "build" / ("lector102-%s.rel" % version.replace("+", "-"))
    data = assemble(compile_tree(args.source), key, version, int(time.time()))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data)
    print("%s: %s, %d bytes" % (out, version, len(data)))


def main(argv=None):
    args = _parser().parse_args(argv)
    try:
        if args.what == "keygen":
            print("looking for two primes (some seconds) ...", flush=True)
            key = keygen(args.key, args.public, args.bits)
            size = (key[0].bit_length() + 7) // 8
            print("private key: %s - keep it secret, keep a copy" % args.key)
            print(
                "public key:  %s (%s)" % (args.public, fingerprint(key[0].to_bytes(size, "big")))
            )
            print("`make deploy` puts the public key onto a device; then it takes your releases.")
        elif args.what == "make":
            _make(args)
        else:
            head, body = read(args.file.read_bytes(), load_public(args.public))
            count = len(pack.entries(body))
            print("%s: good, %s, %d modules, %d bytes" % (args.file, head["version"], count, len(body)))
    except (ReleaseToolError, pack.PackError, OSError) as error:
        print("release: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
