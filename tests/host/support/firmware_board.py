"""The real firmware on a unix-port board with two versions, a broker, and versions of it that crash."""

import json
import queue
import re
import shutil
import time

import paho.mqtt.client as mqtt

from tests.host.support import brokers, unix_board
from tests.host.support.roles import GRANTED
from tools import micropython, patience
from tools.board.console import Console
from tools.board.deploy import compile_tree
from tools.board.unixboard import UnixBoard

IDENT = "860000000000001"
TOP = "lector102/%s/" % IDENT
ROOT = unix_board.ROOT


def tree(folder, version, changes=()):
    """The firmware as a source tree of its own, with `changes`: (path, text, its replacement)."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("firmware", "lib"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("boot.py", "main.py"):
        shutil.copyfile(ROOT / name, folder / name)
    unix_board.set_version(folder, version)
    for path, text, other in changes:
        source = (folder / path).read_text()
        assert source.count(text) == 1, (path, text)
        (folder / path).write_text(source.replace(text, other))
    unix_board.inherit(folder, "real")
    return folder


def compiled(folder, full=True):
    """{path: content} of a tree as a release has it; `full`: for a board with more memory than the small class."""
    return compile_tree(folder, "x64", unix=True, full=full)


class Board:
    """The board, a broker, and somebody who speaks to the board through it."""

    def __init__(self, folder, files=None, heap=micropython.MIDDLE, cut=0, broker=None, **settings):
        self.broker = broker or brokers.start_broker()
        self.inbox = queue.Queue()
        self.states = queue.Queue()
        self.logged = []
        ready = queue.Queue()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "lab")
        self.client.on_connect = lambda c, *_: c.subscribe("#", 1)
        self.client.on_subscribe = lambda *_: ready.put(True)
        self.client.on_message = self._take
        self.client.connect("127.0.0.1", self.broker.port)
        self.client.loop_start()
        patience.get(ready, 15)
        values = {
            "device.imei": IDENT,
            "device.mtxerr": True,
            "mqtt.enabled": True,
            "mqtt.broker": "tcp://127.0.0.1:%d" % self.broker.port,
            "mqtt.at_topic": TOP + "AT",
            "mqtt.atr_topic": TOP + "ATR",
            "mqtt.online_topic": TOP + "ONLINE",
            **GRANTED,
            "defaults": 2,
        }
        values.update(settings)
        # An update needs more beside the app than the 192 KiB that a board of this kind has for it (docs/update.md).
        self.board = UnixBoard(folder / "board", blocks=1024, heap=heap, cut=cut).start()
        # Boards of the small class take the base version.
        self.full = micropython.size(heap) > micropython.size(micropython.SMALL_AND_3_KB)
        self.files = {"/config.json": json.dumps(values).encode(), **(files or {})}

    def _take(self, _client, _user, message):
        if message.topic == TOP + "ATR":
            self.inbox.put(message.payload.decode())
        elif message.topic == TOP + "LOGGER":
            self.logged.append(json.loads(message.payload))
        elif message.topic == TOP + "ONLINE":
            self.states.put(json.loads(message.payload))

    def deploy(self, source):
        unix_board.put(self.board, self.files, reset=False)
        unix_board.deploy(self.board, source, full=self.full)

    def online(self, seconds=90, **wanted):
        """The next message on the online topic with STATE online and these values."""
        wanted["STATE"] = "online"
        end = patience.Limit(seconds)
        while True:
            try:
                found = patience.get(self.states, end.left())
            except queue.Empty:
                raise AssertionError("not online: %s" % self.tail()) from None
            if wanted.items() <= found.items():
                return found

    def records(self):
        """The records that came since the last call."""
        found, self.logged = self.logged, []
        return found

    def at(self, line, seconds=40):
        """The answer to an AT line over MQTT."""
        while not self.inbox.empty():
            self.inbox.get()
        self.client.publish(TOP + "AT", "AT^MTXTUNNEL=" + line, 1)
        try:
            return patience.get(self.inbox, seconds)
        except queue.Empty:
            raise AssertionError("no answer to %s: %s" % (line, self.tail())) from None

    def typed(self, line, seconds=40):
        """The answer to a line typed at the board's serial console, as `make console` sends it."""
        start = len(self.board.output)
        console = Console(self.board.path, lambda text: None)
        try:
            console.send(line)
            end = patience.Limit(seconds)
            while not end.passed():
                text = bytes(self.board.output[start:]).decode("utf-8", "replace")
                found = re.search(r"\n(OK|ERROR|\+MTXERR: .*)\r\n", text)
                if found:
                    # What the firmware says behind the end is none of it.
                    return text if found[1][0] == "+" else text[: found.end()]
                time.sleep(0.05)
        finally:
            console.close()
        raise AssertionError("no answer to %s: %s" % (line, self.tail()))

    def state(self, section):
        """A section of GETSTATUS as a dict of texts."""
        lines = self.at("GETSTATUS," + section).splitlines()
        return {name: value for name, colon, value in (line.partition(": ") for line in lines) if colon}

    def until(self, section, name, wanted, seconds=60):
        """Ask for a section until the value `name` of it is `wanted`; returns the section."""
        end = patience.Limit(seconds)
        while not end.passed():
            found = self.state(section)
            if found.get(name) == wanted:
                return found
            time.sleep(0.5)
        raise AssertionError("%s is never %s: %s\n%s" % (name, wanted, found, self.tail()))

    def said(self, text, start=0, seconds=60):
        self.board.wait_output(text.encode(), seconds, start)

    def tail(self):
        return bytes(self.board.output[-3000:]).decode("utf-8", "replace")

    def close(self):
        self.board.close()
        self.client.loop_stop()
        self.broker.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
