"""Application note 51, a test for each step, named after its section; on real MicroPython with a real broker.

The installer begins with an erased device: sections 3 to 7 are typed at the console, by the heritage names, then it is
rebooted; section 8 looks at what comes of it, in the note's own topics. The steps follow each other as in the note;
each can be run alone, then those before it are done for it.
"""

import json
import os
import re
import select
import time
from pathlib import Path

import pytest

from tests.host.support.twin_lab import IDENT, Lab
from tools import micropython, patience
from tools.twin.device import ROOT

pytestmark = pytest.mark.takes(35)

SET, GET = "AT^MTXTUNNEL=SETIEC102", "AT^MTXTUNNEL=GETIEC102"
INSTANT = (
    "IMEI TYPE TS P ID VABA VABRI VABRC PAT PRT FPT PAF1 PRF1 FPF1 PAF2 PRF2 FPF2 PAF3 PRF3 FPF3 "
    "IF1 TF1 IF2 TF2 IF3 TF3"
)
CLOSING = "DO EaA EiA CA EaRi EiRi CRi EaRc EiRc CRc R7 C7 R8 C8 MPA FMPA CMA EPA CE DINI DEND"
# 2022-07-13, the day of the note, 09:30 UTC.
DAY = 1657704600
# What is typed in each section, by the names of the router; the twin's "minutes" are seconds.
SECTIONS = {
    3: "COMM_baudrate,9600 COMM_bitsperchar,8 COMM_parity,none COMM_stopbits,1 COMM_flowControl,none",
    4: "GPRS_apn,internet GPRS_login,user GPRS_password,secret-word GPRS_mode,auto",
    5: "MQTT_server,tcp://127.0.0.1:%d MQTT_id,[IMEI] MQTT_attopic1,/AT MQTT_atrtopic,/ATR MQTT_enabled,on "
    # No step of the note: there the platform may do everything, here what it was granted.
    "mqtt.commands,view,meter,setup,way",
    6: "LOGGER_password,ID-[IMEI] logger.order,fifo MTX_TPFormat,unix logger.enabled,on logger.topic,/LOGGER",
    7: "IEC102_id,ID00000 IEC102_port,1 IEC102_period,15 IEC102_linkAddress,1 IEC102_pointAddress,1 "
    "IEC102_password,1 IEC102_fiscalClose,on IEC102_fiscalDays,31 IEC102_logger,on IEC102_enabled,on",
}


class Installer:
    """Somebody at the console. `type(line)` gives the answer without what was typed."""

    def __init__(self, path):
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        self.done = []

    def close(self):
        os.close(self._fd)

    def type(self, line, seconds=40):
        os.write(self._fd, line.encode() + b"\r")
        heard = b""
        deadline = patience.Limit(seconds)
        while not re.search(rb"\r\n(OK|ERROR)\r\n$", heard):
            assert not deadline.passed(), heard
            if select.select([self._fd], [], [], 1)[0]:
                heard += os.read(self._fd, 1000)
        return heard.decode().partition("\r\n")[2]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("note")
    meter = ("--clock", "2022-07-13T11:30:00+02:00")
    with Lab(folder, epoch=DAY, meter=meter, heap=micropython.SMALL_AND_3_KB) as found:
        # Not what other tests have set up: nothing at all.
        found.twin.setup["settings"] = {}
        found.twin.start()
        found.twin.wait_line("bytes of heap in use")
        found.installer = Installer(found.twin.console.person)
        yield found
        found.installer.close()


def follow(lab, last):
    """Do the sections up to `last` that have not been done yet; behind the last one the device is rebooted."""
    for number, words in SECTIONS.items():
        if number > last or number in lab.installer.done:
            continue
        for word in words.split():
            word = word % lab.port if "%d" in word else word
            answer = lab.installer.type("AT^MTXTUNNEL=SETPARAM," + word)
            assert answer == "\r\nOK\r\n", (word, answer)
        lab.installer.done.append(number)
    if last == 7 and "reboot" not in lab.installer.done:
        assert lab.installer.type("AT^MTXTUNNEL=SAVECONFIG") == "\r\nOK\r\n"
        assert lab.installer.type("AT^MTXTUNNEL=REBOOT") == "\r\nOK\r\n"
        # It has been at the broker before, as soon as section 5 was done: the restart counts.
        deadline = patience.Limit(60)
        while not any("mqtt: connected" in line for line in since_start(lab, 2)):
            assert not deadline.passed()
            time.sleep(0.1)
        lab.installer.done.append("reboot")


def since_start(lab, number):
    """What the device has said since it was started for the `number`th time."""
    lines = list(lab.twin.lines)
    begins = [at for at, line in enumerate(lines) if "I start: lector102" in line]
    return lines[begins[number - 1] :] if len(begins) >= number else []


@pytest.fixture
def running(lab):
    """The device of the note at the end of section 7."""
    follow(lab, 7)
    return lab


def shown(lab, *names):
    """What GETPARAM says of each."""
    answers = [lab.installer.type("AT^MTXTUNNEL=GETPARAM," + name) for name in names]
    assert all(answer.endswith("\r\n\r\nOK\r\n") for answer in answers), answers
    return [answer.split("\r\n")[0] for answer in answers]


def take(lab, topic, seconds):
    """The next payload of `topic`; records that come meanwhile are kept in lab.records."""
    deadline = patience.Limit(seconds)
    while True:
        found, payload = lab.next(max(deadline.left(), 1))
        if found == topic:
            return payload.decode()
        if found == "/LOGGER":
            lab.records.append(payload.decode())


def at(lab, *lines, seconds=40):
    """Send each line to /AT; the answers on /ATR, in order."""
    for line in lines:
        lab.client.publish("/AT", line, qos=1)
    return [take(lab, "/ATR", seconds) for _ in lines]


def ok(line, *data):
    return "".join(each + "\r\n" for each in (line, *data, "", "OK"))


def ask(lab, line, seconds=30):
    """A GET until the meter has been read."""
    deadline = patience.Limit(seconds)
    while True:
        answer = at(lab, line)[0]
        if "being read" not in answer or deadline.passed():
            return answer
        time.sleep(0.2)


def records(lab, kind, seconds=60):
    """The next record of `kind` on /LOGGER, with its keys in order; those of other kinds wait for their turn."""
    deadline = patience.Limit(seconds)
    at = 0
    while True:
        if at == len(lab.records):
            lab.records.append(take(lab, "/LOGGER", max(deadline.left(), 1)))
        found = json.loads(lab.records[at])
        if found["TYPE"] == kind:
            return lab.records.pop(at), found
        at += 1


def test_section_3_configuring_the_associated_serial_port(lab):
    follow(lab, 3)
    names = ("COMM_baudrate", "COMM_bitsperchar", "COMM_parity", "COMM_stopbits", "COMM_flowControl")
    assert shown(lab, *names) == ["9600", "8", "none", "1", "none"]


def test_section_4_wan_configuration(lab):
    follow(lab, 4)
    names = ("GPRS_apn", "GPRS_login", "GPRS_password", "GPRS_mode")
    assert shown(lab, *names) == ["internet", "user", "***", "auto"]


def test_section_5_mqtt_configuration(lab):
    follow(lab, 5)
    names = ("MQTT_server", "MQTT_id", "MQTT_attopic1", "MQTT_atrtopic")
    broker = "tcp://127.0.0.1:%d" % lab.port
    assert shown(lab, *names) == [broker, "[IMEI]", "/AT", "/ATR"]


def test_section_6_logger_configuration(lab):
    follow(lab, 6)
    names = ("logger.id", "logger.order", "logger.time", "logger.topic")
    assert shown(lab, *names) == ["ID-[IMEI]", "fifo", "unix", "/LOGGER"]


def test_section_7_iec_60870_5_102_configuration(lab):
    follow(lab, 7)
    assert lab.twin.starts == 2
    # In force with the reboot: the port, the meter, the password of the SIM is not told.
    lab.twin.wait_line("port 1: 9600 baud 8N1: ID00000")
    assert shown(lab, "GPRS_password", "IEC102_password") == ["***", "***"]
    assert not any("secret-word" in line for line in lab.twin.lines)


def test_section_8_testing_the_scenario_the_device_is_on_the_network(running):
    answer = running.installer.type("AT^MTXTUNNEL=GETSTATUS,link")
    assert "link.up: true\r\n" in answer and answer.endswith("\r\n\r\nOK\r\n")


def test_section_8_testing_the_scenario_the_broker_is_connected(running):
    assert "mqtt.connected: true\r\n" in running.installer.type("AT^MTXTUNNEL=GETSTATUS,mqtt")
    # … and from the other side, by a command over MQTT.
    assert at(running, "AT") == [ok("AT")]


def test_section_8_testing_the_scenario_force_read_shows_and_does_not_log(running):
    while True:
        payload, *end = running.installer.type("AT^MTXTUNNEL=FORCEREAD").split("\r\n")
        assert end == ["", "OK", ""]
        forced = json.loads(payload)
        assert list(forced) == INSTANT.split()
        if int(forced["TS"][17:19]) % 15:
            break  # not in the second of a reading that is due
    stamps = [""]
    while stamps[-1] <= forced["TS"]:
        stamps.append(records(running, "IEC102")[1]["TS"])
    assert forced["TS"] not in stamps


def test_section_8_testing_the_scenario_the_closings_of_the_last_days_arrive_once_a_day(running):
    payload, record = records(running, "IEC102_CTAVM2")
    assert payload.startswith('{"IMEI":"%s","TYPE":"IEC102_CTAVM2","TS":"2022-07-13T09:' % IDENT), payload[:200]
    assert list(record) == ["IMEI", "TYPE", "TS", "P", "ID", "CTAVM2"]
    assert record["P"] == "ID-" + IDENT and record["ID"] == "ID00000"
    for item in record["CTAVM2"]:
        assert list(item) == CLOSING.split()
        for name in ("FMPA", "DINI", "DEND"):
            assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d-[01]", item[name])
    assert record["CTAVM2"][0]["DO"] == 20 and " " not in payload


def test_section_8_testing_the_scenario_instantaneous_values_arrive_in_the_notes_form(running):
    payload, record = records(running, "IEC102", 90)
    assert list(record) == INSTANT.split()
    assert payload.startswith('{"IMEI":"%s","TYPE":"IEC102","TS":"2022-07-13T09:' % IDENT)
    assert all(isinstance(record[name], int) for name in INSTANT.split()[5:])


def test_section_8_obtaining_real_time_values_from_the_platform_without_waiting(running):
    assert at(running, SET + ",ID00000") == [ok(SET + ",ID00000")]
    answer = ask(running, GET + ",ID00000")
    echo, payload, empty, good, end = answer.split("\r\n")
    assert (echo, empty, good, end) == (GET + ",ID00000", "", "OK", "")
    assert list(json.loads(payload)) == INSTANT.split()


def test_section_8_reading_the_electricity_meters_closing_values(running):
    line = SET + "_CTAVM2,ID00000,0,0,1,07,22,0,0,13,07,22"
    assert at(running, line) == [ok(line)]
    answer = ask(running, GET + "_CTAVM2,ID00000")
    words = answer.split("\r\n")
    assert words[0] == GET + "_CTAVM2,ID00000" and words[-3:] == ["", "OK", ""], answer[:300]
    found = [json.loads(word) for word in words[1:-3]]
    assert found and all(each["TYPE"] == "IEC102_CTAVM2" for each in found)
    ends = {item["DEND"][:10] for each in found for item in each["CTAVM2"]}
    assert ends and all("2022-07-01" <= end <= "2022-07-13" for end in ends)


@pytest.mark.parametrize("numbers", ("00,00,01,07,22,00,00,13,07,22", " 0, 0, 1, 7, 22, 0, 0, 13, 7, 22 "))
def test_section_8_reading_the_electricity_meters_closing_values_with_zeros_and_blanks(running, numbers):
    line = SET + "_CTAVM2,ID00000," + numbers
    assert at(running, line)[0].endswith("\r\n\r\nOK\r\n")
    assert ask(running, GET + "_CTAVM2,ID00000").endswith("OK\r\n")


@pytest.mark.parametrize(
    "line, why",
    (
        (SET + "_CTAVM2,ID00000,0,0,31,02,22,0,0,13,07,22", '+MTXERR: 4,"00:00 31/2/22 is no time'),
        (SET + "_CTAVM2,ID00000,0,0,1,07,22", "+MTXERR: 1,"),
        (SET + ",ID77777", '+MTXERR: 5,"there is no meter ID77777; there are: ID00000"'),
        (GET + "_LC,ID00000", '+MTXERR: 6,"nothing was read yet; send the SET command first"'),
        ("AT^MTXTUNNEL=NOPE", '+MTXERR: 2,"there is no command NOPE"'),
        ("AT+CSQ", '+MTXERR: 9,"no modem is attached"'),
    ),
)
def test_what_cannot_be_done_says_why(running, line, why):
    assert at(running, line)[0].endswith("\r\n\r\nERROR\r\n")
    assert at(running, "AT^MTXTUNNEL=SETPARAM,device.mtxerr,on")[0].endswith("OK\r\n")
    answer = at(running, line)[0]
    assert at(running, "AT^MTXTUNNEL=SETPARAM,device.mtxerr,off")[0].endswith("OK\r\n")
    assert why in answer and answer.endswith("\r\n\r\nERROR\r\n")


def test_several_commands_in_flight_are_answered_in_order(running):
    lines = ["AT", "ATI", "AT^MTXTUNNEL=VERSION", "AT^MTXTUNNEL=GETLOG", "AT"]
    answers = at(running, *lines)
    assert [answer.split("\r\n")[0] for answer in answers] == lines
    assert all(answer.endswith("\r\n\r\nOK\r\n") for answer in answers)


def test_secrets_are_never_shown(running):
    line = "AT^MTXTUNNEL=SETPARAM,mqtt.password,hush-hush"
    assert at(running, line)[0] == ok("AT^MTXTUNNEL=SETPARAM,mqtt.password,***")
    for line in ("AT^MTXTUNNEL=GETPARAM,mqtt.password", "AT^MTXTUNNEL=GETCONFIG"):
        answer = at(running, line)[0]
        assert "***" in answer and "hush-hush" not in answer
    assert not any("hush-hush" in line for line in running.twin.lines)


def test_the_console_answers_the_same(running):
    answer = running.installer.type("AT^MTXTUNNEL=VERSION")
    assert re.fullmatch(r"lector102 \d+\.\d+\.\d+\r\n\r\nOK\r\n", answer), answer


def test_a_reading_that_failed_is_told(running):
    running.meter.control("mute on")
    try:
        assert at(running, SET + ",ID00000") == [ok(SET + ",ID00000")]
        # Until it has failed the last good values are given.
        deadline = patience.Limit(60)
        while (answer := ask(running, GET + ",ID00000", 60)).endswith("OK\r\n"):
            assert not deadline.passed(), answer
            time.sleep(0.2)
        assert '"ERR":"NoAnswerError: the meter does not answer"' in answer
        assert answer.endswith("\r\n\r\nERROR\r\n")
    finally:
        running.meter.control("mute off")
    assert at(running, SET + ",ID00000") == [ok(SET + ",ID00000")]
    assert ask(running, GET + ",ID00000", 60).endswith("OK\r\n")


# --- the note's own samples

# As printed, without the mistakes of printing (docs/json.md): instantaneous values, closings.
SAMPLES = (Path(__file__).resolve().parents[1] / "support" / "data" / "app-note-51.txt").read_text().splitlines()


@pytest.fixture
def noted(tmp_path):
    """start(number): the device and the meter of the note at the moment its sample was taken."""
    labs = []

    def start(number, **settings):
        moment = ("2022-07-13T09:42:06Z", "2022-07-13T09:55:35Z")[number]
        utc = (1657705326, 1657706135)[number]
        values = ROOT / "tools" / "meter" / "samples" / "app-note-51.json"
        common = {
            "device.imei": "869101054287764",
            "mqtt.at_topic": "/AT",
            "mqtt.atr_topic": "/ATR",
            "logger.topic": "/LOGGER",
            "logger.id": "ID-[IMEI]",
            # The note's stamps are not those of a reading on the clock; the first one is due at once.
            "iec102.align": False,
        }
        found = Lab(
            tmp_path,
            settings=dict(common, **settings),
            interval=600,
            epoch=utc,
            speed=1e-6,  # time all but stands still: TS is that of the note
            meter=("--values", values, "--clock", moment),
        )
        labs.append(found)
        found.twin.start()
        found.twin.wait_line("mqtt: connected")
        return found

    yield start
    for found in labs:
        found.close()


def test_section_8_sample_of_the_instantaneous_values_byte_for_byte(noted):
    lab = noted(0)
    assert lab.next(60, "/LOGGER") == ("/LOGGER", SAMPLES[0].encode())
    assert at(lab, SET + ",ID00000") == [ok(SET + ",ID00000")]
    assert ask(lab, GET + ",ID00000") == ok(GET + ",ID00000", SAMPLES[0])


def test_section_8_sample_of_the_closing_values_byte_for_byte(noted):
    lab = noted(1, **{"meter.0.interval": 0, "meter.0.closing": True})
    assert lab.next(60, "/LOGGER") == ("/LOGGER", SAMPLES[1].encode())
    line = SET + "_CTAVM2,ID00000,0,0,1,07,22,0,0,13,07,22"
    assert at(lab, line) == [ok(line)]
    assert ask(lab, GET + "_CTAVM2,ID00000") == ok(GET + "_CTAVM2,ID00000", SAMPLES[1])
