"""How long a connection may be silent before a ping: what is announced, what the way bears, what a loss changes.

Network address translation (NAT) on the way forgets a connection that is silent for long, without a word; here it is
in the wire.
"""

import json
from types import SimpleNamespace

import pytest

from firmware.app import report
from firmware.config.config import Config
from firmware.delivery.mqtt import login, options, state
from tests.host.unit.delivery.test_uplink_parts import Clock, Sink, session_on, umqtt  # noqa: F401

DAY = 86400
PONG, PING = b"\xd0\x00", b"\xc0\x00"


class Way(Sink):
    """A wire to a broker that answers pings and publishes; what is sent after `bears` seconds of silence is lost, and
    all that comes behind it on this connection. `there` False: no coverage."""

    def __init__(self, clock, bears):
        super().__init__()
        self.clock, self.bears, self.there = clock, bears, True
        self.last, self.dead, self.pings = 0, False, []

    def anew(self):
        self.dead, self.pieces, self.last = False, [], self.clock.ms

    def send(self, piece):
        piece = bytes(piece)
        self.dead = self.dead or not self.there or self.clock.ms - self.last > self.bears * 1000
        if piece == PING:
            self.pings.append((self.clock.ms - self.last) // 1000)
        self.last = self.clock.ms
        if not self.dead:
            self.pieces.append(PONG if piece == PING else b"\x40\x02" + piece[4 + piece[3] :][:2])
        return len(piece)


class Device:
    """A Session on a Way, connected again after each loss."""

    def __init__(self, umqtt, monkeypatch, bears, **settings):
        self.clock = Clock(monkeypatch)
        monkeypatch.setattr(login, "monotonic_s", lambda: self.clock.ms // 1000)
        monkeypatch.setattr(report, "monotonic_s", lambda: self.clock.ms // 1000)
        self.way = Way(self.clock, bears)
        self.session = session_on(umqtt, self.way, **dict({"keepalive": 900, "ping": 60}, **settings))
        self.umqtt, self.settings = umqtt, self.session.settings
        self.service = SimpleNamespace(session=self.session, why=(316,), publisher=None, settings=self.settings)
        self.losses, self.longer = [], []
        self._connected()

    def _connected(self):
        session, way = self.session, self.way
        way.anew()
        session.client = self.umqtt.MQTTClient(b"c", "h", 1)
        session.client.sock = session.guard
        session.stream.socket, session.stream.read = way, way.recv_into
        session.stream.last_rx = session.stream.last_tx = self.clock.ms

    def live(self, seconds, every=0):
        """So long, with a record each `every` seconds."""
        for _ in range(0, seconds, 5):
            self.clock.ms += 5000
            if self.clock.ms % 3600000 == 0:
                report.forget(self.service)
            if every and self.clock.ms // 1000 % every == 0:
                self.session.publish(b"t", b"record", 1)
            try:
                self.session.turn()
                self.session.turn()
            except OSError:
                self.losses.append(self.clock.ms // 1000)
                self.longer.append(login.doubt(self.service))
                self.session.close()
                self._connected()

    def pause(self):
        return self.session.pause // 1000


@pytest.fixture
def device(umqtt, monkeypatch):  # noqa: F811
    return lambda bears=DAY, **settings: Device(umqtt, monkeypatch, bears, **settings)


def test_pings_grow_to_what_was_announced(device):
    made = device()
    made.live(4 * 3600)
    assert not made.losses
    first = made.way.pings[:9]
    assert 60 <= first[0] <= 65 and first == sorted(first)
    assert 850 <= max(made.way.pings) <= 875, "the broker waits for 900 s, and a half more"


def test_a_way_that_forgets_is_found_out_with_one_loss_and_asked_again_after_three_days(device):
    made = device(300)
    made.live(3 * DAY)
    assert len(made.losses) == 1 and made.longer == [True], "the link is not suspected for it"
    assert 180 <= made.pause() <= 300
    made.live(3600)
    made.live(DAY)
    assert len(made.losses) == 2


def test_pings_stay_where_they_were_when_coverage_is_lost(device):
    made = device()
    made.live(3 * 3600)
    pause = made.pause()
    made.way.there = False
    made.live(1000)
    made.way.there = True
    assert made.losses and not any(made.longer)
    made.live(3600)
    assert made.pause() == pause


def test_another_operator_is_noticed(device):
    """What was borne before is not any more: the pings come down, a step with two losses."""
    made = device(DAY)
    made.live(3 * 3600)
    made.way.bears = 120
    made.live(DAY)
    assert 60 <= made.pause() <= 120 and len(made.losses) <= 12
    count = len(made.losses)
    made.live(DAY)
    assert len(made.losses) == count


def test_a_record_is_a_sign_of_life_and_its_loss_one_of_forgetting(device):
    """Readings come more often than the pings would, and rarer than the way bears."""
    made = device(500)
    made.live(2 * DAY, every=600)
    assert len(made.losses) <= 2
    assert made.pause() <= 500


def test_without_a_first_pause_it_is_half_of_what_was_announced(device):
    made = device(keepalive=60, ping=0)
    made.live(3600)
    assert set(made.way.pings) <= {30, 35} and not made.losses


def test_the_broker_s_patience_is_the_end_of_it(device):
    made = device(keepalive=100)
    made.live(3600)
    assert max(made.way.pings) <= 75


def test_each_loss_of_the_first_pause_leaves_it_there(device):
    made = device(10)
    made.live(3600)
    assert made.pause() == 60 and set(made.way.pings) <= {60, 65}


# --- settings


def settings(paid, **values):
    config = Config()
    config.set_many({"mqtt.enabled": True, "mqtt.broker": "tcp://b", **values})
    found = options.options(config, paid)
    return found["keepalive"], found["ping"]


def test_what_is_announced():
    assert settings(True) == (900, 60), "behind a modem"
    assert settings(False) == (60, 0), "where nothing costs"
    assert settings(True, **{"mqtt.keepalive_max": 0}) == (60, 0)
    assert settings(True, **{"mqtt.keepalive": 1200}) == (1200, 0), "longer anyway"
    assert settings(True, **{"mqtt.keepalive": 30, "mqtt.keepalive_max": 1800}) == (1800, 30)


def test_a_device_of_the_first_release_keeps_what_it_announced(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"mqtt.enabled": True, "mqtt.broker": "tcp://b"}))
    config = Config(str(path))
    config.load()
    found = options.options(config, True)
    assert (found["keepalive"], found["ping"]) == (60, 0)
    config.change({"mqtt.keepalive_max": 900})
    again = Config(str(path))
    again.load()
    assert options.options(again, True)["keepalive"] == 900


def test_the_state_tells_what_is_so(device):
    made = device()
    made.live(3600)
    service = made.service
    service.publisher = SimpleNamespace(sent=0, delivered=0, dropped=0)
    service.__dict__.update(connected=True, state="online", since=0, connections=1, overrun=0)
    found = state.status(service)
    assert found["keepalive"] == 900 and found["ping"] == made.pause() > 60
