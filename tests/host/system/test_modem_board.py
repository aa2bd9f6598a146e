"""The modem on real MicroPython, over a pty, against the simulator: every model, every fault.

Timers are shortened by settings (modem_rig.QUICK), the model's own times to a tenth. The boards of
one table run side by side: they mostly wait. In every run a meter is read all the while, each
reading goes through the log and the link to a broker, none may be missing, and nothing may hold up
the loop for more than 200 ms. The heap is that of a middle board; the modem alone has that of a small one.
"""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from firmware.net.modem.profiles import names
from tests.host.support import brokers
from tests.host.support.modem_process import QUICK, board, simulator
from tests.host.support.uplink_peers import Listener
from tools import lib, micropython
from tools.twin.device import MeterProcess

pytestmark = pytest.mark.takes(50)

_SIDE_BY_SIDE = 4
_PROBE = {"keep_online_host": "127.0.0.1:%d", "keep_online_period": 1}

# name -> (simulator's arguments, board's settings, actions, what must be among the reasons given)
_RECOVER = [["down", 15], ["online", 20]]
FAULTS = {
    "carrier lost": (
        ["--running"],
        {},
        [["online", 15], ["control", "drop-carrier"], *_RECOVER, ["control", "state"]],
        "no carrier",
    ),
    # lwIP has one control block for PPP: what is not given back the first time is missing the second one.
    "carrier lost ten times": (
        ["--running"],
        {},
        [["online", 15], *[["control", "drop-carrier"], *_RECOVER, ["sleep", 0.5]] * 10, ["tcp", 0]],
        "no carrier",
    ),
    "carrier lost ten times, no CMUX": (
        ["--running"],
        {"cmux": False},
        [["online", 15], *[["control", "drop-carrier"], ["suspect"], *_RECOVER, ["sleep", 0.5]] * 10, ["tcp", 0]],
        "no carrier",
    ),
    "lost while PPP negotiates": (
        ["--running", "--fault", "no-ipcp"],
        {"timing": dict(QUICK, ppp=1500, close=15000)},
        [["failures", 2, 60], ["control", "fault no-ipcp off"], ["online", 90], ["tcp", 0]],
        "no address",
    ),
    "dead carrier, probe": (
        ["--running"],
        _PROBE,
        [
            ["online", 15], ["tcp", 0], ["control", "fault swallow"], ["down", 15],
            ["control", "fault swallow off"], ["online", 20], ["tcp", 0],
        ],
        "keep-online",
    ),
    "dead carrier, suspect": (
        ["--running"],
        {},
        [
            ["online", 15], ["control", "fault swallow"], ["sleep", 3], ["tcp", 0], ["suspect"],
            ["down", 5], ["control", "fault swallow off"], ["online", 20],
        ],
        "no traffic",
    ),
    # Nobody listens on port 1: that is an answer, which lwIP tells as EBADF.
    "keep-online host that refuses": (
        ["--running"],
        {"keep_online_host": "127.0.0.1:1", "keep_online_period": 1},
        [["online", 15], ["sleep", 6], ["status"]],
        None,
    ),
    "spontaneous restart": (
        ["--running", "--profile", "ec25"],
        {"model": "ec25"},
        [["online", 15], ["control", "restart"], *_RECOVER],
        "multiplexer",
    ),
    "multiplexer forgotten": (
        ["--running"],
        {},
        [["online", 15], ["control", "forget-mux"], *_RECOVER],
        "multiplexer",
    ),
    "frozen until reset": (
        ["--running"],
        {},
        [["online", 15], ["control", "fault freeze reset"], ["down", 15], ["online", 40]],
        "multiplexer",
    ),
    "stuck in data mode": (["--running", "--fault", "stuck"], {}, [["online", 15]], None),
    "at another speed": (["--running", "--baud", "9600"], {"baud": 115200}, [["online", 15]], None),
    "left in data mode at another speed": (
        ["--running", "--fault", "stuck", "--baud", "9600"],
        {"baud": 115200},
        [["online", 30]],
        None,
    ),
    "deaf to +++ until the power key": (
        ["--running", "--fault", "stuck=hard"],
        {},
        [["online", 60]],
        None,
    ),
    "frozen until the power key": (
        ["--running"],
        {},
        [["online", 15], ["control", "fault freeze power"], ["down", 15], ["online", 75]],
        "reset pulse",
    ),
    "registration in phases": (
        ["--running", "--fault", "register=25"],
        {},
        [["state", "registering", 15], ["sleep", 0.8], ["status"], ["online", 20]],
        None,
    ),
    "echo that cannot be switched off": (
        ["--running", "--fault", "echo"],
        {},
        [["online", 15], ["command", "AT+CSQ"]],
        None,
    ),
    "no ATD": (["--running", "--fault", "no-atd"], {}, [["online", 20]], None),
    "chatter, echo, noise": (
        ["--running", "--fault", "chatter=0.2", "--fault", "echo", "--fault", "noise=30"],
        {},
        [["online", 20], ["sleep", 2]],
        None,
    ),
    "dropped and inserted bytes": (
        ["--running", "--fault", "drop=0.001", "--fault", "insert=0.001"],
        {},
        [["online", 40]],
        None,
    ),
    "registration phases": (
        ["--running", "--fault", "register=25"],
        {},
        [["state", "registering", 10], ["sleep", 1], ["status"], ["online", 20], ["status"]],
        None,
    ),
    "slow boot": (["--off", "--fault", "slow-boot=1.5"], {}, [["online", 20]], None),
    "denied": (
        ["--running", "--fault", "denied"],
        {},
        [["failures", 2, 20], ["control", "fault denied off"], ["online", 20]],
        "registration denied: this network is not allowed",
    ),
    "no signal": (
        ["--running", "--fault", "no-signal"],
        {},
        [["failures", 1, 20], ["control", "fault no-signal off"], ["online", 20]],
        "no network",
    ),
    "wrong PIN": (
        ["--running", "--pin", "1234"],
        {"pin": "9999"},
        [["state", "blocked", 15], ["sleep", 2.5], ["control", "state"]],
        "the PIN",
    ),
    "PUK": (
        ["--running", "--pin", "1234", "--fault", "puk"],
        {"pin": "1234"},
        [["state", "blocked", 15], ["sleep", 2.5], ["control", "state"]],
        "PUK",
    ),
    "PAP": (
        ["--running", "--auth", "pap:me:secret"],
        {"auth": "pap", "user": "me", "password": "secret"},
        [["online", 15]],
        None,
    ),
    "CHAP": (
        ["--running", "--auth", "chap:me:secret"],
        {"auth": "chap", "user": "me", "password": "secret"},
        [["online", 15]],
        None,
    ),
    "no CMUX, +++ aside": (
        ["--running", "--fault", "no-cmux"],
        {},
        [["online", 15], ["command", "AT+CSQ"], ["tcp", 0], ["status"]],
        None,
    ),
}  # fmt: skip


# Longest time without a reading, ms: a session takes some 100 ms, one is due every 500 ms, a busy host adds its share.
_PAUSE = 3000


class Broker:
    """One for all boards; `numbers(topic)` are those of a board's records, as they came."""

    def __init__(self):
        lib.install()
        self._broker = brokers.start_broker()
        self.port = self._broker.port
        self._listener = Listener(self.port)

    def numbers(self, topic):
        return [int(payload.split()[0]) for t, payload in self._listener.all() if t == topic]

    def wait(self, topic, count):
        self._listener.wait(lambda: len(set(self.numbers(topic))) >= count)
        return self.numbers(topic)

    def close(self):
        self._listener.client.loop_stop()
        self._broker.stop()


@pytest.fixture(scope="module")
def broker():
    made = Broker()
    yield made
    made.close()


def _one(broker, folder, arguments, settings, actions, **options):
    """A board's run; its answers with those of the meter, the broker's numbers as `arrived`."""
    topic = "board/%s" % folder
    meter = MeterProcess("--pty", "--password", 1)
    extra = {"meter": meter.path, "broker": broker.port, "topic": topic}
    try:
        answers = _with_meter(folder, arguments, settings, actions, **extra, **options)
    finally:
        meter.stop()
    answers["arrived"] = broker.wait(topic, answers["read"][0] - answers["stats"][0]["depth"])
    return answers


def _with_meter(folder, arguments, settings, actions, **options):
    options.update(folder=str(folder / "log"), heap=micropython.MIDDLE)
    with simulator(folder, "--scale", "0.1", *arguments) as modem:
        settings = dict(settings)
        if "%d" in settings.get("keep_online_host", ""):
            settings["keep_online_host"] = settings["keep_online_host"] % modem.control
        actions = [
            [modem.control if word == 0 and action[0] == "tcp" else word for word in action] for action in actions
        ]
        if not any(action[:2] == ["state", "blocked"] for action in actions):
            actions.append(["settle", 30])
        wires = ["power_key", "reset", "set_baud"]
        return board(modem, actions, settings, wires, timeout=150, **options)


@pytest.fixture(scope="module")
def faults(tmp_path_factory, broker):
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        yield {name: pool.submit(_one, broker, tmp_path_factory.mktemp("m"), *FAULTS[name][:3]) for name in FAULTS}


def _model(name):
    """Up, asked something, restarted by itself, up again."""
    actions = [["online", 20], ["command", "AT+CGMM"], ["status"], ["control", "restart"]]
    actions += [["down", 15], ["online", 20]]
    return ["--running", "--profile", name], {"model": "auto"}, actions


@pytest.fixture(scope="module")
def models(tmp_path_factory, broker):
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        yield {name: pool.submit(_one, broker, tmp_path_factory.mktemp("m"), *_model(name)) for name in names()}


def _smooth(broker, answers, folder, scenario):
    """Nothing may hold the loop up for over 200 ms, nor the readings for long. A busy host can, so
    a bad run is repeated alone.
    """
    found = answers["longest"][0], answers["pause"][0]
    for again in range(3):
        if found[0] <= 200 and found[1] <= _PAUSE:
            break
        alone = folder / str(again)
        alone.mkdir()
        repeated = _one(broker, alone, *scenario)
        found = repeated["longest"][0], repeated["pause"][0]
    assert found[0] <= 200, "the loop was held up for %d ms" % found[0]
    assert found[1] <= _PAUSE, "no reading for %d ms" % found[1]
    assert answers["turns"][0] > 3


def _nothing_lost(answers):
    """The meter was read throughout, and each reading is at the broker or waits in the log."""
    log = "\n".join(answers["log"])
    (read,), (stats,) = answers["read"], answers["stats"]
    assert read >= 3 and answers["failed"] == [0], log
    assert answers.get("waiting", [0]) == [0], log
    assert stats["lost"] == stats["damaged"] == 0 and stats["newest"] == read
    firsts = list(dict.fromkeys(answers["arrived"]))
    assert firsts == list(range(1, len(firsts) + 1))
    assert len(firsts) >= read - stats["depth"]


@pytest.mark.parametrize("name", names())
def test_every_model(models, name, tmp_path, broker):
    answers = models[name].result()
    log = "\n".join(answers["log"])
    assert all(ms >= 0 for ms in answers["online"] + answers["down"]), log
    assert len(answers["online"]) == 2
    status = answers["status"][0]
    assert status["profile"] == name
    assert status["ip"] == "10.0.2.15"
    assert status["cmux"] is True
    assert answers["command"][0][-1] == "OK"
    assert answers["times"], log
    _nothing_lost(answers)
    _smooth(broker, answers, tmp_path, _model(name))


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault(faults, name, tmp_path, broker):
    answers = faults[name].result()
    log = "\n".join(answers["log"])
    for kind in ("online", "down", "state", "failures"):
        assert all(ms >= 0 for ms in answers.get(kind, [])), log
    reason = FAULTS[name][3]
    if reason:
        assert reason in log
    _nothing_lost(answers)
    _smooth(broker, answers, tmp_path, FAULTS[name][:3])


def test_sockets_share_the_fate_of_ppp(faults):
    """On a dead carrier a connection does not come about; it works before and after."""
    before, after = faults["dead carrier, probe"].result()["tcp"]
    assert before.startswith("unknown: hello") and after.startswith("unknown: hello")
    (stalled,) = faults["dead carrier, suspect"].result()["tcp"]
    # Under way, as the port's numbers have it, or its control block or the way there went with the link.
    assert stalled.startswith("error") and any(
        word in stalled for word in ("EINPROGRESS", "114", "EBADF", "EHOSTUNREACH")
    )


def test_a_keep_online_host_that_refuses_is_there(faults):
    (status,) = faults["keep-online host that refuses"].result()["status"]
    assert status["up"] and status["connects"] == 1 and status["measures"]["redial"] == 0


def test_the_phases_of_a_registration_are_told(faults):
    status = faults["registration in phases"].result()["status"][0]
    assert status["registration"] == "searching for a network" and not status["up"]


def test_echo_is_no_part_of_an_answer(faults):
    answers = faults["echo that cannot be switched off"].result()
    assert answers["command"] == [["+CSQ: 19,99", "OK"]]


def test_a_wrong_pin_is_tried_once(faults):
    state = json.loads(faults["wrong PIN"].result()["control"][-1])
    assert state["pin_attempts"] == 1


def test_the_registration_is_told_as_it_goes_on(faults):
    searching, registered = faults["registration phases"].result()["status"]
    assert searching["registration"] == "searching for a network" and not searching["up"]
    assert registered["registration"] == "registered, home network"


def test_a_blocked_sim_is_left_alone(faults):
    state = json.loads(faults["PUK"].result()["control"][-1])
    assert state["pin_attempts"] == 0


def test_a_command_without_cmux_leaves_data_mode_and_comes_back(faults):
    answers = faults["no CMUX, +++ aside"].result()
    assert answers["command"] == [["+CSQ: 19,99", "OK"]]
    assert answers["tcp"][0].startswith("unknown: hello")
    assert answers["status"][0]["connects"] == 1


def test_the_modem_code_fits(tmp_path):
    """Loaded for a link that stands; CMUX, SMS and error words come on top when they are used."""
    with simulator(tmp_path, "--scale", "0.1", "--running") as modem:
        answers = board(modem, _model("generic")[2])
    assert all(ms >= 0 for ms in answers["online"]) and len(answers["online"]) == 2
    assert answers["loaded"][0] < 30 * 1024
