"""48 hours of the whole device on MicroPython, its clocks 60 times as fast: a real broker, a modem, meters, commands.

Two meters and their line have the weather of tools.meter; the broker (Mosquitto) is away as often as a meter would be;
the modem freezes, restarts, loses its carrier, its multiplexer or its network; four people give commands by chance on
MQTT, the console, tags and SMS. Only clocks are faster: what waits in milliseconds waits as long as in the field, so
the modem is that of the tests (its timings are a tenth) and a meter has 400 ms to answer.

Every period of the load curve has to arrive once, every quarter's values once or their loss with its reason; no
service ends, nothing restarts, nothing of the log is lost, whoever typed something has an answer, and the heap does
not grow. `python -m tests.proof.soak_twin HOURS FOLDER` is a part of it; what was counted is in docs/soak_twin.json,
of which tests/proof/curves.py makes the picture.
"""

import collections
import contextlib
import datetime as dt
import json
import os
import random
import re
import select
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.host.support import brokers
from tests.host.support.modem_process import QUICK, simulator
from tests.host.support.twin_lab import IDENT, LOGGER, Lab
from tests.proof import curves
from tests.proof.months import end_of
from tests.proof.soak_commands import lines
from tools import micropython
from tools.meter import weather
from tools.twin.device import DEVICE
from tools.twin.ptys import Bridge

HOUR = 3600
HOURS, SPEED, SEED = 48, 60, 7
METERS, QUARTER = 2, 900
EPOCH = 1795995900  # 2026-11-29T23:45Z
STATUS, ATR = ("lector102/%s/%s" % (IDENT, word) for word in ("STATUS", "ATR"))
_PHONE, _STRANGER = "+34600111222", "+34999999999"
_SETTINGS = {
    "uplink.type": "modem", "uplink.apn": "internet", "mqtt.commands": "*", "sms.enabled": "on", "sms.commands": "*",
    "sms.phones": _PHONE, "port.2.at": "on", "port.2.commands": "*", "limit.commands": 1000, "device.mtxerr": "on",
    "device.confirm": "off", "iec102.answer_timeout": 400, "iec102.busy_limit": 2, "iec102.session_deadline": 10,
    "mqtt.puback_timeout": 5, "logger.segments": 16, "audit.size": 8, **{
        "meter.%d.%s" % (number, key): value for number in range(METERS)
        for key, value in (("curve", 60), ("closing", True), ("events", 360))
    },
}  # fmt: skip
# Trouble of the modem: orders, and those that end it after so many seconds at most.
_MODEM = (
    (("fault freeze power",), ()), (("fault freeze reset",), ()), (("restart",), ()), (("drop-carrier",), ()),
    (("forget-mux",), ()), (("fault swallow",), ("fault swallow off",)), (("fault slow 0.4",), ("fault slow off",)),
    (("fault no-signal", "drop-carrier"), ("fault no-signal off",)), (("fault split 20",), ("fault split off",)),
    (("fault no-answer", "drop-carrier"), ("fault no-answer off",)),
)  # fmt: skip
# Seconds: between two of those; the longest of what passes; until somebody has an answer; until all is delivered.
_MODEM_S, _PASSES_S, _ANSWER_S, _SETTLED_S = (25, 75), 20, 60, 180
# Seconds between two commands on a channel, and two looks at the heap.
_PAUSES = {"mqtt": (4, 16), "console": (3, 9), "tags": (5, 20), "sms": (15, 60)}
_LOOK_S = 6
# Bytes: what the heap's lowest may rise from the first quarter of the time to the last.
_HEAP = 2048
_WRONG = re.compile(r"Traceback|starts again|MemoryError|restart:|never enough|stands still")
_HELD = re.compile(r"^soak: (\d+)$")
_LOST = re.compile(r"log: .*[1-9]\d* (lost|damaged)")


class Life:
    """The device, what is around it, and what was counted."""

    def __init__(self, folder, hours, seed=SEED):
        self.seconds = hours * HOUR / SPEED
        self.random = random.Random(seed)
        self.parts = contextlib.ExitStack()
        self.modem = self.parts.enter_context(simulator(folder, "--scale", "0.1", "--off"))
        self.tags = Bridge()
        self.parts.callback(self.tags.close)
        link = {"pty": self.modem.pty, "control": self.modem.control, "timing": QUICK}
        begin = dt.datetime.fromtimestamp(EPOCH, dt.timezone.utc).isoformat()
        self.lab = self.parts.enter_context(
            Lab(
                folder, meters=METERS, interval=QUARTER, settings=_SETTINGS, heap=micropython.MIDDLE, modem=link,
                meter=("--clock", begin, "--clock-speed", SPEED), speed=SPEED, epoch=EPOCH, keep=True,
                on_line=self._said, device=_device(Path(folder) / "device"),
            )
        )  # fmt: skip
        self.lab.twin.setup["ports"].append(self.tags.device)
        self.wrong, self.away, self.over = [], False, False
        self.asked, self.answered = collections.Counter(), collections.Counter()
        self.troubles = collections.Counter()
        self.heap, self.waiting = [], []  # (hour, bytes after a collection), (hour, records that wait)
        self.typed = _Wire(self.lab.twin.console.person, rb"\r\n(OK|ERROR)\r\n$")
        self.tagged = _Wire(self.tags.person, rb"</MTXTUNNEL>$")
        self.heard = collections.defaultdict(dict)  # topic -> {payload: how often}

    def _said(self, line):
        held = _HELD.match(line)
        if held:
            self.heap.append((self.hour(), int(held[1])))
        if _WRONG.search(line) or _LOST.search(line):
            self.wrong.append(line)

    def hour(self):
        """Simulated hours since the device was started."""
        return (time.time() - self.lab.twin.setup["since"]) * SPEED / HOUR

    # --- what happens

    def run(self):
        self.lab.client.on_message = self._came
        self.lab.twin.start()
        while not self.heard[LOGGER]:
            assert self.lab.twin.process.poll() is None, self.lab.twin.lines[-20:]
            time.sleep(0.2)
        self.begin = EPOCH + self.hour() * HOUR
        people = [
            threading.Thread(target=self._person, args=(name, random.Random("%s %d" % (name, SEED))), daemon=True)
            for name in _PAUSES
        ]
        for each in people:
            each.start()
        for at, order in self._story():
            self._wait(at)
            self._order(order)
        self._wait(self.seconds)
        self.over = True
        for order in ("clear", *("plug %d" % (1 + number) for number in range(METERS)), "broker plug"):
            self._order(order)
        for _, ends in _MODEM:
            for order in ends:
                self._order("modem " + order)
        for each in people:
            each.join(2 * _ANSWER_S)
        self.end = EPOCH + self.hour() * HOUR
        limit = time.monotonic() + _SETTLED_S
        while time.monotonic() < limit and (any(map(self._missing, range(METERS))) or self._waits()):
            time.sleep(2)

    def _story(self):
        """[(second, order)] of meters, line, broker and modem."""
        dice, simulated = self.random, int(self.seconds * SPEED)
        found = weather.story(SEED, simulated, range(1, METERS + 1))
        away = weather.story(SEED + 1, simulated)
        found += [(at, "broker " + order.split()[0]) for at, order in away if order.endswith("plug 1")]
        found = [(at / SPEED, order) for at, order in found]
        at = dice.uniform(*_MODEM_S)
        while at < self.seconds - _PASSES_S:
            begins, ends = dice.choice(_MODEM)
            found += [(at, "modem " + order) for order in begins]
            at += dice.uniform(3, _PASSES_S)
            found += [(at, "modem " + order) for order in ends]
            at += dice.uniform(*_MODEM_S)
        return sorted((at, order) for at, order in found if at < self.seconds)

    def _wait(self, second):
        until = self.lab.twin.setup["since"] + second
        while time.time() < until:
            assert self.lab.twin.process.poll() is None, self.lab.twin.lines[-20:]
            time.sleep(max(0, min(0.5, until - time.time())))

    def _order(self, order):
        what, _, rest = order.partition(" ")
        if what == "modem":
            self.modem.tell(rest)
            self.troubles["modem"] += not rest.endswith(" off")
        elif what != "broker":
            self.lab.meter.control(order)
            self.troubles["meters"] += what not in ("clear", "plug")
        elif rest == "unplug" and not self.away:
            self.away = True
            self.troubles["broker"] += 1
            self.lab.broker.stop()
        elif rest == "plug" and self.away:
            self.lab.broker.start()
            self.away = False

    def _came(self, _client, _user, message):
        found = self.heard[message.topic]
        found[message.payload] = found.get(message.payload, 0) + 1
        if message.topic == ATR:
            self.answered["mqtt"] += 1

    # --- people

    def _person(self, name, dice):
        """Gives commands on one channel until it is over."""
        say = getattr(self, "_on_" + name)
        every = [line for line in lines(["ID%05d" % number for number in range(METERS)])]
        looked = 0
        while not self.over:
            time.sleep(dice.uniform(*_PAUSES[name]))
            if name == "console" and time.monotonic() - looked > _LOOK_S:
                looked = time.monotonic()
                self._look()
            line = dice.choice(every)
            say(line % dice.randint(1, 9) if "%d" in line else line, dice)

    def _on_mqtt(self, line, _dice):
        self.asked["mqtt"] += 1
        self.lab.client.publish("lector102/%s/AT" % IDENT, line, qos=1)

    def _on_console(self, line, _dice):
        if "\n" in line:
            line = line.replace("SAVECONFIG", "SAVECONFIG,TEXT").replace("\n", "\r") + "\rEND"
        self._got("console", self.typed.say(line.encode() + b"\r"), line)

    def _on_tags(self, line, _dice):
        self._got("tags", self.tagged.say(b"<MTXTUNNEL>" + line.encode() + b"</MTXTUNNEL>"), line)

    def _got(self, name, heard, line):
        self.asked[name] += 1
        self.answered[name] += bool(heard)
        if not heard:
            wire = self.typed if name == "console" else self.tagged
            self.wrong.append("no answer on %s: %s: %r" % (name, line, wire.heard))

    def _on_sms(self, line, dice):
        self.asked["sms"] += 1
        stranger = dice.random() < 0.2
        self.modem.tell("sms %s mtx %s" % (_STRANGER if stranger else _PHONE, line.replace("\n", " ")))

    def _look(self):
        found = self._status(",log")
        if "log.depth" in found:
            self.waiting.append((self.hour(), int(found["log.depth"])))

    def _status(self, part):
        heard = self.typed.say(b"AT^MTXTUNNEL=GETSTATUS" + part.encode() + b"\r").decode()
        return dict(re.findall(r"(\S+): (.*)\r\n", heard))

    # --- what must be so afterwards

    def _waits(self):
        return self._status(",log").get("log.depth") != "0"

    def records(self, topic=LOGGER):
        return [json.loads(payload) for payload in list(self.heard[topic])]

    def _of(self, kind, number, topic=LOGGER):
        return [r for r in self.records(topic) if r.get("TYPE") == kind and r.get("ID") == "ID%05d" % number]

    def _missing(self, number):
        """(quarters that are neither there nor told to be lost, hours of the curve that are missing), or None."""
        there = {_utc(record["TS"]) // QUARTER for record in self._of("IEC102", number)}
        # The tries of one reading may last longer than a quarter does here: it stands for all behind each other.
        told = {_utc(record["TS"]) // QUARTER for record in self._of("IEC102_ERR", number, STATUS)}
        quarters, run = [], []
        for slot in range(int(self.begin) // QUARTER + 1, int(self.end) // QUARTER):
            if slot not in there:
                run.append(slot)
                continue
            quarters += [] if told & {*run, slot} else run
            run = []
        quarters += [] if told & set(run) else run
        ends = {end_of(record) for record in self._of("IEC102_LC", number)}
        hours = [at for at in range(min(ends), int(self.end) // HOUR * HOUR, HOUR) if at not in ends] if ends else [0]
        return (quarters, hours) if quarters or hours else None

    def check(self):
        assert not self.wrong, self.wrong[:20]
        assert self.lab.twin.starts == 1
        for number in range(METERS):
            missing = self._missing(number)
            assert not missing, missing
            times = collections.Counter(_utc(record["TS"]) // QUARTER for record in self._of("IEC102", number))
            ends = collections.Counter(end_of(record) for record in self._of("IEC102_LC", number))
            assert max(ends.values()) == 1, ends.most_common(3)
            assert max(times.values()) == 1, times.most_common(3)
        found = self._status("")
        assert [found["log." + key] for key in ("depth", "lost", "damaged")] == ["0"] * 3, found
        assert not [key for key in found if key.startswith("restarts")], found
        assert all(self.answered[name] for name in ("mqtt", "console", "tags")), self.answered
        assert self.modem.state()["sent"]
        return found

    def figures(self):
        return {
            "hours": round(self.seconds * SPEED / HOUR),
            "speed": SPEED,
            "records": len(self.heard[LOGGER]),
            "told to be lost": sum(len(self._of("IEC102_ERR", number, STATUS)) for number in range(METERS)),
            "delivered twice": sum(count - 1 for count in self.heard[LOGGER].values()),
            "troubles": dict(self.troubles),
            "commands": dict(self.asked),
            "answers": dict(self.answered, sms=len(self.modem.state()["sent"])),
            "heap": [(round(at, 2), count) for at, count in self.heap],
            "waiting": [(round(at, 2), count) for at, count in self.waiting],
        }

    def close(self):
        self.typed.close()
        self.tagged.close()
        self.parts.close()


class _Wire:
    """Somebody at a serial line: `say()` gives what is answered up to `end` (a pattern), b"" where nothing is."""

    def __init__(self, path, end):
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        self._end = re.compile(end, re.IGNORECASE)
        self._lock = threading.Lock()

    def say(self, data):
        with self._lock:
            os.write(self._fd, data)
            heard, limit = b"", time.monotonic() + _ANSWER_S
            while time.monotonic() < limit:
                if select.select([self._fd], [], [], 1)[0]:
                    heard += os.read(self._fd, 1000)
                    # A line of several commands, or what is behind it.
                    if self._end.search(heard) and not select.select([self._fd], [], [], 0.3)[0]:
                        return heard
            self.heard = heard
            return b""

    def close(self):
        os.close(self._fd)


def _utc(text):
    return int(dt.datetime.fromisoformat(text).timestamp())


def lived(folder, hours=HOURS):
    """The figures of such a life; AssertionError where something is missing, twice, or grows."""
    life = Life(Path(folder), hours)
    try:
        life.run()
        found = life.figures()
        (Path(folder) / "figures.json").write_text(json.dumps(found))
        heard = {topic: [payload.decode() for payload in found] for topic, found in life.heard.items()}
        (Path(folder) / "heard.json").write_text(json.dumps([life.begin, life.end, heard, life.wrong]))
        life.check()
        return found
    finally:
        life.close()


def shown(found):
    """The figures of a run without the curves."""
    heap = [count for _, count in found["heap"]]
    curves = {
        "heap": "%d to %d bytes" % (min(heap), max(heap)),
        "waiting": max(count for _, count in found["waiting"]),
    }
    return {**found, **curves}


def proof():
    assert brokers.mosquitto_path(), "Mosquitto has to be there: the embedded broker keeps nothing over a restart"
    with tempfile.TemporaryDirectory() as folder:
        found = lived(folder)
    curves.TWIN.write_text(json.dumps(found) + "\n")
    curves.main()
    _level(found["heap"])
    return shown(found)


def _level(heap):
    """What is left of the heap when nothing is loaded is no more in the last quarter of the time than in the first."""
    lowest = [min(count for at, count in heap if int(4 * at / HOURS) == quarter) for quarter in range(4)]
    assert lowest[3] - lowest[0] <= _HEAP, lowest


def _device(folder):
    """The firmware with mpy/soak_main.py before its main.py."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DEVICE, folder)
    (folder / "main.py").rename(folder / "begin.py")
    shutil.copy(Path(__file__).parent / "mpy" / "soak_main.py", folder / "main.py")
    return folder


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(exist_ok=True, parents=True)
    print(shown(lived(sys.argv[2], float(sys.argv[1]))))
