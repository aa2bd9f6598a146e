"""The `device` that commands act on (firmware/commands/dispatcher.py), in memory. Runs on MicroPython, too."""

from firmware.config.config import Config
from firmware.core.zone import Zone


def channel_of(name, whitelist=None):
    """A channel as the one of that name is."""
    from firmware.commands.dispatcher import Channel

    return Channel(name, whitelist or name + ".commands", person=name == "console", way=name == "mqtt")


class Result:
    def __init__(self, payloads=(), error="", running=False):
        self.payloads = list(payloads)
        self.why = None
        self.failed(error)
        self.running = running
        self.dropped = 0

    def failed(self, error):
        """`error`: its name and its words, as in a record."""
        if error:
            self.why = (133,) + tuple(error.split(": ", 1))

    @property
    def sizes(self):
        return [len(payload) for payload in self.payloads]

    def read_into(self, number, view):
        view[:] = self.payloads[number]


class Meter:
    def __init__(self, ident):
        self.ident = ident
        self.results = {}
        self.pending = {}
        self.reads = self.errors = 0
        self.why = None


class Port:
    def __init__(self):
        self.settings = None

    def configure(self, baud, bits=8, parity=None, stop=1):
        self.settings = (baud, bits, parity, stop)


class Line:
    """A line whose readings end when the test says so, or at once with `answers`: kind -> payloads or error text."""

    def __init__(self, name, meters):
        self.name = name
        self.meters = meters
        self.asked = []
        self.answers = {}
        self.full = False
        self.port = Port()

    def ask(self, meter, kind, args=None):
        if self.full:
            raise ValueError("too many readings are waiting for %s" % self.name)
        self.asked.append((meter.ident, kind, args))
        result = Result(running=True)
        meter.pending[kind] = result
        if kind in self.answers:
            self.finish(meter, kind, self.answers[kind])
        return result

    def finish(self, meter, kind, answer):
        result = meter.pending.pop(kind)
        if isinstance(answer, str):
            result.failed(answer)
        else:
            result.payloads = list(answer)
        result.running = False
        meter.results[kind] = result


class Ring:
    first = last = 0

    def __init__(self):
        self.depth = 7

    def forget_places(self, wholly=False):
        """It looks for none."""

    def stats(self):
        return {"depth": self.depth, "oldest": 1, "newest": 7, "in_flight": 0, "lost": 0, "damaged": 0}

    def info(self, seq):
        if seq > 6:
            raise OSError("record %d has been delivered" % seq)
        return 1, 1792891800, 300

    def clear(self):
        self.depth = 0


class Clock:
    zone = Zone("Europe/Madrid")
    known = True

    def source_name(self):
        return "ntp"


class Modem:
    """Answers what `answers` says, else OK alone."""

    def __init__(self):
        self.lines = []
        self.answers = {}

    async def command(self, line, ms):
        self.lines.append(line)
        return list(self.answers.get(line, ["OK"]))


class Link:
    def __init__(self):
        self.state = {"uplink": "host", "up": True}
        self.why = None

    def trouble(self):
        return self.why

    def status(self):
        return self.state


class Mqtt:
    def __init__(self):
        self.state = {"connected": True, "since": 12, "delivered": 3, "state": "online", "last_error": ""}
        self.why = None

    def status(self):
        return self.state


class Device:
    name = "lector102 on test"
    version = "9.9.9"
    imei = "860000000000001"

    def __init__(self, path=None, meters=("ID00000",)):
        self.config = Config(path)
        self.config.expansions["IMEI"] = self.imei
        self.ring = Ring()
        self.clock = Clock()
        self.lines = [Line("port 1", [Meter(name) for name in meters])]
        self.tags = []
        self.faults = ()
        self.link = Link()
        self.mqtt = Mqtt()
        self.deliveries = []
        self.modem = None
        self.restarts = []
        self.synced = 0
        self.updates = []
        self.confirmed = None  # the last (code, whether on the console)
        self.too_long = 0

    def change(self, values, code=""):
        self.config.change(values, 600 if code else 0, code)

    def begin_trial(self):
        self.config.begin_trial()

    def confirm(self, code, console=False):
        self.confirmed = code, console
        return "" if console or code == self.config.code else "that is not the code"

    def status(self):
        return {
            "version": self.version,
            "log": self.ring.stats(),
            "meters": [{"id": "ID00000", "ok": True}],
        }

    def restart(self, reason):
        self.restarts.append(reason)

    def update(self, url, force):
        if "://" not in url:
            return 4, "that is no address"
        self.updates.append((url, force))
        return ()

    async def note(self, now=False):
        """Nothing is written."""

    def sync(self):
        self.synced += 1
