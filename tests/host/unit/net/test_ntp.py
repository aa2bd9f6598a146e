"""The time: NTP servers of every kind on real MicroPython, and how far the device believes them."""

import asyncio

import pytest

from firmware.app import device as app_device
from firmware.app import time_sync
from firmware.app.device import TimeKeeper
from firmware.app.time_sync import TimeRefused
from firmware.core import clock, compat
from firmware.meters.meter import Meter
from tests.host.support import memory_meters, virtual_time

NOW = 1795000000


# --- what is believed, in virtual time


class Rtc:
    """A board's clock that runs with virtual time from `start`."""

    def __init__(self, start):
        self._shift = start

    def get(self):
        return int(asyncio.get_running_loop().time()) + self._shift

    def set(self, utc):
        self._shift += utc - self.get()


class Device:
    """As much of the App as the time needs. `truth` is the true UTC at the start of the loop."""

    def __init__(self, monkeypatch, source=clock.UNKNOWN, wrong=0, truth=NOW, **settings):
        self.clock = clock.Clock(Rtc(truth + wrong), "Europe/Madrid")
        if source:
            self.clock.source, self.clock.set_at = source, truth
        self.settings = {"ntp.server": "one", "ntp.server2": "", "ntp.hours": 12, **settings}
        self.config = type("C", (), {"get": lambda _, name: self.settings[name]})()
        self.lines = []
        self.time_wanted = False
        self.online = True
        self.asked = []
        self.board = type("B", (), {"feed": lambda _: None})()
        self.link = self
        self.socket = None
        self.truth = truth
        # Server -> seconds it is wrong, or an exception.
        self.servers = {"one": 0, "two": 0}

        async def ask(_, host, limit_ms=0):
            self.asked.append((host, self.passed()))
            says = self.servers[host]
            if isinstance(says, Exception):
                await compat.sleep_ms(3000)
                raise says
            return self.true() + says

        monkeypatch.setattr(time_sync, "ask", ask)
        monkeypatch.setattr(app_device, "_LOOK_MS", 10_000)  # hours pass: as well looked at less often
        monkeypatch.setitem(compat.__dict__, "_passed", [0, 0, False])

    def is_up(self):
        return self.online

    def passed(self):
        return int(asyncio.get_running_loop().time())

    def true(self):
        return self.truth + self.passed()

    @property
    def error(self):
        return self.clock.utc() - self.true()

    def live(self, seconds, *events):
        """Run the service; `events`: (second, function) in order. Returns (error, source) at the end."""

        async def main():
            task = asyncio.create_task(TimeKeeper(self).run())
            for second, function in events:
                await compat.sleep_ms((second - self.passed()) * 1000)
                function()
            await compat.sleep_ms((seconds - self.passed()) * 1000)
            task.cancel()
            return self.error, self.clock.source_name()

        return virtual_time.run(main(), self.truth, limit_s=seconds + 100)


def test_the_clock_is_set_and_looked_at_twice_a_day(monkeypatch):
    device = Device(monkeypatch, wrong=-NOW)
    assert device.live(2 * 86400) == (0, "ntp")
    assert 4 <= len(device.asked) <= 5  # the first time once more


def test_a_server_that_is_wrong_by_years_does_not_move_a_good_clock(monkeypatch):
    device = Device(monkeypatch, source=clock.NTP)
    device.servers["one"] = 3 * 365 * 86400
    assert device.live(4 * 3600) == (0, "ntp")
    assert len(device.asked) > 8


_WRONG = (3600, -3600, 7200, 1001, 10 * 365 * 86400 - 4 * 86400, 2085978496 - NOW)


@pytest.mark.parametrize("wrong", _WRONG)
@pytest.mark.parametrize("answers", [1, 2, 3])
def test_who_spoke_first_is_not_believed_for_that(monkeypatch, wrong, answers):
    """gmag11/NtpClient 70, 74: the first answers after power-on are wrong, all later ones right."""
    device = Device(monkeypatch, wrong=-NOW, **{"ntp.server2": "two"})
    device.servers = Servers(device, wrong, answers)
    # Wrong once: within minutes. Wrong again and again: both are asked the next time, and then within minutes.
    assert device.live(600 if answers == 1 else (answers - 1) * 14 * 3600) == (0, "ntp")
    assert len(device.asked) < 12


@pytest.mark.parametrize("wrong", _WRONG)
@pytest.mark.parametrize("source, off", [(clock.UNKNOWN, -NOW), (clock.MODEM, 0), (clock.METER, -40)])
def test_nor_is_a_single_server(monkeypatch, wrong, source, off):
    device = Device(monkeypatch, source=source, wrong=off)
    device.servers = Servers(device, wrong, 1)
    assert device.live(600) == (0, "ntp")
    assert len(device.asked) < 6


class Servers(dict):
    """Both are wrong until so many answers have been given."""

    def __init__(self, device, wrong, answers):
        super().__init__()
        self.wrong, self.left = wrong, answers

    def __getitem__(self, host):
        self.left -= 1
        return self.wrong if self.left >= 0 else 0


@pytest.mark.parametrize("wrong", _WRONG)
def test_with_a_single_server_the_next_two_answers_put_a_first_wrong_one_right(monkeypatch, wrong):
    device = Device(monkeypatch, wrong=-NOW)
    device.servers = Servers(device, wrong, 1)
    assert device.live(15 * 3600) == (0, "ntp")


@pytest.mark.parametrize("liar", ["one", "two"])
def test_one_of_two_servers_does_not_move_a_clock_that_both_have_set(monkeypatch, liar):
    device = Device(monkeypatch, wrong=-NOW, **{"ntp.server2": "two"})
    assert device.live(86400, (3600, lambda: device.servers.update({liar: 7200}))) == (0, "ntp")


def test_an_impossible_year_is_never_taken(monkeypatch):
    device = Device(monkeypatch, wrong=-NOW)
    device.servers["one"] = -10 * 365 * 86400
    _, source = device.live(3600)
    assert source == "unknown"


def test_a_wrong_meter_or_modem_time_is_put_right_when_two_answers_agree(monkeypatch):
    device = Device(monkeypatch, source=clock.MODEM, wrong=86400)
    assert device.live(3600) == (0, "ntp")
    assert len(device.asked) == 2


def test_a_second_server_stands_in_and_may_contradict(monkeypatch):
    device = Device(monkeypatch, wrong=-NOW, **{"ntp.server2": "two"})
    device.servers["one"] = OSError("silent")
    assert device.live(3600) == (0, "ntp")
    assert [host for host, _ in device.asked] == ["one", "two"]


def test_questions_become_rarer_while_nobody_answers_and_differ_between_devices(monkeypatch):
    gaps = []
    for _ in range(2):
        device = Device(monkeypatch, wrong=-NOW)
        device.servers["one"] = OSError("silent")
        device.live(40000)
        times = [second for _, second in device.asked]
        gaps.append([b - a for a, b in zip(times, times[1:])])
    for row in gaps:
        assert all(15 << min(i, 8) <= gap + 4 for i, gap in enumerate(row[:8])), row
        assert max(row) <= 5410
        assert 13 <= len(row) <= 22
    assert gaps[0] != gaps[1]


def test_kiss_of_death_is_obeyed_for_long_but_sync_may_ask(monkeypatch):
    device = Device(monkeypatch, wrong=-NOW)
    device.servers["one"] = TimeRefused("DENY")
    device.live(8 * 3600, (3600, lambda: setattr(device, "time_wanted", True)))
    assert [second // 10 for _, second in device.asked] == [0, 360]


def test_nothing_is_asked_without_a_network_and_at_once_with_it(monkeypatch):
    device = Device(monkeypatch, wrong=-NOW)
    device.online = False
    device.live(1000, (900, lambda: setattr(device, "online", True)))
    assert len(device.asked) == 2  # and once more, since one answer alone may be wrong
    assert 900 <= device.asked[0][1] <= 917


def test_the_modems_time_is_taken_until_ntp_answers(monkeypatch):
    device = Device(monkeypatch, wrong=-NOW)
    device.servers["one"] = OSError("silent")
    device.on_time = None
    assert device.live(500, (100, lambda: device.on_time(device.true()))) == (0, "modem")
    device.servers["one"] = 0
    assert device.live(500)[1] == "ntp"


@pytest.mark.parametrize("server", ["", "one"])
def test_a_meter_is_the_last_resort(monkeypatch, tmp_path, server):
    device = Device(monkeypatch, wrong=-NOW, **{"ntp.server": server})
    device.servers["one"] = OSError("silent")

    async def main():
        meter = Meter("A", (1, 1, 1), [], place=str(tmp_path) + "/m0_")
        found = memory_meters.stations(1, device.true, ahead=40)
        line = memory_meters.line_of(memory_meters.port_of(found), [meter], [].extend, clock=device.clock)
        device.lines = [line]
        tasks = [asyncio.create_task(x.run()) for x in (line, TimeKeeper(device))]
        await compat.sleep_ms(30000)
        first = device.error, device.clock.source_name()
        device.servers["one"] = 0
        await compat.sleep_ms(300_000)
        for task in tasks:
            task.cancel()
        return first, (device.error, device.clock.source_name())

    first, then = virtual_time.run(main(), NOW, limit_s=1000)
    assert (abs(first[0] - 40) <= 1, first[1]) == (True, "meter")
    assert then[1] == ("ntp" if server else "meter")
    assert abs(then[0]) <= (0 if server else 41)
