"""What the audit log is told of commands (firmware/commands/executor.py): which, by whom, without secrets."""

import pytest

from firmware.core import log
from tests.host.unit.commands.test_commands import OURS, Desk


def told(desk, *lines):
    log.notes.clear()
    for line in lines:
        desk.say(line)
    return [said[:3] for said in log.notes]


LOOKS = (
    "AT",
    "ATI",
    OURS + "GETSTATUS",
    OURS + "GETCONFIG",
    OURS + "GETPARAM,mqtt.user",
    OURS + "HELP",
    OURS + "GETLOG",
)


def test_what_only_looks_is_no_news():
    assert told(Desk(), *LOOKS) == []


def test_what_was_refused_is():
    desk = Desk(rights={"mqtt.commands": "view"})
    assert told(desk, OURS + "SETPARAM,mqtt.user,x", OURS + "GETPARAM,nothing") == [
        ("mqtt", OURS + "SETPARAM,mqtt.user,x", "ERROR 3"),
        ("mqtt", OURS + "GETPARAM,nothing", "ERROR 4"),
    ]


def test_who_it_was():
    desk = Desk()
    desk.channel.source = "lector102/1/AT"
    assert told(desk, OURS + "SYNC") == [("mqtt lector102/1/AT", OURS + "SYNC", "OK")]


SECRETS = [
    (OURS + "SETPARAM,mqtt.password,hush-hush", OURS + "SETPARAM,mqtt.password,***", "OK"),
    (OURS + "SETPARAM,meter.0.password,1234567", OURS + "SETPARAM,meter.0.password,***", "OK"),
    (OURS + "SETPARAN,mqtt.password,hush-hush", OURS + "SETPARAN,***", "ERROR 2"),
    (OURS + "SETPARAN;mqtt.password;hush-hush", OURS + "SETPARAN,***", "ERROR 2"),
    ("hush-hush", "***", "ERROR 1"),
    ("AT+CPIN=1234567", "AT+CPIN=***", "ERROR 9"),
    (OURS + "LOGIN,hush-hush", OURS + "LOGIN,***", "OK"),
    (
        OURS + "SAVECONFIG\nMQTT_login: meter\nMQTT_password: hush-hush",
        OURS + "SAVECONFIG: mqtt.user mqtt.password",
        "OK",
    ),
]


@pytest.mark.parametrize("line, what, result", SECRETS)
def test_no_secret_is_in_it(line, what, result):
    desk = Desk(rights={"mqtt.commands": "*"})
    assert told(desk, line) == [("mqtt", what, result)]
    assert "hush" not in str(log.notes) and "1234567" not in str(log.notes)


def test_a_wrong_password_is_told_before_the_wait_for_it_and_once():
    desk = Desk("console", "console.commands")
    desk.device.config.set_many({"device.password": "right"})
    seen = []

    async def note(now=False):
        seen.append(len(log.notes))

    desk.device.note = note
    assert told(desk, OURS + "LOGIN,wrong") == [("console", OURS + "LOGIN,***", "ERROR 3")]
    assert seen[0] == 1 and len(seen) == 2


def test_wrong_lines_count_as_the_same_whatever_they_say():
    told(Desk(), *[OURS + "X%d" % number for number in range(5)])
    assert len({said[3] for said in log.notes}) == 1
    told(Desk(), OURS + "SETPARAM,mqtt.user,a", OURS + "SETPARAM,mqtt.user,b")
    assert len({said[3] for said in log.notes}) == 2
