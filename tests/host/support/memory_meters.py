"""A line of simulated meters in memory: the real services and the real protocol on both sides, no sockets, no waiting.

Use it inside `virtual.run()`: the meters' true time is the virtual clock, and so is the device's.
"""

import asyncio

from firmware.core.clock import HOST, Clock
from firmware.meters.meter import MeterLine
from tests.host.support.fake_ports import StationMeter
from tests.host.support.record_format import record_format
from tools.meter.model import Meter as Model
from tools.meter.station import Station

IMEI = "869101054287764"


class Rtc:
    """The virtual clock as a board's."""

    def get(self):
        return asyncio.get_running_loop().utc()

    def set(self, utc):
        raise AssertionError("nobody sets the clock of a host")


def stations(count, now, **options):
    """`count` stations on one line, link addresses and passwords from 1."""
    found = []
    for number in range(1, count + 1):
        model = Model(seed=number, now=now, **options)
        found.append(Station(model, link=number, password=number))
    return found


def port_of(found):
    """A port with these stations at its other end."""

    def receive(data):
        answers = []
        for station in found:
            answers += station.receive(data)
        return answers

    return StationMeter(receive).port


def line_of(port, meters, keep, profile="titan", clock=None):
    """The service of one line over `port`; `keep(batch)` has what is logged, payloads as bytes."""
    clock = clock or Clock(Rtc(), "Europe/Madrid", HOST)
    form = record_format(IMEI, "ID-" + IMEI, "unix", profile)

    def copied(batch):
        # A payload may be a view of the session's buffer, which the next record overwrites.
        keep([(kind, utc, bytes(payload)) for kind, utc, payload in batch])

    return MeterLine("port 1", port, meters, clock, copied, form)
