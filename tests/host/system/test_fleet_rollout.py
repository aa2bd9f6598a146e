"""A release to fifty devices in waves: it stops at its limit, goes on where it stopped, and names who has it not."""

import pytest

from tests.host.support import brokers, fleet_devices
from tools import release
from tools.fleet import __main__ as fleet
from tools.fleet import desk, rollout, simulate
from tools.fleet.store import open_store

NOW = 1795000000
RIGHTS = {"mqtt.commands": "view,meter,UPDATE"}
URL = "http://server/lector102-2.0.0.rel"


class Fleet:
    """`bad`: {number: how}; see fleetdevices.Device."""

    def __init__(self, count, bad=(), rights=RIGHTS):
        self.devices = {}
        for number in range(1, count + 1):
            one = simulate.Device(number)
            how = dict(bad).get(number, "")
            granted = {"mqtt.commands": "view,meter"} if how == "not granted" else rights
            device = fleet_devices.Device(one, NOW, granted, "" if how in ("not granted", "away") else how)
            if how == "away":
                device = None
            self.devices[one.imei] = device

    def ask(self, name, line, seconds=30):
        device = self.devices[name]
        if device is None:
            raise desk.NoAnswer("no answer within %d s" % seconds)
        return desk.parse(device.say(line.encode()), line)

    def orders(self):
        return {name: device.updates for name, device in self.devices.items() if device and device.updates}


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "fleet.db"))


def rolling(store, some, version="2.0.0", **options):
    options = {"pause": lambda seconds: None, "say": lambda text: None, "at_once": 4, **options}
    return rollout.Rollout(store, some.ask, version, URL, **options)


def test_all_get_it_in_waves_of_one_four_and_the_rest(store):
    some = Fleet(50)
    roll = rolling(store, some)
    roll.plan(some.devices, [1, 10, 100])
    assert [sum(row[1] == wave for row in roll.states()) for wave in range(3)] == [1, 4, 45]
    roll.run()
    assert {row[2] for row in roll.states()} == {"done"} and all(len(urls) == 1 for urls in some.orders().values())
    # The same again asks nobody.
    some.devices = dict.fromkeys(some.devices)
    roll.plan(some.devices, [1, 10, 100])
    roll.run()
    assert "50 of 50 devices have it" in rollout.report(roll)


def test_it_stops_at_its_limit_and_names_them_and_goes_on(store):
    bad = {4: "back", 17: "fails", 23: "refused", 40: "not granted", 44: "away"}
    some = Fleet(50, bad)
    roll = rolling(store, some, limit=3)
    roll.plan(some.devices, [10, 100])
    with pytest.raises(rollout.Stopped):
        roll.run()
    states = {row[0]: row[2:] for row in roll.states()}
    failed = {name: why for name, (state, why) in states.items() if state == "failed"}
    waiting = [name for name, (state, _) in states.items() if state == "waiting"]
    # 3 % of 50 are one; with the second one it stops, and at most those under way (4) come to their end.
    assert 1 <= len(failed) <= 5 and waiting
    assert not set(waiting) & set(some.orders())
    assert all("%s  wave" % name in rollout.report(roll) for name in failed)
    # On with a higher limit: nobody that has it or has failed is asked again.
    before = {name: len(urls) for name, urls in some.orders().items()}
    roll = rolling(store, some, limit=20)
    roll.plan(some.devices, [10, 100])
    roll.run()
    assert all(len(some.orders()[name]) == count for name, count in before.items())
    why = {int(row[0][2:]): row[3] for row in roll.states() if row[2] == "failed"}
    assert set(why) == set(bad)
    assert "went back to 1.0.0: 3 starts in a row failed" in why[4]
    assert "the server answers 404" in why[17] and "refuses the order" in why[23]
    assert "mqtt.commands wants UPDATE" in why[40] and "view,meter" in why[40] and "no answer" in why[44]
    # Mended, they get it with --retry.
    for number in bad:
        some.devices["86%013d" % number] = Fleet(number).devices["86%013d" % number]
    roll.plan(some.devices, [10, 100], retry=True)
    roll.run()
    assert {row[2] for row in roll.states()} == {"done"}


@pytest.mark.parametrize("mode", ["previous", "safe", "damaged"])
def test_what_a_device_has_gone_through_before_is_not_this_releases_fault(store, mode):
    """That a version was taken back stands in the start's report until the next one is tried."""
    some = Fleet(3, {2: "back"})
    for device in some.devices.values():
        device.report.update(mode=mode, why="3 starts in a row failed")
    roll = rolling(store, some, limit=100)
    roll.plan(some.devices, [100])
    roll.run()
    states = {int(row[0][2:]): row[2:] for row in roll.states()}
    assert states[1] == states[3] == ("done", "") and states[2][0] == "failed"
    assert "3 starts in a row failed" in states[2][1]
    assert [len(some.orders()["86%013d" % number]) for number in (1, 3)] == [1, 1]
    # One that runs it and cannot is no success.
    worse = some.devices["860000000000001"]
    worse.report.update(mode="safe", why="4 starts in a row failed")
    roll.plan(some.devices, [100])
    assert roll._update("860000000000001", "done") == "runs 2.0.0, but: 4 starts in a row failed"
    # The same device, mended.
    some.devices["860000000000002"].bad = ""
    roll.plan(some.devices, [100], retry=True)
    roll.run()
    assert {row[2] for row in roll.states()} == {"done"}


def test_a_device_with_mtxerr_says_why_itself(store):
    some = Fleet(1, {1: "refused"})
    some.devices["860000000000001"].config.set_many({"device.mtxerr": "on"})
    roll = rolling(store, some, limit=100)
    roll.plan(some.devices, [100])
    roll.run()
    assert [row[3] for row in roll.states()] == ["not enough room"]


def test_ended_in_the_middle_it_goes_on_with_those_under_way(store):
    """A device that was ordered before and fetches still is not ordered again."""
    some = Fleet(1)
    (device,) = some.devices.values()
    roll = rolling(store, some)
    roll.plan(some.devices, [100])
    device.update(URL, False)
    roll.run()
    assert len(device.updates) == 1 and roll.states()[0][2] == "done"


def test_ended_while_it_starts_again_it_is_waited_for(store):
    """A device that does not answer is no failure where it was ordered before."""
    some = Fleet(1)
    (name,) = some.devices
    roll = rolling(store, some)
    roll.plan(some.devices, [100])
    roll._note(name, "ordered")
    away, some.devices[name] = some.devices[name], None
    asked = []
    roll.pause = lambda seconds: (asked.append(seconds), some.devices.update({name: away}))
    roll.run()
    assert asked and roll.states()[0][2] == "done"


def test_a_device_that_forgot_its_order_in_a_restart_is_ordered_once_more(store):
    some = Fleet(1)
    (device,) = some.devices.values()
    real = device.step

    def step():
        if len(device.updates) == 1:
            device.steps = []  # restarted while it fetched
        real()

    device.step = step
    roll = rolling(store, some)
    roll.plan(some.devices, [100])
    roll.run()
    assert len(device.updates) == 2 and roll.states()[0][2] == "done"


def test_the_command_checks_the_signature_and_asks_over_the_broker(tmp_path, capsys, monkeypatch):
    key = release.generate(2048)
    path, public = tmp_path / "lector102-2.0.0.rel", tmp_path / "release.pub"
    path.write_bytes(release.assemble({"main.mpy": b"x" * 100}, key, "2.0.0", 5))
    public.write_text(release.public_text(key))
    broker = brokers.start_broker()
    some = Fleet(3, {2: "not granted"})
    answers = fleet_devices.Desk(broker.port, some.devices)
    database = str(tmp_path / "fleet.db")
    store = open_store(database)
    store.write([], [], {name: {"state": "online"} for name in some.devices}, NOW)
    store.close()
    words = [
        "rollout",
        URL,
        "--database",
        database,
        "--broker",
        "mqtt://127.0.0.1:%d" % broker.port,
    ]
    words += ["--public", str(public), "--poll", "0", "--limit", "50"]
    try:
        assert fleet.main([*words, "--file", str(path)]) == 1
        out = capsys.readouterr().out
        assert "2.0.0: 2 of 3 devices have it" in out and "860000000000002  wave" in out
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        assert fleet.main([*words, "--file", str(path)]) == 1
        assert "the release: " in capsys.readouterr().err
    finally:
        answers.close()
        broker.stop()


@pytest.mark.parametrize("text", ["", "10,1,100", "1,10", "0,100", "a"])
def test_waves_that_are_none(text):
    with pytest.raises(ValueError):
        rollout.waves_of(text)
