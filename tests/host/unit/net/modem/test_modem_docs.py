"""docs/modems.md promises what the code does: its tables are made from the code's."""

from pathlib import Path

from firmware.net.modem import bringup, describe, prepare, profiles
from tests.host.unit.net.modem.test_modem_recovery import ONLINE_FAULTS

DOC = Path(__file__).resolve().parents[5] / "docs" / "modems.md"

MEANING = {
    "turn": "one turn of the watch and of the byte pump; the pump's is 5 while something comes",
    "at": "one `AT` while looking for the modem",
    "guard": "the silence before and after `+++`",
    "sim": "the SIM being ready",
    "register": "the search for a network",
    "denied": "how long a refusal must last to be believed",
    "look": "pause between two looks at the registration",
    "mux": "one try (of three) to open a CMUX channel; its close-down",
    "dial": "the wait for CONNECT",
    "ppp": "PPP's negotiation",
    "close": "PPP's end: until `status()` is 0; at once where a link stood, two time-outs of 6 s else",
    "stable": "good service after which the ladder starts anew",
    "backoff_min": "first wait before a measure",
    "backoff_max": "longest wait before a measure",
    "blocked": "pause between two looks at a SIM that waits for a person",
    "probe": "the answer to one keep-online probe",
    "watch": "pause between two looks at signal and operator over CMUX",
    "watch_answer": "one try (of two) for their answer",
    "quiet": "silence after which one complaint ends the call",
    "ask": "without CMUX: silence, while an answer is due, after which the modem is asked whether the call is over",
    "dcd": "how long DCD must be off",
    "no_carrier": "silence after NO CARRIER that makes it believed",
    "time": "pause between two looks at the network's time",
    "scale": "percent by which the model's own times are multiplied (100)",
}
NOTICED = {
    "hang-up": "NO CARRIER",
    "carrier": "NO CARRIER",
    "swallow": "the keep-online probe",
    "crash": "the multiplexer's silence",
    "mux-crash": "the multiplexer's silence",
    "freeze": "the multiplexer's silence",
    "freeze=power": "the multiplexer's silence",
    "off": "the multiplexer's silence",
}


def models():
    for name in profiles.names():
        p = profiles.get(name)
        times = [p[key] or "-" for key in ("on_ms", "off_ms", "down_ms", "reset_ms", "boot_ms", "n1")]
        choices = ", ".join(sorted(p["modes"])) or "as the modem is set"
        yield "| %s | %s | %s |" % (name, " | ".join(map(str, times)), choices)


def deadlines():
    for name, value in prepare.TIMING.items():
        yield "| `%s` | %d | %s |" % (name, value, MEANING[name])


def faults():
    for name, (_, seconds, _, boots) in ONLINE_FAULTS.items():
        yield "| `%s` | %s | %d | %s |" % (
            name,
            NOTICED[name],
            seconds,
            "x %d" % boots if boots else "-",
        )


def test_the_tables_are_the_codes():
    text = DOC.read_text()
    for row in (*models(), *deadlines(), *faults()):
        assert row in text, "docs/modems.md lacks: " + row


def test_every_measure_is_described_with_its_number_of_tries():
    text = DOC.read_text()
    for name, tries in zip(describe.MEASURES, bringup.TRIES):
        assert "| %s | %d |" % (name, tries) in text


def test_it_says_that_no_hardware_was_tested():
    assert "On hardware: nothing yet" in DOC.read_text()
