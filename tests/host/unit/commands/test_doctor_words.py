"""What DOCTOR on the device makes of what the modem link and the meters' readings report, and the host after it."""

import ast
import re
from pathlib import Path

import pytest

from firmware.commands.handlers import doctor_texts
from firmware.core import error_meter, error_network, error_services, errors
from firmware.delivery.mqtt import login
from firmware.delivery.mqtt.packets import Stream
from firmware.iec102 import errors as meter_errors
from firmware.iec102 import frame_text
from tests.host.support.virtual_modem import World, run_virtual

WAITING = {"connected": False, "state": "waiting"}


def said(link):
    return doctor_texts.network(link.status(), link.trouble())


def told(faults, settings=None, seconds=400, wanted="FAULT", **options):
    """What DOCTOR says about a modem with these faults, as soon as it names one."""

    async def main():
        world = World("sim7600", faults, settings or {}, **options)
        await world.until(lambda: said(world.link)[0].startswith(wanted), seconds)
        return said(world.link)

    return run_virtual(main)


@pytest.mark.parametrize(
    "faults, settings, options, words",
    [
        ({"no-sim": 1}, {}, {}, "no SIM card"),
        ({"puk": 1}, {}, {}, "the SIM is blocked and wants its PUK"),
        ({}, {"pin": "9999"}, {"pin": "1234"}, "wrong PIN"),
        ({}, {}, {"pin": "1234"}, "the SIM wants a PIN and none is set"),
        ({"denied": 1}, {}, {}, "registration denied"),
        ({"no-signal": 1}, {}, {}, "no signal"),
        ({"no-pdp": 1}, {}, {}, "the network refuses the data connection"),
        ({"no-ipcp": 1}, {}, {}, "no address from the network"),
        ({}, {"auth": "pap", "user": "u", "password": "x"}, {"auth": "pap:u:y"}, "the APN refuses user or password"),
        ({"freeze": "power"}, {}, {"pins": False}, "the modem does not answer"),
    ],
)  # fmt: skip
def test_a_fault_of_the_modem_is_named_with_what_to_do(faults, settings, options, words):
    fault, todo = told(faults, settings, **options)
    assert fault.startswith("FAULT " + words) and todo and "note this line" not in todo, (
        fault,
        todo,
    )
    assert "9999" not in fault + todo


def test_a_link_that_is_up_has_its_signal_in_words():
    words, todo = told({}, wanted="up")
    assert "4G" in words and "signal good (-75 dBm)" in words and not todo


@pytest.mark.parametrize("cause", range(13, 19))
def test_each_cause_has_its_words(cause):
    error = meter_errors.NotAvailableError(cause, 162)
    fault, todo = doctor_texts.advice(error.why())
    assert fault.startswith("FAULT ") and "(cause %d" % cause in fault and "note this line" not in todo


@pytest.mark.parametrize(
    "name",
    [
        "NoAnswerError",
        "GarbledError",
        "WrongLinkError",
        "NackError",
        "BusyError",
        "PasswordError",
        "SessionDeadlineError",
    ],
)
def test_each_error_of_the_protocol_has_its_words(name):
    error = getattr(meter_errors, name)()
    fault, todo = doctor_texts.advice(error.why())
    assert "note this line" not in todo and fault != "FAULT %s: %s" % (name, error)


class NoNames:
    """A module `socket` that knows no name, in the words of each port."""

    SOCK_STREAM = 1

    def __init__(self, *words):
        self._words = words

    def getaddrinfo(self, *_):
        raise OSError(*self._words)


@pytest.mark.parametrize(
    "words",
    [(-2,), (-2, "x"), ("[addrinfo error -2]",), (-202,), (-2, "Name or service not known")],
)
def test_a_name_that_is_not_known_in_the_words_of_each_port(words):
    with pytest.raises(errors.BrokerError) as caught:
        run_virtual(lambda: login.connect(Stream(), NoNames(*words), "no-such-host", 1883, 1000))
    assert "DNS" in doctor_texts.broker(WAITING, "tcp://x", caught.value.why())[0]
    assert str(caught.value) == str(OSError(*words))


def test_no_memory_is_no_answer_about_a_name():
    with pytest.raises(OSError) as caught:
        run_virtual(lambda: login.connect(Stream(), NoNames(12), "host", 1883, 1000))
    assert not isinstance(caught.value, errors.BrokerError)


def test_a_wrong_password_may_be_called_not_authorised():
    """Mosquitto gives code 5 for it."""
    assert "mqtt.password" in doctor_texts.broker(WAITING, "tcp://x", errors.BrokerError(305, 5).why())[1]


def test_an_unknown_error_is_repeated_not_explained_away():
    fault, todo = doctor_texts.broker(WAITING, "tcp://x", (319, "something new"))
    assert fault == "FAULT something new" and "note this line" in todo


# --- on the host

TOOLS = Path(__file__).resolve().parents[4] / "tools"
LEAST = 12  # letters of a text; a shorter one says many things


def table():
    """What the device says about errors and frames, each piece between details."""
    for part in (error_meter, error_network, error_services):
        for row in part.ROWS.strip().split("\n"):
            for words in row.split("|")[1:-1]:
                yield from re.split(r"\{\d\}", words)
    for words in (frame_text._TO_METER, frame_text._TO_MASTER, frame_text._CAUSES):
        yield from (each.partition(" ")[2] for each in words.decode().split(";"))


def spoken(path):
    """(line, text) of every text in a module that is no docstring."""
    tree = ast.parse(path.read_text())
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield node.lineno, node.value.lower()


@pytest.mark.parametrize("path", [*sorted((TOOLS / "doctor").glob("*.py")), TOOLS / "decode.py"], ids=lambda p: p.stem)
def test_what_the_device_has_words_for_is_not_said_in_others_on_the_host(path):
    known = {each.strip(" :,;()").lower() for each in table()}
    known = tuple(sorted(each for each in known if len(each) > LEAST))
    assert len(known) > 100 and "the meter is mute" in known and "request link status" in known
    assert not [found for found in spoken(path) if found[1].startswith(known)]
