"""The audit log (firmware/security/audit.py): what is kept, in which order, within which room, and what damage costs.

Power cuts are in tests/host/micropython/test_audit_power.py.
"""

import asyncio
import json
import os
import random
from pathlib import Path
from types import SimpleNamespace

import pytest

from firmware.config.config import Config
from firmware.core import clock, log
from firmware.security import audit
from tests.host.support import virtual_time

UTC = 1_790_000_000
BROKER = {"mqtt.at_topic": "d/AT", "audit.topic": "lector102/[IMEI]/AUDIT"}


@pytest.fixture
def now(monkeypatch):
    """Seconds since the start, which the test moves."""
    found = SimpleNamespace(s=1000)
    monkeypatch.setattr(audit, "monotonic_s", lambda: found.s)
    monkeypatch.setattr(log, "monotonic_s", lambda: found.s)
    monkeypatch.setattr(log, "notes", [])
    monkeypatch.setattr(log, "due", 0)
    return found


class App:
    """What the audit log takes of an app.device.App, in a folder."""

    restart_reason = ""
    audit = mqtt = None
    imei = "860000000000001"

    def __init__(self, folder, **values):
        self.board = SimpleNamespace(root=str(folder))
        self.config = Config()
        self.config.expansions["IMEI"] = self.imei
        self.config.set_many({"audit.size": 8, **values})
        self.clock = SimpleNamespace(utc=lambda: UTC)

    def again(self):
        """The same flash after a start."""
        log.notes.clear()
        found = App(self.board.root)
        found.config, found.clock = self.config, self.clock
        return found

    def entries(self, count=9999):
        return [audit.told(entry) for entry in audit.read(self, count)]

    def whats(self, count=9999):
        return [entry.get("WHAT", entry.get("OF")) for entry in self.entries(count)]


def say(app, *whats, who="mqtt d/AT", now=None):
    for what in whats:
        log.note(who, what, "OK")
        audit.write(app)
        if now:
            now.s += 60


def files(app):
    return sorted(Path(app.board.root, "audit").iterdir(), key=lambda path: int(path.name))


def test_an_entry_says_when_who_what_and_what_came_of_it(tmp_path, now):
    app = App(tmp_path)
    log.note("console", "AT^MTXTUNNEL=SETPARAM,mqtt.password,***", "ERROR 4")
    now.s += 7
    audit.write(app)
    assert app.entries() == [
        {
            "N": 1,
            "TS": "2026-09-21T14:13:13Z",
            "WHO": "console",
            "WHAT": "AT^MTXTUNNEL=SETPARAM,mqtt.password,***",
            "RESULT": "ERROR 4",
        }
    ]
    assert app.again().entries() == app.entries()


def test_nothing_is_written_where_nothing_was_noted(tmp_path, now):
    app = App(tmp_path)
    audit.write(app)
    assert not os.listdir(tmp_path) and app.entries() == [] and log.due > now.s + 10**6


def test_it_is_a_ring_of_so_many_bytes(tmp_path, now):
    app = App(tmp_path)
    most = 0
    for number in range(400):
        say(app, "command %d" % number, now=now)
        most = max(most, sum(path.stat().st_size for path in files(app)))
        if number == 150:
            app = app.again()
    assert 8192 - 200 < most <= 8192
    found = app.whats()
    assert found == ["command %d" % number for number in range(400 - len(found), 400)] and len(found) > 60
    assert app.whats(3) == found[-3:]
    numbers = [entry["N"] for entry in app.entries()]
    assert numbers == list(range(401 - len(found), 401))
    app.config.set_many({"audit.size": 16})
    for number in range(300):
        say(app, "more %d" % number, now=now)
    assert 12288 < sum(path.stat().st_size for path in files(app)) <= 16384
    app.config.set_many({"audit.size": 8})
    for number in range(100):
        say(app, "less %d" % number, now=now)
    assert sum(path.stat().st_size for path in files(app)) <= 8192


def test_its_order_is_that_of_the_events_whatever_the_clock_does(tmp_path, now):
    app = App(tmp_path)
    times = [UTC, 0, UTC - 86400 * 400, UTC + 5, UTC - 3]
    for number, utc in enumerate(times):
        app.clock.utc = lambda utc=utc: utc
        say(app, "at %d" % number, now=now)
    assert app.again().whats() == ["at %d" % number for number in range(len(times))]
    assert [entry["TS"] == "" for entry in app.entries()] == [False, True, False, False, False]


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_entry_costs_itself_alone(tmp_path, now, seed):
    chance = random.Random(seed)
    app = App(tmp_path)
    for number in range(80):
        say(app, "command [%d]" % number, now=now)
    before = app.entries()
    path = chance.choice(files(app))
    data = bytearray(path.read_bytes())
    at = chance.randrange(len(data))
    data[at] ^= 1 << chance.randrange(8)
    hit = data[:at].count(b"\n") + int(path.name)
    path.write_bytes(data)
    app = app.again()
    if path == files(app)[-1] and data[-1:] != b"\n":
        hit = before[-1]["N"]  # its end is its own
    assert [entry for entry in before if entry["N"] != hit] == app.entries()
    say(app, "the next one")
    assert app.entries()[-1]["WHAT"] == "the next one" and app.entries()[-1]["N"] > before[-1]["N"]


def test_a_file_that_cannot_be_read_costs_itself(tmp_path, now, monkeypatch):
    app = App(tmp_path)
    for number in range(80):
        say(app, "command %d" % number, now=now)
    broken = files(app)[-1]
    kept = len(broken.read_bytes().splitlines())
    broken.unlink()
    broken.mkdir()
    app = app.again()
    assert len(app.entries()) == len(set(app.whats())) >= 30
    last = app.entries()[-1]["N"]
    say(app, "the next one")
    assert app.whats()[-1] == "the next one" and app.entries()[-1]["N"] > last + kept


def test_lines_of_another_version_do_no_harm(tmp_path, now):
    app = App(tmp_path)
    say(app, "one")
    with open(files(app)[0], "ab") as file:
        for odd in (
            [],
            [1],
            {},
            7,
            "x",
            [9, 0, 0, 1, "a", "b"],
            ["9", 0, 0, 1, "a", "b", "c"],
            [9, None, 0, 1, "", "", ""],
            # Numbers that no counter and no clock has; the entries behind them would have such ones, too.
            [float("inf"), 0, 0, 1, "a", "b", "c"],
            [9, float("inf"), 0, 1, "a", "b", "c"],
            [9, float("nan"), 0, 1, "a", "b", "c"],
            [1 << 32, 0, 0, 1, "a", "b", "c"],
            [-1, 0, 0, 1, "a", "b", "c"],
        ):
            text = json.dumps(odd).encode()
            file.write(text + audit._crc(text))
        text = json.dumps([40, 0, 0, 1, "who", "newer", "OK", "more"]).encode()
        file.write(text + audit._crc(text))
    app = app.again()
    say(app, "two")
    assert app.whats() == ["one", "newer", "two"] and app.entries()[-1]["N"] == 41


def test_other_files_in_the_folder_are_nobodys(tmp_path, now):
    app = App(tmp_path)
    say(app, "one")
    for name in ("notes.txt", "1.bak", "99999999999999"):
        Path(tmp_path, "audit", name).write_text("[1]")
    app = app.again()
    say(app, "two")
    assert app.whats() == ["one", "two"]


def test_what_comes_again_is_counted_and_told_after_an_hour(tmp_path, now):
    app = App(tmp_path)
    for _ in range(5000):
        say(app, "AT^MTXTUNNEL=SYNC")
        now.s += 1
    found = app.entries()
    assert found[0]["WHAT"] == "AT^MTXTUNNEL=SYNC" and found[1]["OF"] == 1 and len(found) == 2
    audit.write(app, True)
    found = app.entries()
    assert sum(entry.get("TIMES", 1) for entry in found) == 5000 and len(found) == 3


def test_refused_lines_are_the_same_whatever_they_say(tmp_path, now):
    app = App(tmp_path)
    for number in range(1000):
        log.note("mqtt d/AT", "AT^MTXTUNNEL=X%d" % number, "ERROR 2", "mqtt d/ATERROR 2")
        audit.write(app)
    audit.write(app, True)
    found = app.entries()
    assert sum(entry.get("TIMES", 1) for entry in found) == 1000 and len(found) == 2


def test_a_flood_does_not_wear_the_flash(tmp_path, now, monkeypatch):
    """Of what is different, too: after sixteen writes there is one in a minute, or with eight entries."""
    app = App(tmp_path)
    writes = []
    put = audit._put
    monkeypatch.setattr(audit, "_put", lambda *given: writes.append(now.s) or put(*given))
    for number in range(1200):
        say(app, "command %d" % number)
        now.s += 20
    assert len(writes) < 16 + 1200 * 20 / 60 + 20
    audit.write(app, True)
    now.s += 120
    audit.write(app)
    assert app.whats()[-1] == "command 1199"
    found = [what for what in app.whats() if isinstance(what, str)]
    assert found == ["command %d" % number for number in range(1200 - len(found), 1200)]
    del writes[:]
    for number in range(64):
        say(app, "burst %d" % number)
    assert len(writes) <= 64 / 8 + 16


def test_a_flash_that_takes_nothing_is_tried_again_and_what_waits_is_bounded(tmp_path, now, monkeypatch):
    app = App(tmp_path)
    say(app, "before")
    put = audit._put

    def full(*given):
        raise OSError(28)

    monkeypatch.setattr(audit, "_put", full)
    for number in range(100):
        say(app, "command %d" % number)
        now.s += 60
        assert len(app.audit[audit._KNOWN_AT]) <= 16 and len(log.notes) <= 16
    monkeypatch.setattr(audit, "_put", put)
    assert now.s <= log.due <= now.s + 60
    now.s += 60
    audit.write(app)
    found = app.entries()
    assert [entry["WHAT"] for entry in found[:3]] == ["before", "command 0", "command 1"]
    assert found[-1]["WHAT"] == "more than could be kept" and sum(e.get("TIMES", 1) for e in found) == 101


def test_what_the_flash_has_not_taken_is_taken_once(tmp_path, now, monkeypatch):
    app = App(tmp_path)
    say(app, "before")
    monkeypatch.setattr(audit, "_put", lambda *given: (_ for _ in ()).throw(OSError(5)))
    say(app, "one", "two")
    monkeypatch.undo()
    monkeypatch.setattr(audit, "monotonic_s", lambda: now.s + 60)
    audit.write(app)
    assert app.whats() == ["before", "one", "two"]


def test_more_notes_than_there_is_room_for_are_told(tmp_path, now):
    app = App(tmp_path)
    for number in range(40):
        log.note("mqtt", "command %d" % number, "OK")
    audit.write(app)
    assert app.whats()[:15] == ["command %d" % number for number in range(15)]
    assert "more than could be kept" in app.whats()[-1]


def test_nothing_waits_when_the_device_restarts(tmp_path, now):
    app = App(tmp_path)
    say(app, *["command %d" % number for number in range(18)])
    say(app, "command 17")
    assert len(app.entries()) < 18
    app.restart_reason = "command on mqtt d/AT"
    audit.write(app, True)
    assert app.whats() == ["command %d" % number for number in range(18)] + ["restart"]
    assert app.entries()[-2]["TIMES"] == 2 and app.entries()[-1]["RESULT"] == "command on mqtt d/AT"


def test_long_texts_are_cut_and_odd_ones_do_no_harm(tmp_path, now):
    app = App(tmp_path)
    odd = '"\\\n\x00\u00f1[1, 2] 00000000\n'
    log.note(odd * 100, odd * 100, odd * 100)
    say(app, odd)
    assert [len(path.read_bytes()) for path in files(app)][0] < 4096
    assert app.whats() == [(odd * 100)[:200], odd]
    assert app.again().whats() == app.whats()


def test_a_clock_that_is_moved_by_more_than_a_minute_stands_there(tmp_path, now):
    app = App(tmp_path)
    rtc = SimpleNamespace(now=UTC)
    rtc.get, rtc.set = lambda: rtc.now, lambda utc: setattr(rtc, "now", utc)
    app.clock = found = clock.Clock(rtc, "Europe/Madrid", clock.MODEM)
    found.set(UTC + 60, clock.NTP)
    assert log.notes == []
    found.set(UTC + 60 + 61, clock.NTP)
    audit.write(app)
    rtc.now += 5
    found.set(UTC, clock.NTP)
    audit.write(app, True)
    assert [(e.get("WHO"), e.get("WHAT"), e.get("RESULT")) for e in app.entries()][0] == ("clock", "ntp", "61")
    assert app.entries()[1] == {"N": 2, "TS": "2026-09-21T14:13:20Z", "TIMES": 1, "OF": 1}


# --- on a topic


class Mqtt:
    connected = True

    def __init__(self, waits=False):
        self.sent, self.waits = [], waits

    def replies_wait(self):
        return self.waits

    async def reply(self, topic, payload):
        self.sent.append((topic, json.loads(payload)))


def published(app):
    virtual_time.run(audit.publish(app))
    return [said["N"] for _, said in app.mqtt.sent]


def test_entries_are_published_each_in_order_and_what_was_not_after_a_restart(tmp_path, now):
    app = App(tmp_path, **BROKER)
    say(app, *["command %d" % number for number in range(6)])
    app.mqtt = Mqtt()
    app.mqtt.connected = False
    assert published(app) == [] and log.due > now.s
    app.mqtt.connected = True
    assert published(app) == [1, 2, 3, 4] and published(app) == [1, 2, 3, 4, 5, 6]
    say(app, "command 6")
    say(app, "command 7")
    topic, said = app.mqtt.sent[0]
    assert topic == "lector102/860000000000001/AUDIT" and said["IMEI"] == app.imei and said["WHAT"] == "command 0"
    app = app.again()
    app.mqtt = Mqtt()
    say(app, "command 8")
    # The last two were sent and nobody knows whether they had come: once more.
    assert published(app) == [5, 6, 7, 8] and published(app) == [5, 6, 7, 8, 9] and published(app)[-1] == 9
    say(app, "command 9")
    app = app.again()
    app.mqtt = Mqtt()
    assert published(app) == [10]
    app.mqtt.waits = True
    say(app, "command 10")
    assert published(app) == [10], "it pushes out answers"


@pytest.mark.parametrize("topic", ["", "d/AT"])
def test_nothing_is_published_on_no_topic_or_on_one_of_commands(tmp_path, now, topic):
    app = App(tmp_path, **dict(BROKER, **{"audit.topic": topic}))
    app.mqtt = Mqtt()
    say(app, "command")
    assert published(app) == []


def test_entries_may_be_written_while_others_are_read(tmp_path, now):
    app = App(tmp_path)
    for number in range(100):
        say(app, "command %d" % number, now=now)
    found = []
    for entry in audit.read(app, 60):
        found.append(entry[0])
        if len(found) == 5:
            for number in range(100):
                say(app, "more %d" % number, now=now)
    assert found == sorted(set(found)) and found[0] == 41


def test_run(tmp_path, now, monkeypatch):
    """The App's own way: only when it is due, and with the gate first."""
    from firmware.app import device

    monkeypatch.setattr(device, "monotonic_s", lambda: now.s)
    Device = device.App
    app = App(tmp_path)
    waited = []

    async def wait():
        waited.append(1)

    app.gate = SimpleNamespace(wait=wait)
    log.note("console", "REBOOT", "OK")
    log.due = now.s + 10**6

    async def main():
        await Device.note(app)
        assert not waited
        await Device.note(app, True)

    asyncio.run(main())
    assert waited and app.whats() == ["REBOOT"]
