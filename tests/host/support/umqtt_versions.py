"""umqtt.simple as installed (1.3.4) and with the behaviour of 1.8.0.

1.8.0 is not in a package registry. Its differences that a caller can feel are put into a copy of 1.3.4 at test time
(platform facts, 2.1): `connect(clean_session, timeout)` with a settimeout on the socket, the old socket closed on
connecting, the socket closed when connecting fails, SUBSCRIBE with long topics, a user "" that counts as none. A real
copy takes its place when the environment variable LECTOR_UMQTT_CURRENT names the file.
"""

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SIMPLE = ROOT / "lib" / "umqtt" / "simple.py"
VERSIONS = ("1.3.4", "1.8.0")

_CHANGES = (
    ("import usocket as socket\n", "import socket\n"),
    ("import ustruct as struct\n", "import struct\n"),
    ("from ubinascii import hexlify\n", "from binascii import hexlify\n"),
    ("def connect(self, clean_session=True):\n", "def connect(self, clean_session=True, timeout=None):\n"),
    (
        "        self.sock = socket.socket()\n",
        "        if self.sock:\n            self.sock.close()\n"
        "        self.sock = socket.socket()\n        self.sock.settimeout(timeout)\n",
    ),
    (
        "        resp = self.sock.read(4)\n        assert resp[0] == 0x20",
        "        try:\n            resp = self.sock.read(4)\n        except:\n            self.sock.close()\n"
        "            raise\n        assert resp[0] == 0x20",
    ),
    # user "" counts as none
    ("if self.user is not None:", "if self.user:"),
    # the length of a SUBSCRIBE in as many bytes as it takes, written apart from the packet id
    (
        '        struct.pack_into("!BH", pkt, 1, 2 + 2 + len(topic) + 1, self.pid)\n',
        "        size = 5 + len(topic)\n        head = bytearray([0x82])\n        while size > 0x7F:\n"
        "            head.append(size & 0x7F | 0x80)\n            size >>= 7\n        head.append(size)\n"
        "        self.sock.write(head)\n        struct.pack_into('!H', pkt, 2, self.pid)\n",
    ),
    (
        '        self.sock.write(pkt)\n        self._send_str(topic)\n        self.sock.write(qos',
        '        self.sock.write(pkt[2:])\n        self._send_str(topic)\n        self.sock.write(qos',
    ),
    (
        "        elif op & 6 == 4:\n            assert 0\n",
        "        elif op & 6 == 4:\n            assert 0\n        return op\n",
    ),
)  # fmt: skip


def source(version):
    """The text of umqtt/simple.py of that version."""
    text = SIMPLE.read_text()
    if version == "1.3.4":
        return text
    real = os.environ.get("LECTOR_UMQTT_CURRENT")
    if real:
        return Path(real).read_text()
    for old, new in _CHANGES:
        assert old in text, old
        text = text.replace(old, new)
    return text


def folder(version, tmp_path):
    """A folder for MICROPYPATH with umqtt/simple.py of that version."""
    place = tmp_path / ("umqtt-" + version)
    (place / "umqtt").mkdir(parents=True)
    (place / "umqtt" / "simple.py").write_text(source(version))
    return place


def module(version, tmp_path):
    """The module for CPython."""
    shims = str(Path(__file__).parent / "shims")
    if shims not in sys.path:
        sys.path.append(shims)
    path = folder(version, tmp_path) / "umqtt" / "simple.py"
    spec = importlib.util.spec_from_file_location("umqtt_simple_under_test", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made
