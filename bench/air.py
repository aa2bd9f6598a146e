"""What a day costs over the air: bytes of PPP at readings each 15 minutes, and what they are for.

The whole app in virtual time over real packets (_air.py), one meter, behind a modem, from the start of PPP on; with
TLS real TLS is in them (_air_tls.py). Beside it umqtt.robust with a keep-alive of 60 s, that is a ping each 30 s,
which publishes the same records. What the device itself tells of it (GETSTATUS,data) is compared with the line. The
network is a good one: no packet is lost and nobody hangs up; what a login costs is told apart. The quick form has six
hours, whose bytes but those of the beginning count four times.
"""

import asyncio
import collections
import contextlib
import gc
import sys
import tempfile
import types
from pathlib import Path
from unittest import mock

from bench import _air, _air_kinds, _air_sockets, _air_tls
from bench._rows import at_most, row
from firmware.app import main as watch
from firmware.app import report
from firmware.commands.channels import mqtt as channel
from firmware.core import clock, log
from firmware.delivery.mqtt import service
from firmware.meters import meter as meterline
from firmware.net import tcp
from firmware.security import context
from tests.host.support import memory_meters, umqtt_versions, virtual_time
from tests.host.support.fake_ports import StationMeter
from tests.proof import soak
from tests.proof.soak_broker import Broker, Session
from tools import lib

ROOT = Path(__file__).resolve().parents[1]
DAY, QUARTER = 86400, 900
QUICK = DAY // 4
START = 1795000000 // DAY * DAY + 300
MOST, MOST_TLS = 110_000, 150_000
KINDS = ("payload", "MQTT", "TCP/IP", "TLS", "pings", "DNS", "NTP", "PPP")
_MONTH = 30
# The login is over then, and nothing has been read yet.
_BEGUN_S = 150
_LOGIN = ("payload", "MQTT", "TCP/IP", "TLS")


class _Records(Broker):
    """Keeps the records and where they went."""

    def __init__(self):
        super().__init__()
        self.published = []

    def take(self, session, packet, body):
        if packet >> 4 == 3:
            at = 2 + int.from_bytes(body[:2], "big")
            self.published.append((bytes(body[2:at]), bytes(body[at + (2 if packet & 6 else 0) :])))
        super().take(session, packet, body)


class _Modem:
    """A ModemLink (docs/architecture.md, Link) that is up."""

    def __init__(self, sockets):
        self.socket = sockets
        self.store = types.SimpleNamespace(get=lambda key, default=None: default, set=lambda key, value: None)

    async def command(self, line, deadline_ms=0):
        return ["OK"]

    async def up(self, deadline_ms):
        return True

    def is_up(self):
        return True

    def suspect(self):
        raise AssertionError("the link is suspected")

    def trouble(self):
        """There is none."""

    def status(self):
        return {"uplink": "modem", "up": True, "signal": -77, "operator": "Movistar", "technology": "4g"}


class _Rtc(memory_meters.Rtc):
    def set(self, utc):
        """It is right, which nobody knows."""


class _Board(soak.Board):
    rtc_source = clock.UNKNOWN

    def __init__(self, folder, line, air, values):
        super().__init__(folder, line, None)
        self.rtc, self._air, self._values = _Rtc(), air, values

    def preset(self):
        return dict({
            "mqtt.enabled": "on", "mqtt.broker": "tcp://broker.example", "mqtt.at_topic": "lector102/[IMEI]/AT",
            "meter.0.enabled": "on", "meter.0.interval": QUARTER // 60,
        }, **self._values)  # fmt: skip

    def link(self, config):
        return _Modem(_air_sockets.Sockets(self._air))


class Bill:
    """Bytes of frames: in `day` a Counter of them by kind, `total` its sum, `login`, `ping` and `record` those of
    one (its acknowledgement is in it). `pings`: how many a day. `ip`: bytes of a day's IP packets, without PPP;
    `packets`: those that moved in `seconds`."""

    def __init__(self, seconds, air, begun, begun_ip):
        self.begun = begun
        self.day = collections.Counter(begun)
        for kind, count in air.bytes.items():
            self.day[kind] += (count - begun[kind]) * DAY / seconds
        self.total = sum(self.day.values())
        self.packets = air.ip
        self.login = sum(begun[kind] for kind in _LOGIN)
        self.pings = air.pings * DAY / seconds
        self.ping = self.day["pings"] / self.pings
        self.ip = begun_ip + (air.ip - begun_ip) * DAY / seconds


def ours(seconds, authority=None, **values):
    """(Bill, broker, what the device tells of the data); with an Authority over TLS."""

    async def main(folder, patched):
        broker = _Records()
        loop = asyncio.get_running_loop()
        seal = authority and authority.seal
        air = _air.Air(loop.time, loop.jump, lambda: Session(broker), _air_kinds.mqtt, seal)
        patched.enter_context(air.reached())
        if authority:
            (Path(folder) / "tls").mkdir()
            (Path(folder) / "tls/ca.der").write_bytes(authority.root)
            made = _air_tls.Client(context.make, authority.cipher, lambda data: air.said(_air.UP, data))
            patched.enter_context(mock.patch.object(context, "make", made))
            values.update({"mqtt.broker": "mqtts://broker.example", "tls.ca": "own"})
        stations = memory_meters.stations(1, virtual_time.utc)

        def receive(data):
            return [frame for station in stations for frame in station.receive(data)]

        app = soak._started(_Board(folder, StationMeter(receive).port, air, values))
        tasks = [asyncio.ensure_future(each) for each in (watch._watch(app, None), _carry(air))]
        await asyncio.sleep(_BEGUN_S)
        assert app.mqtt.connected, app.mqtt.status()
        begun = collections.Counter(air.bytes), air.ip
        await asyncio.sleep(seconds - _BEGUN_S)
        for task in tasks:
            assert not task.done(), task.exception()
            task.cancel()
        assert app.mqtt.connections == 1, "%d connections" % app.mqtt.connections
        return Bill(seconds, air, *begun), broker, report.data(app)

    tcp.moved[0] = 0
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as patched:
        patched.enter_context(mock.patch.dict(sys.modules, _umqtt()))
        patched.enter_context(mock.patch.object(log, "sink", lambda text: None))
        # Seconds instead of milliseconds between two looks: what is looked at is the same.
        for module, name, ms in (
            (watch, "_TURN_MS", 1000), (watch, "_TIDY_MS", 60000), (service, "_IDLE_MS", 1000),
            (channel, "_TURN_MS", 3000), (meterline, "_IDLE_MS", 3000),
        ):  # fmt: skip
            patched.enter_context(mock.patch.object(module, name, ms))
        # The firmware collects its garbage often, as on a board: what was there before is not looked at.
        gc.collect()
        gc.freeze()
        patched.callback(gc.unfreeze)
        return virtual_time.run(main(folder, patched), START, limit_s=seconds + DAY, wall=True)


async def _carry(air):
    while True:
        air.run()
        await asyncio.sleep(0.5 if air.quiet() else 0.05)


def _umqtt():
    with tempfile.TemporaryDirectory() as place:
        simple = umqtt_versions.module(umqtt_versions.VERSIONS[0], Path(place))
    return {"umqtt": types.SimpleNamespace(simple=simple), "umqtt.simple": simple}


def robust(seconds, records):
    """The Bill of umqtt.robust with these [(topic, payload)], one each quarter of an hour."""
    now = [0.0]

    def wait(step):
        now[0] += step

    air = _air.Air(lambda: now[0], wait, lambda: Session(Broker()), _air_kinds.mqtt)
    simple = _umqtt()["umqtt.simple"]
    simple.socket = _air_sockets.Sockets(air, True)
    module = types.ModuleType("robust")
    text = (ROOT / "build/bench-lib/umqtt/robust.py").read_text()
    module.__dict__.update(simple=simple)
    exec(text.replace("import utime\nfrom . import simple\n", ""), module.__dict__)
    client = module.MQTTClient(b"869101054287764", "broker.example", 1883, keepalive=60)
    client.set_callback(lambda topic, payload: None)
    begun = None
    with air.reached():
        client.connect()
        client.subscribe(b"lector102/869101054287764/AT", 1)
        for second in range(0, seconds, 30):
            if begun is None and second > _BEGUN_S:
                begun = collections.Counter(air.bytes), air.ip
            if records and second % QUARTER == QUARTER // 2:
                client.publish(*records.pop(0), qos=1)
            client.ping()
            while now[0] < second + 30:
                wait(0.05 if not air.quiet() else 1)
                air.run()
                client.check_msg()
    return Bill(seconds, air, *begun)


def bills(quick=False):
    """{"MQTT", "TLS", "umqtt.robust": Bill}, what the device told in the first two, and Mbed TLS's own figures
    (_air_tls.measured)."""
    lib.install()
    seconds = QUICK if quick else DAY
    authority = _air_tls.Authority()
    mbedtls = _air_tls.measured(authority)
    authority.cipher = mbedtls.cipher
    bill, broker, told = ours(seconds)
    secure, _, told_secure = ours(seconds, authority)
    records = [each for each in broker.published if each[0].endswith(b"LOGGER")]
    assert len(records) >= seconds // QUARTER - 1, "%d records" % len(records)
    found = {"MQTT": bill, "TLS": secure, "umqtt.robust": robust(seconds, list(records))}
    for each in found.values():
        each.record = sum(each.day[kind] - each.begun[kind] for kind in _LOGIN) * seconds / DAY / len(records)
    return found, (told, told_secure), mbedtls


def run(quick=False):
    found, told, mbedtls = bills(quick)
    bill, secure, other = found.values()
    what = "umqtt.robust"
    rows = [
        at_most("a day over MQTT", bill.total, "bytes", "target", MOST),
        at_most("a day over MQTT with TLS", secure.total, "bytes", "target", MOST_TLS),
        row("a day over MQTT", bill.total, "bytes", (what + ", keep-alive 60 s", other.total)),
        row("a month of 30 days", bill.total * _MONTH / 1e6, "MB", (what, other.total * _MONTH / 1e6)),
    ]
    rows += [row("  " + kind, bill.day[kind], "bytes", (what, other.day[kind])) for kind in KINDS]
    rows += [row("  %s, with TLS" % kind, secure.day[kind], "bytes") for kind in ("TCP/IP", "TLS", "pings")]
    rows.append(row("  pings, how many", bill.pings, "", (what, other.pings)))
    rows.append(row("of it IP packets, without PPP", bill.ip, "bytes", (what, other.ip)))
    rows.append(row("  with TLS", secure.ip, "bytes"))
    for name in ("record", "login", "ping"):
        rows.append(row("one " + name, getattr(bill, name), "bytes", (what, getattr(other, name))))
        rows.append(row("one %s with TLS" % name, getattr(secure, name), "bytes"))
    # OpenSSL on the line is no cheaper than Mbed TLS of MicroPython.
    handshake = secure.begun["TLS"]
    rows.append(at_most("MicroPython's own handshake", mbedtls.up + mbedtls.down, "bytes", "on the line", handshake))
    for name, said, true in (("", told[0], bill.packets), (" with TLS", told[1], secure.packets)):
        rows.append(row("what GETSTATUS,data tells" + name, said["month"], "bytes", ("in IP packets", true),
                        target="0.9 to 1.1", met=0.9 <= said["month"] / true <= 1.1))  # fmt: skip
    for name, value in (
        ("mqtt.status_minutes", 60), ("mqtt.status_minutes", 15), ("mqtt.keepalive_max", 1000),
        ("mqtt.keepalive_max", 120), ("mqtt.keepalive_max", 0), ("logger.profile", "extended"),
    ):  # fmt: skip
        another, _, _ = ours(QUICK if quick else DAY, **{name: value})
        rows.append(row("a day with %s %s" % (name, value), another.total, "bytes"))
    return rows
