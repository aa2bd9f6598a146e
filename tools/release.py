"""Make a signed release for the update over the air: one file, and its parts list beside it.

`keygen` once, `make` per release, `verify` before it is published; `python -m tools.release
--help`. The parts list (tools/sbom.py) is for people, no device asks for it; the signed head has its SHA-256 under
`sbom`, a name that devices pass over, those of f77621f as well. The private key stays with you: keys/ is ignored by
git, and whoever has it can put any program on your devices.
"""

import asyncio
import hashlib
import json
import os
import struct
import sys
import time
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

from firmware.core import clock
from firmware.update import release as device
from firmware.update.source import ReleaseError
from tools import pack, sbom
from tools.options import Parser

ROOT = Path(__file__).resolve().parent.parent
KEY = ROOT / "keys" / "release.pem"
PUBLIC = ROOT / "release.pub"
BITS = 3072
# What a device takes (firmware/update/release.py).
_E = 65537
_LEAST_BITS = 2048
_OLD_S = 400 * 86400
# How the name of a full version ends (tools/pack.py).
FULL = "-full.rel"


class ReleaseToolError(Exception):
    """What went wrong and what to do."""


# --- the key and its files: PKCS#1 PEM, so that openssl reads it, too


def generate(bits=BITS):
    """A new private key (cryptography's RSAPrivateKey)."""
    return rsa.generate_private_key(public_exponent=_E, key_size=bits)


def modulus(key):
    """The modulus of a key as bytes, big end first: what a device checks with."""
    return key.public_key().public_numbers().n.to_bytes(key.key_size // 8, "big")


def sign(key, digest):
    """The signature of a SHA-256 digest (RSASSA-PKCS1-v1_5, deterministic)."""
    return key.sign(digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))


def to_pem(key):
    """The private key as text, not encrypted."""
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def load_key(path):
    """Read the private key, PKCS#1 or PKCS#8; ReleaseToolError when it is none that signs for a device."""
    try:
        text = Path(path).read_bytes()
    except OSError:
        raise ReleaseToolError(
            "no private key at %s: `.venv/bin/python -m tools.release keygen` makes one" % path
        ) from None
    try:
        key = serialization.load_pem_private_key(text, None)
    except TypeError:
        raise ReleaseToolError("%s is encrypted; `openssl rsa -in %s` shows it without" % (path, path)) from None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ReleaseToolError("%s is not a PEM file with a whole RSA private key" % path)
    if key.key_size < _LEAST_BITS or key.key_size % 8 or key.public_key().public_numbers().e != _E:
        raise ReleaseToolError("devices take no key like %s: RSA of %d bits or more, exponent %d"
                               % (path, _LEAST_BITS, _E))  # fmt: skip
    return key


def public_text(key):
    """Content of release.pub: what the device checks with."""
    return "rsa-%d-sha256-65537\n%s\n" % (key.key_size, modulus(key).hex())


def load_public(path):
    """The modulus (bytes) in a release.pub; ReleaseToolError when there is none."""
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
            raise ReleaseToolError("%s exists; devices in the field know only its key. Move it away first." % there)
    key = generate(bits)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w") as file:
        file.write(to_pem(key))
    public.write_text(public_text(key))
    return key


# --- the release file


def assemble(files, key, version, serial, mpy=6, arch=None, parts=None, full=None):
    """The bytes of a release of `files`, signed with `key`; `parts`: its parts list (bytes), whose hash it has;
    `full`: whether it is the full version (tools/pack.py), None: it does not tell."""
    body, _ = pack.build(files)
    table = {"version": version, "serial": serial, "mpy": mpy, "arch": arch}
    table.update(size=len(body), sha256=hashlib.sha256(body).hexdigest())
    if full is not None:
        table["full"] = full
    if parts is not None:
        table["sbom"] = hashlib.sha256(parts).hexdigest()
    head = json.dumps(table, sort_keys=True).encode()
    size = key.key_size // 8
    start = device.MAGIC + struct.pack(">HH", len(head), size) + head
    if len(start) + size > device.HEAD_MOST:
        raise ReleaseToolError("the head is too long; shorten the version text")
    return start + sign(key, hashlib.sha256(start).digest()) + body


def read(path, modulus):
    """Check the release in a file with the device's own code; returns (its Head, the packed version as bytes).
    ReleaseToolError.
    """
    try:
        head = asyncio.run(device.check(str(path), modulus))
    except ReleaseError as error:
        raise ReleaseToolError("%s: %s" % (path, error)) from None
    return head, Path(path).read_bytes()[head.start :]


def full_path(path):
    """Where the full version lies beside the base one at `path`."""
    path = Path(path)
    return path.with_name(path.name.removesuffix(".rel") + FULL)


def parts_path(path):
    """Where the parts list of the release at `path` lies."""
    path = Path(path)
    return path.with_name(path.name.removesuffix(".rel") + sbom.SUFFIX)


def check_parts(path):
    """What is to be said of the parts list beside a release that read() has found good, in words; ReleaseToolError
    where it is another one than was signed.
    """
    with open(path, "rb") as file:
        length = struct.unpack(">8xHH", file.read(12))[0]
        wanted = json.loads(file.read(length)).get("sbom")
    beside = parts_path(path)
    if not wanted:
        return "it was made without a parts list"
    if not beside.exists():
        return "its parts list is not beside it (%s)" % beside.name
    data = beside.read_bytes()
    if hashlib.sha256(data).hexdigest() != wanted:
        raise ReleaseToolError("%s is not the parts list that was signed with %s" % (beside, Path(path).name))
    return "%s: good, %d parts" % (beside, len(json.loads(data)["components"]))


# --- command line


def _parser():
    parser = Parser(prog="tools.release", description=__doc__.split("\n\n")[0])
    parser.add_argument("--key", default=KEY, type=Path, help="private key (default %(default)s)")
    parser.add_argument("--public", default=PUBLIC, type=Path, help="public key for the devices")
    sub = parser.add_subparsers(dest="what", required=True)
    command = sub.add_parser("keygen", help="make the key pair, once")
    command.add_argument("--bits", type=int, default=BITS, choices=(2048, 3072, 4096))
    command = sub.add_parser("make", help="compile the firmware and sign it")
    command.add_argument("--out", type=Path, help="default: build/lector102-VERSION.rel")
    command.add_argument("--version", help="default: the project's version and commit")
    command.add_argument("--source", type=Path, default=ROOT, help="folder with firmware/ and lib/")
    command = sub.add_parser("verify", help="check a release as a device would")
    command.add_argument("file", type=Path)
    return parser


def _make(args):
    from tools.board.deploy import compile_tree
    from tools.board.deploy import version as tree_version

    key = load_key(args.key)
    version = args.version or tree_version(args.source)
    out = args.out or ROOT / "build" / ("lector102-%s.rel" % version.replace("+", "-"))
    serial = int(time.time())
    out.parent.mkdir(parents=True, exist_ok=True)
    # No other chip takes the base version, an older firmware either: it has the boards of the RP2040 alone.
    for full, arch, path, boards in ((False, pack.BASE, out, "Pico W"), (True, None, full_path(out), "all others")):
        files = compile_tree(args.source, full=full)
        parts = sbom.for_release(files, version, serial, args.source)
        data = assemble(files, key, version, serial, arch=arch, parts=parts, full=full)
        parts_path(path).write_bytes(parts)
        path.write_bytes(data)
        print("%s: %s, %d bytes, for %s" % (path, version, len(data), boards))
        print("%s: what is in it; publish it beside the release" % parts_path(path))
    if time.time() - clock.EARLIEST > _OLD_S:
        print("firmware/core/clock.py: EARLIEST, LATEST: move them on, clocks that nobody has set are known by them")


def main(argv=None):
    args = _parser().parse_args(argv)
    try:
        if args.what == "keygen":
            key = keygen(args.key, args.public, args.bits)
            print("private key: %s - keep it secret, keep a copy" % args.key)
            print("public key:  %s (%s)" % (args.public, fingerprint(modulus(key))))
            print("`make deploy` puts the public key onto a device; then it takes your releases.")
        elif args.what == "make":
            _make(args)
        else:
            head, body = read(args.file, load_public(args.public))
            count = len(pack.entries(body))
            print("%s: good, %s, %d modules, %d bytes" % (args.file, head.version, count, len(body)))
            print(check_parts(args.file))
    except (ReleaseToolError, pack.PackError, sbom.SbomError, OSError) as error:
        print("release: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
