"""The common roots a full version brings: DER files made of the pinned certifi at build time (build/roots/).

`python -m tools.roots` lists them. They are known by the SHA-256 of their DER, so another certificate under the same
name is not taken, and one that certifi has dropped ends the build with its name.
"""

import hashlib
import re
import ssl
from pathlib import Path

from tools.options import Parser

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "roots"
# Name in tls.ca (firmware/security/context.py) -> SHA-256, as the authorities publish it.
ROOTS = {
    "isrg-x1": "96bcec06264976f37460779acf28c5a7cfe8a3c0aae11a8ffcee05c0bddf08c6",
    "isrg-x2": "69729b8e15a86efc177a57afb7171dfc64add28c2fca8cf1507e34453ccb1470",
    "amazon-1": "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
    "amazon-3": "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
    "digicert-g2": "cb3ccbb76031e5e0138f8dd39a23f9de47ffc35e43c1144cea27d46a5ab1cb5f",
    "digicert-g3": "31ad6648f8104138c738f39ea4320133393e3a18cc02296ef97c2ac9ef6731d0",
    "gts-r1": "d947432abde7b7fa90fc2e6b59101b1280e0e1c7e4e40fa3c6887fff57a7f4cf",
    "gts-r4": "349dfa4058c5e263123b398ae795573c4e1313c83fe68f93556cd5e8031b3c7d",
}
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class RootsError(Exception):
    """A root is not where it should be; the text names it."""


def bundle():
    """{SHA-256: DER} of all certificates of certifi."""
    import certifi

    ders = [ssl.PEM_cert_to_DER_cert(text) for text in _PEM.findall(Path(certifi.where()).read_text())]
    return {hashlib.sha256(der).hexdigest(): der for der in ders}


def make(folder=FOLDER):
    """{name: path} of the roots in `folder`, written where they are not there. RootsError."""
    paths = {name: Path(folder) / (name + ".der") for name in ROOTS}
    if all(_good(path, ROOTS[name]) for name, path in paths.items()):
        return paths
    found = bundle()
    for name, path in paths.items():
        if ROOTS[name] not in found:
            raise RootsError("the root %s is not in certifi any more: tools/roots.py" % name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(found[ROOTS[name]])
    return paths


def _good(path, digest):
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def main(argv=None):
    Parser(prog="tools.roots", description=__doc__.split("\n\n")[0]).parse_args(argv)
    from cryptography import x509

    for name, path in make().items():
        made = x509.load_der_x509_certificate(path.read_bytes())
        print("%-12s %5d bytes, until %s, %s" % (name, path.stat().st_size, made.not_valid_after_utc.date(),
                                                 made.subject.rfc4514_string()))  # fmt: skip


if __name__ == "__main__":
    main()
