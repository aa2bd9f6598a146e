"""Every command of docs/commands.md over MQTT, over the modem's line with CMUX, on one device after the other."""

import re
import time
from pathlib import Path

import pytest

from firmware.commands import grammar
from tests.host.support.brokers import Mosquitto
from tests.host.support.programs import need
from tests.pico.conftest import healthy, slow_turns, told_turn
from tools.pico.rig import Rig

OURS = "AT^MTXTUNNEL="
METER = "ID00000"
# Long enough for a reading in the background and what a minute's own readings take of the line.
_READ_S = 90
_LONG_ANSWER = 8000


def span(days, until=0, hour=0):
    """Ten numbers: midnight so many days ago to an hour `until` days ago, as the meters' zone has them."""
    now = time.time()
    first, last = (time.localtime(now - 86400 * ago) for ago in (days, until))
    ends = ((0, first), (hour, last))
    return ",".join("%d,0,%d,%d,%d" % (h, at.tm_mday, at.tm_mon, at.tm_year % 100) for h, at in ends)


# Thirty hours: 8 KB of records, more than lwIP sends at once and more than it has memory for.
_CURVE = span(2, 1, 6)
# Name -> [(what is sent behind AT^MTXTUNNEL=, what the answer must have in it)], OK at the end of each. Those that
# begin with AT stand for themselves.
CASES = {
    "AT": [("AT", r"\AAT\r\n")],
    "ATI": [("ATI", r"lector102|pico_w")],
    "ATE0": [("ATE0", "")],
    "ATE1": [("ATE1", "")],
    "HELP": [("HELP", r"GETSTATUS.*SETIEC102_CFG"), ("HELP,GETLOG", "wait"), ("HELP,meter.interval", "minutes")],
    "VERSION": [("VERSION", r"lector102 \d")],
    "GETSTATUS": [
        ("GETSTATUS", r"heap: \d+.*link\.operator: "),
        ("GETSTATUS,link", r"link\.signal: -"),
        ("GETSTATUS,log", "depth"),
        ("GETSTATUS,mqtt", "connected"),
        ("GETSTATUS,meters", METER),
        ("GETSTATUS,start", "start"),
    ],
    "GETLOG": [("GETLOG", r"\d")],
    "GETAUDIT": [("GETAUDIT", r"device: start"), ("GETAUDIT,1", r"\d+ \d{4}-\S+Z \w")],
    "CLEARLOG": [("CLEARLOG", "would be deleted")],
    "DOCTOR": [("DOCTOR", ""), ("DOCTOR," + METER, METER), ("DOCTOR,modem", ""), ("DOCTOR,broker", "")],
    "SYNC": [("SYNC", "clock: ")],
    "UPDATE": [("UPDATE,http://broker.test:9/none.rel", "fetching")],
    "LOGIN": [("LOGIN,any", "")],
    "LOGOUT": [("LOGOUT", "")],
    "SETBAUDRATE": [("SETBAUDRATE,0,9600", "")],
    "GETPARAM": [("GETPARAM,meter.0.interval", "1")],
    "SETPARAM": [("SETPARAM,mqtt.window,7", ""), ("GETPARAM,mqtt.window", "7")],
    "GETCONFIG": [("GETCONFIG,meter.0", "IEC102_linkAddress: 1"), ("GETCONFIG", "MQTT_server: tcp://broker")],
    "SAVECONFIG": [("SAVECONFIG\r\nMQTT_window: 8", ""), ("GETPARAM,mqtt.window", "8")],
    "FORCEREAD": [("FORCEREAD," + METER, '"TYPE":"IEC102"')],
}
# What stands behind SETIEC102 and GETIEC102, and the period that is asked for.
READINGS = {
    "": "",
    "_CTAVM2": span(75),
    "_LC": _CURVE,
    "_EV": span(30),
    "_TAVC": "",
    "_ID": "",
    "_CLOCK": "",
    "_PC": "",
    "_CFG": "",
}
# In the order of the table; these have tests of their own: the one that ends all the others, the one that has nothing
# to confirm here, and the one that only the full version carries out (test_tls.py, too).
NAMES = [row[0] for row in grammar.rows() if row[0] not in ("REBOOT", "CONFIRM", "SETCERT")]


@pytest.fixture(scope="module")
def started(tmp_path_factory, image):
    """A device that has been online for a minute."""
    need("mosquitto")
    broker = Mosquitto()
    options = {"modem": ["--running"], "values": {"mqtt.commands": "*"}, "records": release_key}
    with Rig(tmp_path_factory.mktemp("commands"), image, broker, **options) as rig:
        begin(rig)
        yield rig
    broker.stop()


def release_key(folder):
    """Without one no update is ordered; nothing is ever signed with this one."""
    (Path(folder) / "release.pub").write_text("%x\n" % (1 << 2047 | 1))


def begin(rig):
    since = len(rig.listener.messages)
    rig.board.on()
    rig.online(60, since)
    rig.board.sleep(60)
    rig.steady = rig.board.now


@pytest.fixture
def rig(started, request):
    """That device; after a command that it did not survive it is plugged in anew."""
    failed = request.session.testsfailed
    yield started
    if request.session.testsfailed > failed:
        started.board.cut()
        begin(started)


def ok(rig, line, words, seconds=60):
    """Give a command; its answer, which must be OK and have `words` (a regular expression) in it."""
    answer = rig.at(line if line.startswith("AT") else OURS + line, seconds)
    assert re.search(r"(\A|\r\n)OK\r\n\Z", answer), answer
    assert re.search(words, answer, re.DOTALL), answer
    return answer


def test_every_command_has_its_case():
    known = set(CASES) | {way + "IEC102" + suffix for way in ("SET", "GET") for suffix in READINGS}
    assert known == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_command(rig, figures, name):
    since = rig.board.now
    way, _, suffix = name.partition("IEC102")
    if way == "SET":
        numbers = READINGS[suffix]
        ok(rig, "%s,%s%s" % (name, METER, "," + numbers if numbers else ""), "")
    elif way == "GET":
        rig.board.until(lambda: read(rig, name), _READ_S, name)
        answer = ok(rig, "%s,%s" % (name, METER), '"TYPE":"IEC102%s"' % suffix)
        figures("bytes", len(answer))
    else:
        for line, words in CASES[name]:
            answer = ok(rig, line, words, 90)
            figures("bytes", len(answer))
    figures("s", round(rig.board.now - since, 1))
    figures("slow_turns", [late for _, late in slow_turns(rig, since)])
    healthy(rig)


def read(rig, name):
    """Whether the reading that SET... ordered is there."""
    answer = rig.at("%s%s,%s" % (OURS, name, METER))
    return "being read" not in answer and "nothing read" not in answer


@pytest.mark.parametrize("line", ("AT+CSQ", "AT+COPS?"))
def test_lines_for_the_modem_reach_it_beside_the_data(rig, line):
    ok(rig, line, r"\+(CSQ|COPS): ")


def test_without_a_changed_way_there_is_nothing_to_confirm(rig):
    assert rig.at(OURS + "CONFIRM,ABCDEFGH").endswith("\r\nERROR\r\n")


def test_certificates_are_refused_where_there_is_no_tls(rig):
    assert rig.at(OURS + "SETCERT").endswith("\r\nERROR\r\n")
    healthy(rig)


def test_answers_are_as_long_as_eight_thousand_bytes(rig, figures):
    asked = "SETIEC102_LC,%s,%s" % (METER, _CURVE)
    ok(rig, asked, "")
    rig.board.until(lambda: read(rig, "GETIEC102_LC"), _READ_S, "the load curve")
    since = rig.board.now
    size = len(ok(rig, "GETIEC102_LC," + METER, '"TYPE":"IEC102_LC"', 90))
    figures("bytes", size)
    figures("s", round(rig.board.now - since, 1))
    assert size >= _LONG_ANSWER


def test_the_loop_never_stood_still(rig, figures):
    figures("turn_ms", told_turn(rig))
    figures("worst", max((late for _, late in slow_turns(rig, rig.steady)), default=0))
    figures("worst_with_flash", max((late for _, late in slow_turns(rig, rig.steady, flash=True)), default=0))


def test_reboot_comes_back_and_says_why(rig):
    since, line = len(rig.listener.messages), len(rig.board.lines)
    rig.board.may_restart = True
    ok(rig, "REBOOT", "")
    rig.board.line("reset cause: .*command on mqtt", 60, line)
    told = rig.online(120, since)["RESET"]
    assert "command on mqtt" in told
    # The cells for that survive a reset of the chip.
    assert re.search(r"last ran: task \w+, line \w+ [0-9A-F]{4}, \d+ s after the start", told), told
