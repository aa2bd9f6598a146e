"""A device in the field that runs f77621f: its flash (make.py), a board around it, a broker, and a line between them
that holds the records back until a test lets them through."""

import json
import socket
import tarfile
import threading
from pathlib import Path

from tests.host.support import brokers, firmware_board, tcp_servers, unix_board
from tests.host.support.upgrade import make
from tools import patience, release

NEWER = 1 << 40
OLD = "0.1.0"
NEW = "2.0"
AROUND = ("boot.py", "main.py", "packfs.mpy")

_FIT = """
import json
with open("/flash/config.json") as file:
    values = json.load(file)
values["mqtt.broker"] = "tcp://127.0.0.1:%d"
with open("/flash/config.json", "w") as file:
    json.dump(values, file)
with open("/flash/release.pub", "w") as file:
    file.write(%r)
"""
_READ = """
import binascii
for name in %r:
    try:
        with open("/flash/" + name, "rb") as file:
            print(name, binascii.hexlify(file.read()).decode())
    except OSError:
        pass
"""


_DAMAGE = """
with open("/flash/%s", "r+b") as file:
    file.seek(%d)
    byte = file.read(1)[0]
    file.seek(%d)
    file.write(bytes([byte ^ 4]))
"""
_APPEND = """
from firmware.log.ring import Ring
ring = Ring("/flash/log")
ring.mount()
numbers = [ring.append(1, 1790100000, text.encode()) for text in %s]
print(*numbers)
"""


def expected(name):
    """{"records": {number: text}, "settings"} of one of the flashes."""
    with tarfile.open(make.FLASHES) as made:
        found = json.load(made.extractfile("expected.json"))[name]
    found["records"] = {int(seq): text for seq, text in found["records"].items()}
    return found


def unpack(name, image):
    image.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(make.FLASHES) as made:
        image.write_bytes(made.extractfile(name + ".img").read())


def read(image, *names):
    """{name: content} of files on the flash of a board that has no power; those that are not there are left out."""
    words = make.on_flash(image, _READ % (names,)).split()
    return {name: bytes.fromhex(data) for name, data in zip(words[::2], words[1::2])}


def damage(image, name, at):
    """Turn a bit of a file on the flash of a board that has no power."""
    make.on_flash(image, _DAMAGE % (name, at, at))


def append(image, name, count):
    """`count` records more in the log of a board without power that had the flash `name`, appended by f77621f as it
    lies in app.a on its flash; returns {number: text}."""
    first = 1 + sum(value for what, value in make.steps(name)[0] if what == "append")
    found = {seq: make.text(seq) for seq in range(first, first + count)}
    # From the folder of the image nothing else can be imported.
    numbers = make.on_flash(image, make.DEPLOYED + _APPEND % list(found.values()), image.parent).split()
    assert numbers == [str(seq) for seq in found]
    return found


class Line:
    """A TCP line to the broker. While `holding`, what is published on `topic` does not get through, as on a network
    that lost it, but for the next `passes` of them; `connects` has the CONNECT packets. `target`: the broker's port,
    0: nobody is there."""

    def __init__(self, topic):
        self.topic = topic.encode()
        self.holding = True
        self.passes = 0
        self.target = 0
        self.connects = []
        self._ends = []
        self._server = tcp_servers.serve(self._join, apart=True)
        self.port = self._server.getsockname()[1]

    def _join(self, near):
        try:
            far = socket.create_connection(("127.0.0.1", self.target), 5)
            far.settimeout(None)
        except OSError:
            near.close()
            return
        self._ends += [near, far]
        threading.Thread(target=self._back, args=(far, near), daemon=True).start()
        try:
            while True:
                kind, body = brokers.read_packet(near)
                if kind == 0x10:
                    self.connects.append(body)
                held = kind & 0xF0 == 0x30 and body[2 : 2 + int.from_bytes(body[:2], "big")] == self.topic
                lost = held and self.holding and not self.passes
                self.passes -= held and self.passes > 0
                if not lost:
                    far.sendall(bytes([kind]) + _length(len(body)) + body)
        except OSError:
            tcp_servers.end(near, far)

    def _back(self, far, near):
        try:
            while True:
                data = far.recv(4096)
                if not data:
                    break
                near.sendall(data)
        except OSError:
            pass  # one of the two is gone: so is the other
        tcp_servers.end(near, far)

    def let_through(self):
        """From now on everything gets through; what was held is sent again on the next connection."""
        self.holding = False
        tcp_servers.end(*self._ends)

    def close(self):
        self._server.close()
        tcp_servers.end(*self._ends)


def _length(count):
    found = bytearray()
    while count > 127:
        found.append(count & 127 | 128)
        count >>= 7
    return bytes(found) + bytes([count])


class Field(firmware_board.Board):
    """The board with the flash `name` of make.py, or with the content `flash` of an earlier one; `cut`: UnixBoard."""

    def __init__(self, folder, name, key, flash=None, cut=0):
        self.known = expected(name)
        settings = self.known["settings"]
        self.topic = settings.get("logger.topic", "lector102/[IMEI]/LOGGER").replace("[IMEI]", make.IDENT)
        self.line = Line(self.topic)
        self.arrived = []
        self.image = Path(folder) / "board" / "flash.img"
        if flash:
            self.image.parent.mkdir(parents=True, exist_ok=True)
            self.image.write_bytes(flash)
        else:
            unpack(name, self.image)
        make.on_flash(self.image, _FIT % (self.line.port, release.public_text(key)))
        super().__init__(Path(folder), cut=cut)
        self.line.target = self.broker.port

    def _take(self, client, user, message):
        if message.topic == self.topic:
            self.arrived.append(message.payload.decode())
        else:
            super()._take(client, user, message)

    def settings(self):
        """{name: value} of all settings, as the device shows them.

        Without the role `way`: it is put down beside `setup`, of which it was a part, and no version of the field
        knows the word.
        """
        found = {}
        for group in ("device", "console", "logger", "port", "iec102", "meter", "uplink", "sms", "mqtt", "ha", "ntp"):
            for line in self.at("GETCONFIG,%s." % group).splitlines():
                name, colon, value = line.partition(": ")
                if colon:
                    found[name] = value.replace(",way", "") if name.endswith("commands") else value
        return found

    def begun(self):
        """f77621f runs, and what its flash had on trial has proven itself; returns the settings."""
        self.online(VERSION=OLD, LOG=200)
        self.said("the changed settings work and stay")
        return self.settings()

    def login(self):
        """Whether the console takes the password, and no other."""
        wrong, right = (self.typed("AT^MTXTUNNEL=LOGIN," + word) for word in (make.PASSWORD + "s", make.PASSWORD))
        # The line about it in the log may come behind the answer.
        return "ERROR\r\n" in wrong and "\r\nOK\r\n" in right

    def update(self, data, certificate=None):
        """Order the release `data`, over HTTPS with a `certificate`; returns once the device restarts into it."""
        start = len(self.board.output)
        with unix_board.WebServer(data, certificate=certificate) as web:
            assert self.at("UPDATE," + web.url).endswith("OK\r\n"), self.tail()
            self.said("I start: restart: update to", start, 120)

    def all_arrived(self, seconds=120):
        """Let the records through: each of them arrives as it was, in the log's order, and no other."""
        self.line.let_through()
        wanted = list(self.known["records"].values())
        if self.known["settings"].get("logger.order") == "lifo":
            wanted.reverse()
        patience.until(lambda: len(set(self.arrived)) >= len(wanted), seconds)
        found = list(dict.fromkeys(self.arrived))
        if found != wanted:
            same = next((at for at, pair in enumerate(zip(found, wanted)) if pair[0] != pair[1]), len(found))
            text = "%s: %d of %d records arrived, the first %d of them in order\n%s"
            raise AssertionError(text % (self.image, len(found), len(wanted), same, self.tail()))

    def close(self):
        super().close()
        self.line.close()
