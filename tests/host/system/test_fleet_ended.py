"""What is ended from outside: by Ctrl-C, a broker that lets nobody in, a database that comes and goes."""

import threading

import pytest

from tests.host.support import brokers, fleet_lab
from tests.host.system.test_fleet_rollout import Fleet, rolling
from tests.host.system.test_fleet_watch import filled, simulated
from tools import patience
from tools.fleet import __main__ as fleet
from tools.fleet import backfill, desk, gaps, watch
from tools.fleet.store import StoreError, open_store

DAY = 86400


class Interrupt:
    """`pause` that waits for ever until the work is halted, and raises Ctrl-C in who waits for the pool."""

    def __init__(self, monkeypatch, module):
        self.reached = threading.Event()
        pool = module.ThreadPoolExecutor

        class Interrupted(pool):
            def map(own, work, todo):
                for each in todo:
                    pool.submit(own, work, each)
                assert patience.until(self.reached.is_set, 60)
                raise KeyboardInterrupt

        monkeypatch.setattr(module, "ThreadPoolExecutor", Interrupted)


@pytest.mark.timeout(60)
def test_a_rollout_that_is_interrupted_ends_at_once_and_goes_on_later(tmp_path, monkeypatch):
    some = Fleet(6)
    store = open_store(str(tmp_path / "fleet.db"))
    roll = rolling(store, some, pause=None, poll_s=3600, patience_s=7200)
    roll.plan(some.devices, [100])
    interrupt = Interrupt(monkeypatch, fleet.rollout)
    wait = roll.halt.wait
    roll.pause = lambda seconds: (interrupt.reached.set(), wait(seconds))
    with pytest.raises(KeyboardInterrupt):
        roll.run()
    states = {row[2] for row in roll.states()}
    assert states <= {"waiting", "ordered"} and "ordered" in states, "nobody has failed for that"
    monkeypatch.undo()
    before = {name: len(urls) for name, urls in some.orders().items()}
    roll = rolling(store, some)
    roll.plan(some.devices, [100])
    roll.run()
    assert {row[2] for row in roll.states()} == {"done"}
    assert all(len(some.orders()[name]) == count for name, count in before.items()), "nobody was ordered twice"


@pytest.mark.timeout(60)
def test_a_backfill_that_is_interrupted_asks_nobody_any_more(tmp_path):
    start = fleet_lab.START
    lost = [(start + DAY * number, start + DAY * number + 7200) for number in (1, 2)]
    store = filled(tmp_path / "a.db", fleet_lab.devices(1), start, start + 4 * DAY, lost)
    todo = [gap for some in gaps.find(store, fleet_lab.ZONE, start + 4 * DAY).values() for each in some
            for gap in each.gaps]  # fmt: skip
    assert len(todo) == 2
    device, asked = simulated(start + 4 * DAY), []

    def ask(name, line, seconds=30):
        asked.append(line)
        fill.halt.set()
        return desk.parse(device.say(line.encode()), line)

    fill = backfill.Backfill(store, fleet_lab.ZONE, ask)
    done = fill.device(device.imei, todo)
    assert len(asked) == 1 and [missing for _, missing, _ in done] == [2, 2]
    assert {why for *_, why in done} == {"ended before it was asked"}
    store.close()


@pytest.mark.parametrize(
    "mode, words",
    [("refuse", "refuses us: Not authorized"), ("forbids", "does not let us subscribe to lector102/+/ATR")],
)
def test_a_broker_that_lets_nobody_ask_is_told_by_name(tmp_path, capsys, mode, words):
    store = filled(tmp_path / "a.db", fleet_lab.devices(1), fleet_lab.START, fleet_lab.START + DAY)
    store.close()
    bad = brokers.BadBroker(mode)
    try:
        line = ["backfill", "--database", str(tmp_path / "a.db"), "--broker", "mqtt://127.0.0.1:%d" % bad.port]
        assert fleet.main([*line, "--days", "5000"]) == 1
        assert words in capsys.readouterr().err
    finally:
        bad.close()


def test_watch_again_and_again_waits_out_a_database_that_is_away(tmp_path, capsys, monkeypatch):
    path = tmp_path / "a.db"
    turns = []
    wait = watch.time.sleep

    def sleep(seconds):
        if threading.current_thread() is not threading.main_thread():
            wait(seconds)  # of a broker or a client of another test
            return
        turns.append(seconds)
        if len(turns) == 2:
            raise KeyboardInterrupt
        filled(path, fleet_lab.devices(1), fleet_lab.START, fleet_lab.START + DAY).close()

    monkeypatch.setattr(watch.time, "sleep", sleep)
    assert fleet.main(["watch", "--every", "60", "--database", str(path), "--json"]) == 130
    told = capsys.readouterr()
    assert turns == [3600, 3600] and "a.db: unable to open database file; again in 60 min" in told.err
    assert '"device": "860000000000001"' in told.out
    with pytest.raises(StoreError):
        open_store(str(tmp_path / "none.db"), create=False)


@pytest.mark.timeout(60)
def test_who_asks_a_silent_device_is_let_go_when_all_of_it_ends():
    broker = brokers.start_broker()
    args = fleet.parser().parse_args(["backfill", "--broker", "mqtt://127.0.0.1:%d" % broker.port])
    talk = desk.Desk(args)
    threading.Timer(0.5, talk.halt.set).start()
    try:
        with pytest.raises(desk.NoAnswer) as told:
            talk.ask("860000000000001", "AT", 3600)
        assert "ended" in str(told.value)
    finally:
        talk.close()
        broker.stop()
