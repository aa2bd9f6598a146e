"""`make test-pico IMAGE=...`: the firmware on an emulated Pico W. All durations here are emulated seconds.

The image is the stock one of RPI_PICO_W or one that was linked with more RAM (docs/development.md says how): what the
stock one has no heap for is red there.
"""

import os
import signal

import pytest

from tests.host.support.brokers import Mosquitto
from tests.host.support.programs import need
from tools import patience
from tools.pico.image import Image, ImageError
from tools.pico.rig import Rig

# Wall seconds a test may take on a crowded machine, one of them for more than an hour of emulated ones; for these each
# test has limits of its own.
_LONGEST_S = 7200
_LONGEST_FIRST = (
    "test_small", "test_tls", "test_carrier", "test_link", "test_pings", "test_commands", "test_power", "test_start",
    "test_drain",
)  # fmt: skip
# A device whose modem is on.
ONLINE_S = 60
# From the link to the broker: name, connection, login.
LOGIN_S = 15
# Bytes of the chip's stack of 8 KB that the firmware may come to use; the rest is for what interrupts it there.
STACK = 7680
# What a turn of the loop may take (architecture.md), where nothing was written to the flash meanwhile.
TURN_MS = 200


def pytest_configure(config):
    # What a shell runs in the background ignores Ctrl-C, and so would all that the tests start there.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config):
    """An emulator keeps most of a core busy, with its simulators all of it."""
    return min(patience.cores(), len(_LONGEST_FIRST))


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: _LONGEST_FIRST.index(item.path.stem))
    for item in items:
        item.add_marker(pytest.mark.timeout(_LONGEST_S))


@pytest.fixture(scope="session")
def image():
    """The path of the image; without a good one there is nothing to test."""
    path = os.environ.get("IMAGE", "")
    try:
        Image(path)
    except ImageError as error:
        pytest.exit(str(error), 2)
    return path


@pytest.fixture
def broker():
    need("mosquitto")
    broker = Mosquitto()
    yield broker
    broker.stop()


@pytest.fixture
def bench(tmp_path, image, broker):
    """A function that makes a Rig (its arguments but the first three); it is closed with the test."""
    rigs = []

    def make(**options):
        rigs.append(Rig(tmp_path, image, broker, **options))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


@pytest.fixture
def online(bench):
    """A function that makes a device and waits until it is online."""

    def make(cmux=True, **options):
        values = {"uplink.cmux": cmux, "mqtt.puback_timeout": 5, **options.pop("values", {})}
        rig = bench(modem=["--running", *options.pop("modem", ())], values=values, **options)
        rig.board.on()
        rig.online(ONLINE_S)
        return rig

    return make


def lost_and_back(rig, seconds, harm):
    """Do harm; emulated seconds until the device is online again."""
    since, start = len(rig.listener.messages), rig.board.now
    harm()
    rig.online(seconds, since)
    return round(rig.board.now - start, 1)


@pytest.fixture
def figures(record_property, request):
    """A function that notes a figure of this test: shown at the end, and in the XML of --junitxml."""
    noted = []

    def note(name, value):
        noted.append("%s %s" % (name, value))
        record_property(name, value)

    yield note
    if noted:
        request.node.add_report_section("teardown", "figures", ", ".join(noted))


def pytest_terminal_summary(terminalreporter):
    """The figures of all tests, also of those that xdist ran elsewhere."""
    lines = []
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "teardown":
                name = report.nodeid.split("/")[-1]
                lines += ["%s: %s" % (name, text) for title, text in report.sections if "figures" in title]
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.line(line)


def healthy(rig):
    """Nothing that a device in order never says, does or loses."""
    bad = rig.board.said("MemoryError|Traceback|starts again|pppos_create|watchdog|hung")
    assert not bad, "\n".join(bad) + "\n" + rig.board.trouble()
    assert rig.board.counted["restarts"] == 0
    # What does not fit is written into the heap, unseen; lwIP may interrupt where it is deepest.
    assert rig.board.counted["stack"] <= STACK, rig.board.counted
    # Flash writes wait for a meter's answer. What the modem sends during one is lost, and sent again: TCP sees to it.
    assert rig.board.counted["uarts"][1]["overrun"] == 0, rig.board.counted


def overrun(rig):
    """Bytes of the modem that came while the chip did not look, mostly because it wrote to its flash."""
    return rig.board.counted["uarts"][0]["overrun"]


def slow_turns(rig, since, flash=False):
    """The loop's turns since `since` that took too long: [(seconds since then, ms late)]; `flash`: those in which the
    flash was written, or those without.
    """
    slow = [turn for turn in rig.board.slow if turn[0] > since and turn[1] > TURN_MS]
    return [(round(at - since, 1), late) for at, late, operations in slow if bool(operations) is flash]


def told_turn(rig):
    """The longest turn so far (ms), as the device tells it.

    Look at slow_turns() before: a command loads code, and its own turn counts as soon as the emulator tells of it.
    """
    answer = rig.at("AT^MTXTUNNEL=GETSTATUS,turn_ms")
    return int(answer.partition("turn_ms: ")[2].split()[0])
