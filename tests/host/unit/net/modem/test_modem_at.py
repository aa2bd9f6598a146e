"""The AT channel: answers, ends, unsolicited lines at any moment, echo, noise, prompts; words for
error codes.
"""

import asyncio

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from firmware.core import error_numbers
from firmware.net.modem import profiles, registration
from firmware.net.modem.at import AtChannel
from firmware.net.modem.exchange import CommandError, NoAnswer
from tests.host.support.virtual_modem import run_virtual
from tools.modem.profiles import PROFILES


class Script:
    """A stream that answers each line by `answers` (bytes), in portions."""

    def __init__(self, answers, portion=64, echo=False):
        self.answers = answers
        self.rx = bytearray()
        self.sent = []
        self.portion = portion
        self.echo = echo
        self._line = b""

    def write(self, data):
        data = bytes(data)[:7]  # short writes, as on rp2
        self._line += data
        while b"\r" in self._line or b"\x1a" in self._line:
            end = b"\r" if b"\r" in self._line else b"\x1a"
            line, _, self._line = self._line.partition(end)
            self.sent.append(line)
            if self.echo:
                self.rx += line + b"\r"
            self.rx += self.answers.get(line, b"")
        return len(data)

    def any(self):
        return min(len(self.rx), self.portion)

    def readinto(self, buf, count):
        assert count <= self.any()
        buf[:count] = self.rx[:count]
        del self.rx[:count]
        return count or None


def ask(answers, line, **options):
    stream = Script(answers, options.pop("portion", 64), options.pop("echo", False))
    heard = options.pop("heard", None)

    async def main():
        channel = AtChannel(stream)
        if heard is not None:
            for prefix in ("+CREG", "RING", "+CMTI"):
                channel.on(prefix, heard.append)
        return await channel.command(line, 1000, **options), channel

    return run_virtual(main)


@pytest.mark.parametrize("portion", [1, 3, 64])
@pytest.mark.parametrize("echo", [False, True])
def test_an_answer_of_several_lines(portion, echo):
    answers = {b"AT+COPS=?": b'\r\n+COPS: (2,"A"),(1,"B")\r\n\r\n+COPS: more\r\n\r\nOK\r\n'}
    lines, _ = ask(answers, "AT+COPS=?", portion=portion, echo=echo)
    assert lines == ['+COPS: (2,"A"),(1,"B")', "+COPS: more"]


@pytest.mark.parametrize("echo", [False, True])
def test_unsolicited_lines_in_the_middle_go_to_their_handlers(echo):
    heard = []
    answers = {b"AT+CSQ": b'\r\nRING\r\n\r\n+CREG: 5\r\n\r\n+CSQ: 19,99\r\n\r\n+CMTI: "SM",1\r\n\r\nOK\r\n'}
    lines, _ = ask(answers, "AT+CSQ", echo=echo, heard=heard)
    assert lines == ["+CSQ: 19,99"]
    assert heard == ["RING", "+CREG: 5", '+CMTI: "SM",1']


def test_the_answer_to_a_question_is_not_taken_for_an_unsolicited_line():
    heard = []
    lines, _ = ask({b"AT+CREG?": b"\r\n+CREG: 2,1\r\n\r\nOK\r\n"}, "AT+CREG?", heard=heard)
    assert lines == ["+CREG: 2,1"] and heard == []


def test_unsolicited_lines_while_nothing_is_asked():
    async def main():
        stream = Script({})
        channel = AtChannel(stream)
        heard = []
        channel.on("RING", heard.append)
        stream.rx += b"\r\nRI"
        channel.poll()
        stream.rx += b"NG\r\n\xff\x00junk\r\n\r\nRING\r\n"
        channel.poll()
        assert heard == ["RING", "RING"]

    run_virtual(main)


@pytest.mark.parametrize(
    ("final", "text", "code"),
    [
        ("ERROR", "AT+CPIN: ERROR", None),
        ("+CME ERROR: 10", "AT+CPIN: SIM not inserted", 10),
        ("+CME ERROR: SIM busy", "AT+CPIN: SIM busy", None),
        ("+CME ERROR: 4711", "AT+CPIN: +CME ERROR 4711", 4711),
        ("+CMS ERROR: 331", "AT+CPIN: no network service", 331),
    ],
)
def test_refusals_in_words_without_secrets(final, text, code):
    with pytest.raises(CommandError) as caught:
        ask({b'AT+CPIN="1234"': b"\r\n" + final.encode() + b"\r\n"}, 'AT+CPIN="1234"')
    assert str(caught.value) == text
    assert caught.value.number == code


def test_no_answer_and_a_second_try():
    with pytest.raises(NoAnswer) as caught:
        ask({}, "AT+CGSN")
    assert "AT+CGSN" in str(caught.value)

    async def main():
        stream = Script({})
        channel = AtChannel(stream)
        task = asyncio.ensure_future(channel.command("AT", 1000, tries=2))
        await asyncio.sleep(1.05)
        stream.answers[b"AT"] = b"\r\nOK\r\n"
        assert await task == []
        assert stream.sent == [b"AT", b"AT"]

    run_virtual(main)


def test_a_late_answer_is_not_taken_for_the_next_ones():
    async def main():
        stream = Script({b"AT+CGSN": b"\r\n860000000000001\r\n\r\nOK\r\n"})
        channel = AtChannel(stream)
        with pytest.raises(NoAnswer):
            await channel.command("AT+SLOW", 1000)
        stream.rx += b"\r\n+SLOW: 1\r\n\r\nOK\r\n"
        assert await channel.command("AT+CGSN", 1000) == ["860000000000001"]

    run_virtual(main)


@pytest.mark.parametrize("late", [0.05, 0.35, 0.9, 3.1])
def test_each_answer_belongs_to_its_question_however_late_they_all_come(late):
    """vshymanskyy/TinyGSM 296: a modem that is slow from its first AT on."""

    class Late(Script):
        def __init__(self, answers):
            super().__init__(answers)
            self.coming = []

        def write(self, data):
            count = super().write(data)
            if self.rx:
                self.coming.append((asyncio.get_running_loop().time() + late, bytes(self.rx)))
                self.rx.clear()
            return count

        def any(self):
            while self.coming and self.coming[0][0] <= asyncio.get_running_loop().time():
                self.rx += self.coming.pop(0)[1]
            return super().any()

    async def main():
        ok = b"\r\nOK\r\n"
        answers = {b"AT+CMEE?": b"\r\n+CMEE: 1\r\n" + ok, b"AT": ok, b"ATE0": ok}
        answers.update({b"AT+CGMM": b"\r\nEC25\r\n" + ok, b"AT+CGSN": b"\r\n860000000000001\r\n" + ok})
        channel = AtChannel(Late(answers))
        for _ in range(3):
            try:
                await channel.command("AT", 300, 2)
            except NoAnswer:
                pass
        assert await channel.command("ATE0", 5000) == []
        assert await channel.command("AT+CGMM", 5000, 3) == ["EC25"]
        assert await channel.command("AT+CGSN", 5000) == ["860000000000001"]
        assert channel.owed is False

    run_virtual(main)


def test_connect_leaves_the_bytes_behind_it_alone():
    (lines, channel) = ask({b"ATD*99#": b"\r\nCONNECT 115200\r\n\x7e\xff\x7d\x23"}, "ATD*99#", dial=True)
    assert lines == ["CONNECT 115200"]
    assert channel.rest == b"\x7e\xff\x7d\x23"


@pytest.mark.parametrize("final", ["NO CARRIER", "BUSY", "NO ANSWER", "ERROR", "+CME ERROR: 30"])
def test_a_call_that_fails_says_how(final):
    lines, _ = ask({b"ATD*99#": b"\r\n" + final.encode() + b"\r\n"}, "ATD*99#", dial=True)
    assert lines == [final]


def test_text_is_sent_after_the_prompt():
    answers = {b'AT+CMGS="1"': b"\r\n> ", b"hello": b"\r\n+CMGS: 7\r\n\r\nOK\r\n"}
    lines, _ = ask(answers, 'AT+CMGS="1"', text="hello")
    assert lines == ["+CMGS: 7"]


def test_two_askers_take_turns():
    async def main():
        stream = Script({b"AT+A": b"\r\n+A: 1\r\n\r\nOK\r\n", b"AT+B": b"\r\n+B: 2\r\n\r\nOK\r\n"})
        channel = AtChannel(stream)
        found = await asyncio.gather(channel.command("AT+A"), channel.command("AT+B"))
        assert found == [["+A: 1"], ["+B: 2"]]

    run_virtual(main)


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_noise_between_lines_does_no_harm(noise):
    # What no line can have is passed over: "O", NUL, "K" is an OK.
    assume(b"OK" not in bytes(byte for byte in noise if 32 <= byte < 127 or byte in b"\r\n"))
    answers = {b"AT+CSQ": noise + b"\r\n+CSQ: 19,99\r\n" + noise + b"\r\nOK\r\n"}
    try:
        lines, _ = ask(answers, "AT+CSQ")
    except CommandError:
        return  # the noise happened to be a refusal
    assert "+CSQ: 19,99" in lines


def test_a_very_long_line_is_cut_and_very_many_are_dropped():
    lines, _ = ask({b"AT+X": b"\r\n" + b"x" * 5000 + b"\r\n" + b"y\r\n" * 500 + b"OK\r\n"}, "AT+X")
    assert len(lines[0]) == 400 and len(lines) == 64


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("+CREG: 2,1", (1, None, None)),
        ("+CREG: 1", (1, None, None)),
        ('+CEREG: 2,5,"1F2A","0123ABCD",7', (5, 7, None)),
        ('+CEREG: 5,"1F2A","0123ABCD",9', (5, 9, None)),
        ("+CEREG: 3,3,,,,0,11", (3, None, 11)),
        ("+CGREG: 0,0", (0, None, None)),
        ("+CREG: nonsense", (None, None, None)),
        ("+CREG:", (None, None, None)),
    ],
)
def test_registration_lines(line, expected):
    assert registration.parse_registration(line) == expected


@pytest.mark.parametrize(
    ("line", "asked", "unasked"),
    [
        ("+CEREG: 3,11", (11, None, None), (11, None, None)),
        ("+CEREG: 0,10", (10, None, None), (10, None, None)),
        ("+CEREG: 11", (None, None, None), (11, None, None)),
        ("+CEREG: 2,12", (None, None, None), (None, None, None)),
        ('+CREG: 1,"11","0123ABCD",7', (None, None, None), (1, 7, None)),
        ("+CREG: 5,1234,5678,7", (None, None, None), (5, 7, None)),
        ("+CREG: 2,5,1F2A,1234,7", (5, 7, None), (5, 7, None)),
        ("+CEREG: 3,,,,0,11", (None, None, None), (3, None, 11)),
        ('+CEREG: 5 , 9 , "1F2A","0123ABCD", 9', (9, 9, None), (9, 9, None)),
    ],
)
def test_what_was_asked_for_is_known_by_its_form(line, asked, unasked):
    assert registration.parse_registration(line, True) == asked
    assert registration.parse_registration(line) == unasked


@pytest.mark.parametrize(
    ("line", "dbm"),
    [("+CSQ: 19,99", -75), ("+CSQ: 0,0", -113), ("+CSQ: 31,0", -51), ("+CSQ: 99,99", None)],
)
def test_signal(line, dbm):
    assert registration.parse_csq(line) == dbm


def test_lte_signal():
    assert registration.parse_cesq("+CESQ: 99,99,255,255,22,45") == (-96, -9)
    assert registration.parse_cesq("+CESQ: 99,99,255,255,255,255") == (None, None)
    assert registration.parse_cesq("+CESQ: 99") == (None, None)


@pytest.mark.parametrize(
    ("line", "utc"),
    [
        ('+CCLK: "26/11/23,20:33:07+04"', 1795462387),
        ('+CCLK: "26/11/23,19:33:07+00"', 1795462387),
        ('+CCLK: "26/11/23,16:33:07-12"', 1795462387),
        ('+CCLK: "28/02/29,23:59:59+08"', 1835474399),
        ('+CCLK: "80/01/06,00:00:12+00"', None),
        ('+CCLK: "04/01/01,00:00:12+00"', None),
        ('+CCLK: ""', None),
        ('+CCLK: "70/01/01,00:00:08+00"', None),
        ('+CCLK: "69/12/31,16:00:08-32"', None),
        ('+CCLK: "26/02/29,10:00:00+04"', None),
        ('+CCLK: "26/04/31,10:00:00+04"', None),
        ('+CCLK: "26/11/23,24:00:00+04"', None),
        ('+CCLK: "2026/11/23,20:33:07+04"', 1795462387),
        ("+CCLK: 26/11/23,20:33:07+04", 1795462387),
    ],
)
def test_network_time(line, utc):
    assert registration.parse_clock(line) == utc


# What the channel lets through is printable ASCII.
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_no_line_breaks_a_parser(text):
    for line in (text, "+CEREG: " + text, '+CCLK: "' + text):
        registration.parse_registration(line)
        registration.parse_csq(line)
        registration.parse_cesq(line)
        registration.parse_clock(line)


def test_error_tables():
    assert error_numbers.words("+CME ERROR", 0) == "phone failure"
    assert error_numbers.words("+CMS ERROR", 500) == "unknown error"
    assert error_numbers.words("cause", 13) == "roaming is not allowed in this area"
    assert error_numbers.words("+CME ERROR", 9999) == "+CME ERROR 9999"
    assert error_numbers.ppp(-7) == "user or password refused"
    assert error_numbers.ppp(-77) == "error 77"


@pytest.mark.parametrize("name", profiles.names())
def test_profiles_are_complete(name):
    profile = profiles.get(name)
    assert profile["name"] == name
    assert set(profile) == set(profiles.GENERIC)
    assert profile["on_ms"] > 0 and profile["off_ms"] > 0 and profile["boot_ms"] >= 10000
    if name != "generic":
        assert "auto" in profile["modes"] and "4g" in profile["modes"]


@pytest.mark.parametrize(
    ("model", "name"),
    [(simulated["model"], name) for name, simulated in PROFILES.items()]
    + [("SIM7070G", "sim7080"), ("A7672E-FASE", "a7670"), ("BG77", "bg95"), ("ACME", "generic")],
)
def test_models_are_recognised(model, name):
    assert profiles.detect(model) == name


def test_every_lpwa_model_can_choose_its_radio():
    for name in ("sim7000", "sim7080", "bg95", "sara-r4"):
        assert {"nbiot", "catm"} <= set(profiles.get(name)["modes"])
    for name in ("sim7600", "ec25", "lara-r6"):
        assert {"2g", "3g", "4g"} <= set(profiles.get(name)["modes"])
