"""The fleet's side with real twins: five for a day, and five among fifty that get a release.

Needs Debian's packages postgresql and mosquitto and the extra `fleet` of pyproject.toml. Nothing here is skipped.
"""

import json

import pytest

from tests.host.support import (
    brokers,
    firmware_board,
    fleet_devices,
    fleet_twins,
    programs,
    servers,
    unix_board,
)
from tests.host.support.fleet_lab import Lab
from tests.host.support.roles import GRANTED
from tools import micropython, release
from tools.board.unixboard import UnixBoard
from tools.fleet import desk, rollout, simulate
from tools.fleet.store import open_store

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1800)]
NOW = 1795000000


def test_five_twins_for_a_day_while_everything_is_ended_once(tmp_path):
    assert programs.find("mosquitto"), "Mosquitto is missing: apt-get install mosquitto"
    server = servers.Postgres()
    try:
        with Lab(tmp_path, server.url) as lab:

            def killed(ingester):
                ingester.kill()
                return lab.ingester()

            def database(_):
                server.kill()
                server.start()

            def broker(_):
                lab.broker.stop()
                lab.broker.start()

            ends = [(0.25, killed), (0.45, database), (0.65, broker)]
            assert fleet_twins.day(lab, 5, 480, ends) > 5 * 24
    finally:
        server.close()


class Real:
    """A board with two versions on its flash, at the broker of all."""

    def __init__(self, folder, number, port, source, key):
        self.imei = "88%013d" % number
        top = "lector102/%s/" % self.imei
        values = {
            "device.imei": self.imei, "mqtt.enabled": True, "mqtt.broker": "tcp://127.0.0.1:%d" % port,
            "mqtt.at_topic": top + "AT", "mqtt.atr_topic": top + "ATR", **GRANTED, "defaults": 2,
        }  # fmt: skip
        self.board = UnixBoard(folder / self.imei, blocks=1024, heap=micropython.MIDDLE).start()
        files = {
            "/config.json": json.dumps(values).encode(),
            "/release.pub": release.public_text(key).encode(),
        }
        unix_board.put(self.board, files, reset=False)
        unix_board.deploy(self.board, source)


def test_a_release_to_fifty_of_which_five_are_real(tmp_path):
    key = release.generate(2048)
    old = firmware_board.tree(tmp_path / "old", "1.0.0")
    new = firmware_board.tree(tmp_path / "new", "2.0.0")
    data = release.assemble(firmware_board.compiled(new), key, "2.0.0", 1 << 40)
    broker = brokers.start_broker()
    reals = []
    talk = answers = None
    try:
        reals = [Real(tmp_path, number, broker.port, old, key) for number in range(1, 6)]
        bad = {7: "back", 31: "fails"}  # 3 % of fifty are one and a half
        some = {}
        for number in range(1, 46):
            one = simulate.Device(number)
            some[one.imei] = fleet_devices.Device(
                one, NOW, {"mqtt.commands": "view,meter,UPDATE"}, bad.get(number, "")
            )
            some[one.imei].release = "2.0.0"
        answers = fleet_devices.Desk(broker.port, some)
        args = type(
            "Args",
            (),
            {"broker": "mqtt://127.0.0.1:%d" % broker.port, "at_topic": "lector102/[IMEI]/AT"},
        )
        args.atr_topic, args.ca, args.cert, args.key = "lector102/[IMEI]/ATR", None, None, None
        talk = desk.Desk(args)
        store = open_store(str(tmp_path / "fleet.db"))
        names = [*some, *(each.imei for each in reals)]
        with unix_board.WebServer(data) as web:

            def rolling(limit):
                roll = rollout.Rollout(store, talk.ask, "2.0.0", web.url, limit=limit, poll_s=1, patience_s=600,
                                       at_once=6, say=print)  # fmt: skip
                roll.plan(names, [10, 100])
                return roll

            roll = rolling(3)
            with pytest.raises(rollout.Stopped):
                roll.run()
                pytest.fail(rollout.report(roll))
            failed = {row[0]: row[3] for row in roll.states() if row[2] == "failed"}
            assert set(failed) == {"86%013d" % number for number in bad}, failed
            assert all(name in rollout.report(roll) for name in failed)
            roll = rolling(10)
            roll.run()
        states = {row[0]: row[2] for row in roll.states()}
        assert {name for name, state in states.items() if state != "done"} == set(failed)
        for each in reals:
            assert states[each.imei] == "done"
            assert talk.ask(each.imei, "AT^MTXTUNNEL=VERSION").lines[-1] == "lector102 2.0.0"
    finally:
        if talk:
            talk.close()
        if answers:
            answers.close()
        for each in reals:
            each.board.close()
        broker.stop()
