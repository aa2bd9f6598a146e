"""AT commands: the grammar, every command on the table, what channels may, secrets, bounds, arbitrary bytes."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies

from firmware.commands import executor as answer_module
from firmware.commands import grammar
from firmware.commands.dispatcher import Processor, decode
from firmware.commands.executor import Collector, CommandError
from firmware.meters import readings
from tests.host.support import virtual_time
from tests.host.support.fake_device import Device, Modem, channel_of
from tests.host.support.roles import GRANTED, WITH_WAY

OURS = "AT^MTXTUNNEL="


class Desk:
    """A device and one channel to it. `say(line)` gives the answer as text."""

    def __init__(self, channel="mqtt", whitelist="mqtt.commands", rights=GRANTED, **device):
        self.device = Device(**device)
        self.device.config.set_many(rights)
        self.processor = Processor(self.device)
        self.channel = channel_of(channel, whitelist)
        self.after = None
        self.run = asyncio.run

    def say(self, line):
        collector = Collector()
        self.after = self.run(self.processor.execute(line, self.channel, collector.write, collector))
        return collector.take().decode()

    def ok(self, line):
        """The data lines of an answer that must be OK."""
        answer = self.say(line)
        assert answer.endswith("\r\n\r\nOK\r\n"), answer
        return answer[: -len("\r\nOK\r\n")].split("\r\n")[1:-1]

    def error(self, line):
        """(code, words) of an answer that must be ERROR."""
        self.device.config.set_many({"device.mtxerr": "on"})
        answer = self.say(line)
        found = re.search(r'\+MTXERR: (\d+),"([^"\r\n]*)"\r\n\r\nERROR\r\n$', answer)
        assert found, answer
        return int(found.group(1)), found.group(2)


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def console():
    return Desk("console", "console.commands")


# --- the form


def test_the_answer_has_titans_form(desk):
    desk.device.lines[0].answers = {readings.INSTANT: [b'{"x":1}']}
    desk.say(OURS + "SETIEC102,ID00000")
    line = OURS + "GETIEC102,ID00000"
    assert desk.say(line) == line + '\r\n{"x":1}\r\n\r\nOK\r\n'
    assert desk.say("AT") == "AT\r\n\r\nOK\r\n"
    assert desk.say("nonsense") == "nonsense\r\n\r\nERROR\r\n"


@pytest.mark.parametrize("line", ["at", " AT ", "AT\r\n", "ati", "ATE1", "ate", "A T"])
def test_plain_commands_in_any_spelling(desk, line):
    assert desk.say(line).endswith("OK\r\n")


@pytest.mark.parametrize(
    "line",
    [
        "AT^MTXTUNNEL=VERSION",
        "at^mtxtunnel=version",
        "At^MtxTunnel = Version ",
        "AT^MTXTUNNEL=VERSION,",
        "  AT ^MTXTUNNEL=  VERSION\t",
    ],
)
def test_ours_in_any_spelling(desk, line):
    assert desk.ok(line) == ["lector102 9.9.9"]


@pytest.mark.parametrize(
    "line, code",
    [
        ("", 1),
        ("hello", 1),
        ("AT^MTXTUNNEL", 1),
        ("AT^MTXTUNNEL=", 1),
        ("AT^MTXTUNNEL=,", 1),
        ("AT^MTXTUNNEL?", 1),
        (OURS + "NOSUCH", 2),
        ("ATD5551234", 2),
        ("ATZ", 2),
        ("AT+CSQ", 9),
        ("AT+IPR=300", 3),
        (OURS + "GETPARAM", 1),
        (OURS + "GETPARAM,a,b", 1),
        (OURS + "VERSION,1", 1),
        (OURS + "SETPARAM,mqtt.qos", 1),
        (OURS + "GETPARAM,nope", 4),
        ("AT" + "x" * 600, 10),
        ("AT+\u00e9", 1),
        # One command a line, looked at whole: what hides behind it would end the call or wipe the modem's settings.
        ("AT+CSQ;H", 1),
        ("AT+CSQ;&F", 1),
        ("AT+CSQ;Z", 1),
        ("AT+CSQ; +CFUN=0", 1),
        ("AT+CSQ;", 1),
        ('AT+COPS=1,2,"214;H', 1),
        ('AT+COPS=1,2,"21407";H', 1),
        ('AT+COPS=1,2,"a""b";H', 1),
        ("AT+CSQ&F", 1),
        ("AT+CSQ?H", 1),
        ("AT+CSQ +CFUN", 1),
        ("AT+=1", 1),
        ("AT+CFUN=1;+IPR=300", 3),
        # They wait for a text that nobody sends.
        ('AT+CMGS="600123456"', 3),
        ("at+cmgs = 20", 3),
        ("AT+CMGW", 3),
        ("AT+CNMA=1,20", 3),
        ("AT+QISEND=0", 3),
        ("AT+USOST=0", 3),
        ("AT+CMQTTTOPIC=0,9", 3),
        # These only ask, or have it in quotes.
        ("AT+CMGS=?", 9),
        ("AT+CMGW?", 9),
        ('AT+CUSD=1,"*100#;1",15', 9),
        ("AT+CSQ=?", 9),
        ('at + cops = 1, 2, "21407"', 9),
    ],
)
def test_bad_lines_have_their_codes(desk, line, code):
    assert desk.error(line)[0] == code


def test_every_line_is_answered_in_order(desk):
    answer = desk.say("AT\r\nNOPE\nATI\r\r\n" + OURS + "VERSION")
    assert re.findall(r"(?m)^(OK|ERROR)\r$", answer) == ["OK", "ERROR", "OK", "OK"]
    assert answer.index("NOPE") < answer.index("ATI") < answer.index("VERSION")


def test_a_message_of_very_many_lines_gets_a_bounded_answer(desk):
    answer = desk.say("AT\n" * 500)
    assert answer.count("OK\r\n") == 16 and answer.count("ERROR\r\n") == 1


def test_without_echo_the_answer_is_the_answer_alone(desk):
    # Of the broker's channel each message is answered as the settings say.
    desk.channel.way = False
    desk.say("ATE0")
    assert desk.say("AT") == "\r\nOK\r\n"
    desk.say("ATE1")
    assert desk.say("AT").startswith("AT\r\n")


def test_the_reason_is_told_only_when_it_is_switched_on(desk):
    assert "MTXERR" not in desk.say("NOPE")
    assert desk.error("NOPE") == (1, "a command begins with AT")


# --- the table


def test_every_command_is_carried_out_by_somebody():
    for row in grammar.rows():
        module = __import__("firmware.commands.handlers." + row[5], None, None, ("run",))
        assert hasattr(module, row[0].lower()) or hasattr(module, "run"), row[0]
        assert row[4] in ("view", "meter", "setup", "danger"), row[0]


def test_every_command_answers_to_its_least_and_most_arguments(console):
    console.run = virtual_time.run  # FORCEREAD waits a minute and a half for a meter that nobody reads here
    for row in grammar.rows():
        for count in {int(row[2]), int(row[3]) or int(row[2])}:
            if row[0] in ("LOGIN", "DOCTOR"):
                continue  # DOCTOR looks for the broker as long as it may; test_doctor_device.py has it
            line = row[0] if row[0].startswith("AT") else OURS + ",".join([row[0]] + ["1"] * count)
            assert re.search(r"(?m)^(OK|ERROR)\r$", console.say(line)) or console.channel.text, line
            console.channel.text = None


@pytest.mark.parametrize(
    "whitelist, allowed",
    [
        ("*", "AT REBOOT AT+ SETPARAM"),
        ("", ""),
        ("view", "AT"),
        ("view, setup", "AT SETPARAM"),
        ("*,-danger", "AT AT+ SETPARAM"),
        ("*,-REBOOT", "AT AT+ SETPARAM"),
        ("-*,reboot", "REBOOT"),
        ("modem,VIEW,-AT", "AT+"),
        ("- danger, *", "AT REBOOT AT+ SETPARAM"),
    ],
)
def test_whitelists(whitelist, allowed):
    roles = {"AT": "view", "REBOOT": "danger", "AT+": "modem", "SETPARAM": "setup"}
    assert [n for n, role in roles.items() if grammar.allowed(n, role, whitelist)] == [
        n for n in roles if n in allowed.split()
    ]


def test_what_a_channel_may_not_is_refused_and_not_done(desk):
    assert desk.error(OURS + "CLEARLOG,YES") == (3, "CLEARLOG is not allowed on this channel")
    assert desk.device.ring.depth == 7
    desk.device.config.set_many({"mqtt.commands": "view"})
    desk.device.modem = Modem()
    assert desk.error("AT+CFUN=0")[0] == desk.error(OURS + "REBOOT")[0] == 3
    assert desk.after is None and desk.device.modem.lines == []
    tags = Desk("serial", "port.1.commands")
    assert tags.error(OURS + "SETPARAM,mqtt.qos,0")[0] == 3


@pytest.mark.parametrize("name", ["mqtt.commands", "COMM_commands", "sms.commands", "device.password"])
def test_a_channel_cannot_give_itself_leave(desk, console, name):
    assert desk.error(OURS + "SETPARAM,%s,*" % name)[0] == 3
    assert desk.error(OURS + "SAVECONFIG\nMQTT_keepalive: 30\n%s: *" % name)[0] == 3
    assert sorted(desk.device.config.values) == ["device.mtxerr", "mqtt.commands"]
    before = sorted(console.device.config.values)
    console.ok(OURS + "SETPARAM,%s,*" % name)
    assert console.device.config.get(console.device.config.key(name)) == "*" and before == ["mqtt.commands"]


def test_help_lists_what_the_channel_may(desk, console):
    lines = desk.ok(OURS + "HELP")
    assert any(line.startswith("AT^MTXTUNNEL=GETIEC102,id - ") for line in lines)
    assert not any("CLEARLOG" in line for line in lines)
    assert any("CLEARLOG" in line for line in console.ok(OURS + "HELP"))
    assert "SETPARAM,name,value" in desk.ok(OURS + "HELP,setparam")[0]
    assert "0 to 1" in desk.ok(OURS + "HELP,MQTT_qos")[1]
    assert desk.error(OURS + "HELP,nope")[0] == 2


# --- general commands


def test_reboot_happens_after_the_answer(desk):
    assert desk.ok(OURS + "REBOOT") == []
    assert desk.device.restarts == []
    desk.after()
    assert desk.device.restarts == ["command on mqtt"]


def test_clearlog_wants_to_be_sure(console):
    assert "7 records" in console.ok(OURS + "CLEARLOG")[0]
    assert console.device.ring.depth == 7
    assert console.ok(OURS + "CLEARLOG,yes") == ["7 records deleted"]
    assert console.device.ring.depth == 0


def test_status_and_log_are_one_line_a_value(desk):
    lines = desk.ok(OURS + "GETSTATUS")
    assert "version: 9.9.9" in lines and "log.depth: 7" in lines and "meters.0.ok: true" in lines
    assert "log.depth: 7" in desk.ok(OURS + "GETSTATUS,LOG")
    assert desk.error(OURS + "GETSTATUS,nope")[0] == 4


def test_the_log_in_numbers(desk):
    desk.device.too_long = 3
    assert desk.ok(OURS + "GETLOG") == [
        "damaged: 0",
        "depth: 7",
        "dropped: 3",
        "in_flight: 0",
        "newest: 7",
        "oldest: 1",
        "oldest_utc: 1792891800",
    ]


def test_update_hands_the_address_on(desk):
    desk.ok(OURS + "UPDATE,http://a.b/c.rel?x=1,2")
    desk.ok(OURS + "UPDATE,https://a.b/c.rel, force")
    assert desk.device.updates == [
        ("http://a.b/c.rel?x=1,2", False),
        ("https://a.b/c.rel", True),
    ]
    assert desk.error(OURS + "UPDATE")[0] == 1 and desk.error(OURS + "UPDATE,c.rel")[0] == 4


def test_sync(desk):
    assert desk.ok(OURS + "SYNC") == ["clock: ntp"] and desk.device.synced == 1


def test_setbaudrate_keeps_the_format_of_the_line(desk):
    desk.device.config.set_many({"port.1.parity": "even", "port.1.bits": "7"})
    desk.ok(OURS + "SETBAUDRATE, 0, 19200")
    assert desk.device.lines[0].port.settings == (19200, 7, 0, 1)
    assert desk.error(OURS + "SETBAUDRATE,1,19200") == (4, "port 1 is not in use")
    assert desk.error(OURS + "SETBAUDRATE,0,19201")[0] == 4
    assert desk.error(OURS + "SETBAUDRATE,5,9600")[0] == 4


def test_lines_for_the_modem_and_back(desk):
    modem = desk.device.modem = Modem()
    desk.device.config.set_many({"uplink.password": "hush-hush"})
    modem.answers = {
        "AT+CSQ": ["+CSQ: 20,99", "OK"],
        "AT+CGAUTH?": ['+CGAUTH: 1,1,"user","hush-hush"', "OK"],
        "AT+CFUN=9": ["+CME ERROR: operation not allowed"],
    }
    assert desk.ok("AT+CSQ") == ["+CSQ: 20,99"]
    assert "hush" not in desk.say("AT+CGAUTH?")
    assert desk.error("AT+CFUN=9") == (8, "+CME ERROR: operation not allowed")
    assert desk.say("AT+CPIN=1234").startswith("AT+CPIN=***\r\n")

    async def broken(line, ms):
        raise RuntimeError("no answer, PIN was hush-hush")

    modem.command = broken
    code, words = desk.error("AT+CSQ")
    assert code == 8 and "no answer" in words and "hush" not in words


def test_a_password_guards_the_console(monkeypatch):
    async def no_wait(ms):
        pass

    from firmware.commands.handlers import general

    monkeypatch.setattr(general, "sleep_ms", no_wait)
    desk = Desk("console", "console.commands")
    desk.ok(OURS + "GETSTATUS")
    desk.device.config.set_many({"device.password": "door"})
    desk.device.modem = Modem()
    for line in ("GETSTATUS", "REBOOT", "GETCONFIG"):
        assert desk.error(OURS + line)[0] == 3
    assert desk.error("AT+CSQ")[0] == 3
    assert desk.error(OURS + "LOGIN,dor")[0] == 3 and desk.error(OURS + "GETSTATUS")[0] == 3
    assert "door" not in desk.say(OURS + "LOGIN,door")
    desk.ok(OURS + "GETSTATUS")
    desk.ok(OURS + "LOGOUT")
    assert desk.error(OURS + "GETSTATUS")[0] == 3


# --- settings


def test_parameters_by_both_names(desk):
    desk.ok(OURS + "SETPARAM, MQTT_keepalive , 30")
    assert desk.ok(OURS + "GETPARAM,mqtt.keepalive") == ["30"]
    desk.ok(OURS + "SETPARAM,meter.0.id,EAST")
    assert desk.ok(OURS + "GETPARAM,IEC102_ID") == ["EAST"]
    desk.ok(OURS + "SETPARAM,mqtt.user,a,b;c")
    assert desk.ok(OURS + "GETPARAM,MQTT_login") == ["a,b;c"]
    desk.ok(OURS + "SETPARAM,mqtt.user,")
    assert desk.ok(OURS + "GETPARAM,MQTT_login") == [""]
    assert desk.error(OURS + "SETPARAM,mqtt.qos,3") == (
        4,
        "mqtt.qos: 3 is not allowed; allowed: 0 to 1",
    )


def test_settings_are_kept(tmp_path):
    path = str(tmp_path / "config.json")
    desk = Desk(path=path)
    desk.ok(OURS + "SETPARAM,mqtt.keepalive,30")
    assert json.loads(Path(path).read_text()) == {**GRANTED, "mqtt.keepalive": 30, "defaults": 2}


SECRETS = [
    "SETPARAM,mqtt.password,sesame",
    "setparam, MQTT_password , sesame",
    "SETPARAM,meter.0.password,sesame",
    "SETPARAM,mqtt.pasword,sesame",
    "SETPARM,mqtt.password,sesame",
    "LOGIN,sesame",
]


@pytest.mark.parametrize("line", SECRETS)
def test_a_secret_is_not_repeated(console, line):
    console.device.config.set_many({"device.mtxerr": "on"})
    assert "sesame" not in console.say(OURS + line)


def test_a_secret_in_a_text_is_not_repeated(console):
    console.device.config.set_many({"device.mtxerr": "on"})
    answer = console.say(OURS + "SAVECONFIG\nMQTT_password: sesame\nMQTT_qos: 9\nsesame")
    assert answer.endswith("ERROR\r\n") and "sesame" not in answer
    assert console.device.config.get("mqtt.password") == ""


def test_no_secret_comes_out_of_any_command(console):
    config = console.device.config
    config.set_many({"mqtt.password": "sesame1", "uplink.key": "sesame2", "device.password": "sesame3"})
    config.set_many({"uplink.pin": "sesame"})
    console.channel.known = True
    for line in (
        "GETCONFIG",
        "GETSTATUS",
        "GETPARAM,mqtt.password",
        "HELP,uplink.key",
        "GETPARAM,device.password",
    ):
        assert "sesame" not in console.say(OURS + line)
    assert "MQTT_password: ***" in console.say(OURS + "GETCONFIG,MQTT")


def test_a_text_of_settings_in_one_message():
    desk = Desk(rights={**WITH_WAY, "device.confirm": "off"})
    text = "\r\nGPRS_apn: a.b\r\nMTX_mode: server\r\nMQTT_id: [IMEI]-x\r\n"
    assert desk.ok(OURS + "SAVECONFIG" + text) == ["unknown: MTX_mode"]
    assert desk.device.config.get("uplink.apn") == "a.b"
    assert desk.device.config.get("mqtt.id") == "[IMEI]-x"
    assert desk.error(OURS + "SAVECONFIG\nGPRS_apn: c.d\nMQTT_qos: 9")[0] == 4
    assert desk.device.config.get("uplink.apn") == "a.b"
    assert desk.ok(OURS + "SAVECONFIG") == []


def test_a_limit_that_closings_do_not_fit_is_taken_and_told(desk):
    (warning,) = desk.ok(OURS + "SAVECONFIG\nLOGGER_registerSize: 300")
    assert warning.startswith("warning: logger.size") and desk.device.config.get("logger.size") == 300
    assert desk.ok(OURS + "SAVECONFIG\nLOGGER_registerSize: 8192") == []


def test_a_text_of_settings_line_by_line(console):
    assert console.say(OURS + "SAVECONFIG,TEXT") == ""
    assert console.say("GPRS_apn: a.b") == "" and console.say("") == "" and console.say("NO: 1") == ""
    answer = console.say("end")
    assert answer == "unknown: NO\r\n\r\nOK\r\n"
    assert console.device.config.get("uplink.apn") == "a.b" and console.channel.text is None
    assert console.say("AT").endswith("OK\r\n")


# --- readings


KINDS = {
    "IEC102": readings.INSTANT,
    "IEC102_CTAVM2": readings.CLOSINGS,
    "IEC102_LC": readings.CURVE,
    "IEC102_TAVC": readings.TARIFF,
    "IEC102_EV": readings.EVENTS,
    "IEC102_ID": readings.IDENTITY,
    "IEC102_CLOCK": readings.CLOCK,
    "IEC102_PC": readings.POWER,
    "IEC102_CFG": readings.SETUP,
}
RANGE = ",0,0,1,07,22,0,0,13,07,22"


@pytest.mark.parametrize("name", KINDS)
def test_set_starts_a_reading_and_get_gives_it(desk, name):
    line = desk.device.lines[0]
    meter = line.meters[0]
    span = RANGE if name in ("IEC102_CTAVM2", "IEC102_LC", "IEC102_EV") else ""
    get = OURS + "GET%s, id00000" % name
    assert desk.error(get) == (6, "nothing was read yet; send the SET command first")
    assert desk.ok(OURS + "SET%s,ID00000%s" % (name, span)) == []
    kind = KINDS[name]
    assert line.asked == [("ID00000", kind, (1656626400, 1657663200) if span else None)]
    assert desk.error(get)[0] == 7
    line.finish(meter, kind, [b'{"a":1}', b'{"b":2}'])
    assert desk.ok(get) == ['{"a":1}', '{"b":2}']
    desk.ok(OURS + "SET%s,ID00000%s" % (name, span))
    assert desk.ok(get) == ['{"a":1}', '{"b":2}'], "the one before stays until the new one is there"
    line.finish(meter, kind, "NoAnswerError: silence")
    assert desk.error(get) == (8, "NoAnswerError: silence")


def test_why_there_is_nothing_stands_in_the_answer(desk):
    answer = desk.say(OURS + "GETIEC102_TAVC,NOBODY").split("\r\n")
    assert json.loads(answer[1]) == {
        "IMEI": Device.imei,
        "TYPE": "IEC102_TAVC",
        "ID": "NOBODY",
        "ERR": "there is no meter NOBODY; there are: ID00000",
    }
    assert answer[-2] == "ERROR"


@pytest.mark.parametrize(
    "numbers, span",
    [
        ("0,0,1,07,22,0,0,13,07,22", (1656626400, 1657663200)),
        (" 00, 00 ,01, 7,22 ,0,0, 13,07,22", (1656626400, 1657663200)),
        ("0,0,1,7,2022,0,0,13,7,2022", (1656626400, 1657663200)),
        ("0,0,29,2,24,0,0,1,3,24", (1709161200, 1709247600)),
        ("1,0,1,1,23,1,0,1,1,23", (1672531200, 1672531200)),
    ],
)
def test_ten_numbers(desk, numbers, span):
    desk.ok(OURS + "SETIEC102_CTAVM2,ID00000," + numbers)
    assert desk.device.lines[0].asked[0][2] == span


@pytest.mark.parametrize(
    "numbers, code, words",
    [
        ("0,0,1,13,22,0,0,13,07,22", 4, "00:00 1/13/22 is no time"),
        ("0,0,30,2,22,0,0,13,07,22", 4, "30/2/22"),
        ("0,0,29,2,23,0,0,13,07,23", 4, "29/2/23"),
        ("24,0,1,7,22,0,0,13,07,22", 4, "24:00"),
        ("0,60,1,7,22,0,0,13,07,22", 4, "00:60"),
        ("0,0,0,7,22,0,0,13,07,22", 4, "0/7/22"),
        ("0,0,1,7,100,0,0,13,07,22", 4, "1/7/100"),
        ("0,0,13,7,22,0,0,1,7,22", 4, "the end is before the start"),
        ("0,0,1,7,22,0,0,13,22", 1, "h,m,d,M,yy"),
        ("0,0,1,7,22,0,0,13,7,22,5", 1, "h,m,d,M,yy"),
        ("0,0,x,7,22,0,0,13,7,22", 1, "not x"),
        ("0,0,-1,7,22,0,0,13,7,22", 1, "not -1"),
        ("0,0,,7,22,0,0,13,7,22", 1, "whole numbers"),
    ],
)
def test_impossible_periods_are_refused_in_words(desk, numbers, code, words):
    got, said = desk.error(OURS + "SETIEC102_CTAVM2,ID00000," + numbers)
    assert got == code and words in said
    assert desk.device.lines[0].asked == []


def test_forceread_shows_and_waits(desk):
    desk.device.lines[0].answers = {readings.INSTANT: [b"{}"]}
    assert desk.ok(OURS + "FORCEREAD") == ["{}"] == desk.ok(OURS + "FORCEREAD,ID00000")
    assert desk.error(OURS + "FORCEREAD,X")[0] == 5
    two = Desk(meters=("A", "B"))
    assert two.error(OURS + "FORCEREAD") == (5, "which meter: A, B")
    none = Desk(meters=())
    assert none.error(OURS + "FORCEREAD") == (5, "which meter: none is set up")


def test_too_much_waiting_is_busy(desk):
    desk.device.lines[0].full = True
    assert desk.error(OURS + "SETIEC102,ID00000")[0] == 7


# --- bounds


def test_an_answer_that_does_not_fit_becomes_an_error_alone(desk):
    desk.device.lines[0].answers = {readings.CURVE: [b"x" * 4000] * 10}
    desk.ok(OURS + "SETIEC102_LC,ID00000" + RANGE)
    answer = desk.say(OURS + "GETIEC102_LC,ID00000")
    assert answer == OURS + "GETIEC102_LC,ID00000\r\n\r\nERROR\r\n"
    assert desk.error(OURS + "GETIEC102_LC,ID00000")[0] == 10


def test_records_are_not_read_until_the_answer_is_taken():
    from tests.host.support.fake_device import Result

    result = Result([b"a" * 700, b"x" * 3000])
    collector = Collector()
    virtual_time.run(collector.write(b"echo\r\n"))
    collector.later(result, 1)
    virtual_time.run(collector.write(b"\r\n"))
    assert not any(len(piece) > 100 for piece in collector._pieces)
    assert collector.take() == b"echo\r\n" + b"x" * 3000 + b"\r\n"
    assert collector.take() == b""


def test_a_handler_that_breaks_does_not_break_its_channel(desk, capsys):
    desk.device.status = lambda: 1 / 0
    assert desk.error(OURS + "GETSTATUS")[0] == 8
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert desk.say("AT").endswith("OK\r\n")


def test_without_memory_there_is_still_an_answer(desk, monkeypatch):
    def exhausted():
        raise MemoryError

    desk.device.status = exhausted
    assert desk.error(OURS + "GETSTATUS")[0] == 11

    async def nothing(*args):
        raise MemoryError

    from firmware.commands import executor

    monkeypatch.setattr(executor, "execute", nothing)
    assert desk.say("AT") == "\r\nERROR\r\n"


def test_an_sms_gets_a_short_answer(desk):
    assert virtual_time.run(desk.processor.answer("AT^MTXTUNNEL=VERSION", "sms")) == "lector102 9.9.9\r\n\r\nOK"
    assert virtual_time.run(desk.processor.answer(OURS + "GETCONFIG", "sms")) == "ERROR"
    assert virtual_time.run(desk.processor.answer(OURS + "SETPARAM,mqtt.qos,0", "sms")) == "ERROR"


LINES = strategies.one_of(
    strategies.text(max_size=600),
    strategies.binary(max_size=600).map(decode),
    strategies.builds(
        lambda row, args: OURS + ",".join([row[0]] + args),
        strategies.sampled_from([row for row in grammar.rows() if row[0] not in ("LOGIN", "FORCEREAD", "DOCTOR")]),
        strategies.lists(
            strategies.text(max_size=12) | strategies.sampled_from(["0", "ID00000", "mqtt.qos"]),
            max_size=12,
        ),
    ),
)


@settings(max_examples=120)
@given(strategies.lists(LINES, min_size=1, max_size=3))
def test_whatever_comes_in_each_line_gets_one_answer(lines):
    desk = Desk("console", "console.commands")
    text = "\n".join(lines)
    answer = desk.say(text)
    assert len(answer) <= answer_module.MOST_BYTES
    if desk.channel.text is None:
        assert re.search(r"(^|\r\n)\r\n(OK|ERROR)\r\n$", answer), answer
        count = len([x for x in re.split("[\r\n]", text) if x.strip()]) or 1
        ended = len(re.findall(r"\r\n(?:OK|ERROR)\r\n", answer))
        assert ended == count or "SAVECONFIG" in text.upper()


@settings(max_examples=120)
@given(LINES)
def test_the_parser_raises_nothing_but_its_own_error(line):
    config = Device().config
    try:
        name, _ = grammar.split(line)
        assert name == name.upper()
    except CommandError as error:
        assert 1 <= error.code <= 11 and len(str(error)) < 200
    shown = grammar.masked(line, config)
    assert len(shown) <= 515 and shown.isprintable() or not shown
