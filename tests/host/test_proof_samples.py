"""The samples of the proofs still fail for what the proofs were written for: each of these faults is found by one."""

import shutil
from pathlib import Path

import pytest

from firmware.meters.ledger import Ledger
from firmware.net.modem import cmux
from firmware.net.modem.exchange import NoAnswer
from firmware.recordlog.ring import Ring
from tests.proof.cmux_day import carried
from tests.proof.months import lived, moment
from tests.proof.power_cuts import sweep

ROOT = Path(__file__).resolve().parents[2]
# A fault of the log: the module, a line of it, and what stands in its place.
LOG_FAULTS = {
    "the journal is not taken over": (
        "mount", "for slot, head, payload in _whole(ring.journal):", "for slot, head, payload in ():"),
    "an entry's stamp is given again after a start": (
        "mount", "journal.stamp = max(journal.stamp, stamp + 1)", "pass"),
    "acknowledgements of the journal are forgotten": (
        "mount", "if fields[0] == format.ACK:", "if fields[0] == format.ACK and False:"),
    "a full journal is emptied without what it had being in a segment": (
        "segments", "waiting = list(journal.entries)", "waiting = []"),
    "a slot counts before it is durable": (
        "files", 'with open(self._slot(number), "wb") as file:\n            file.write(view)',
        'self.late = open(self._slot(number), "wb")\n        self.late.write(view)'),
    "what is deleted is not noted": ("segments", "gone(ring, start - 1)", "pass"),
}  # fmt: skip


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", LOG_FAULTS)
def test_a_fault_of_the_log_is_found_by_the_sample_of_power_cuts(tmp_path, fault):
    module, line, other = LOG_FAULTS[fault]
    shutil.copytree(ROOT / "firmware", tmp_path / "firmware", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "firmware" / "log" / (module + ".py")
    text = path.read_text()
    assert line in text
    path.write_text(text.replace(line, other))
    with pytest.raises(AssertionError) as found:
        sweep(1, code=str(tmp_path))
    assert "ImportError" not in str(found.value) and "SyntaxError" not in str(found.value)


def test_without_a_fault_a_copy_passes_the_sample(tmp_path):
    shutil.copytree(ROOT / "firmware", tmp_path / "firmware", ignore=shutil.ignore_patterns("__pycache__"))
    assert sweep(1, code=str(tmp_path))["cuts"] > 30


def hasty(self):
    """Takes a short write for a whole one."""
    if self._out_from < self._out_to:
        self._uart.write(self._out_view[self._out_from : self._out_to])
    self._out_from = self._out_to = 0


def overrun(self, data, took=cmux.Channel.took):
    """The last byte of what fills the ring to its end is dropped."""
    took(self, data[:-1] if (self._head + self._count + len(data)) % len(self._ring) == 0 else data)


CMUX_FAULTS = {
    "a short write is taken for a whole one": (cmux.Mux, "_flush", hasty),
    "a byte at the ring's end is dropped": (cmux.Channel, "took", overrun),
}


@pytest.mark.parametrize("fault", CMUX_FAULTS)
def test_a_fault_of_the_multiplexer_is_found_by_hours_of_traffic(monkeypatch, fault):
    monkeypatch.setattr(*CMUX_FAULTS[fault])
    with pytest.raises((AssertionError, NoAnswer)):
        carried(1, 3 * 3600)


MONTH_FAULTS = {
    "what has been read is not noted on the flash": (Ledger, "save"),
    "what has been delivered is not noted on the flash": (Ring, "flush"),
}


@pytest.mark.parametrize("fault", MONTH_FAULTS)
def test_a_fault_of_the_readings_is_found_by_some_days(monkeypatch, fault):
    monkeypatch.setattr(*MONTH_FAULTS[fault], lambda self: None)
    with pytest.raises(AssertionError):
        lived(moment(3, 27), "fifo", "titan", 10)
