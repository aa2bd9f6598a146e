"""The samples of the proofs find what the proofs were written for: each of these faults makes one fail."""

import shutil
import tempfile
from pathlib import Path
from unittest import mock

from firmware.meters.ledger import Ledger
from firmware.net.modem import cmux
from firmware.net.modem.exchange import NoAnswer
from firmware.recordlog.ring import Ring
from tests.proof.cmux_day import carried
from tests.proof.months import lived, moment
from tests.proof.power_cuts import sweep

ROOT = Path(__file__).resolve().parents[2]
# A fault of the log: the file, a line of it, and what stands in its place.
LOG_FAULTS = {
    "the journal is not taken over": (
        "firmware/recordlog/mount.py", "for slot, head, payload in entries(ring.journal):",
        "for slot, head, payload in ():"),
    "an entry's stamp is given again after a start": (
        "firmware/recordlog/mount.py", "journal.stamp = max(journal.stamp, stamp + 1)", "pass"),
    "acknowledgements of the journal are forgotten": (
        "firmware/recordlog/mount.py", "if fields[0] == format.ACK:", "if fields[0] == format.ACK and False:"),
    "a full journal is emptied without what it had being in a segment": (
        "firmware/recordlog/segments.py", "waiting = list(journal.entries)", "waiting = []"),
    "a slot counts before it is durable": (
        "firmware/recordlog/files.py", 'with open(self._slot(number), "wb") as file:\n            file.write(view)',
        'self.late = open(self._slot(number), "wb")\n        self.late.write(view)'),
    "what is deleted is not noted": ("firmware/recordlog/segments.py", "gone(ring, start - 1)", "pass"),
}  # fmt: skip


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
MONTH_FAULTS = {
    "what has been read is not noted on the flash": (Ledger, "save"),
    "what has been delivered is not noted on the flash": (Ring, "flush"),
}


def log_fault(file, line, other):
    """What the sample of power cuts says of a copy with that fault, "" where it passes."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(ROOT / "firmware", Path(name) / "firmware", ignore=shutil.ignore_patterns("__pycache__"))
        path = Path(name) / file
        text = path.read_text()
        assert line in text, (file, line)
        path.write_text(text.replace(line, other))
        try:
            assert sweep(1, code=name)["cuts"] > 30
        except AssertionError as found:
            assert "ImportError" not in str(found) and "SyntaxError" not in str(found), found
            return str(found) or "it fails"
    return ""


def noticed(sample, *arguments):
    """Whether a sample of another proof fails."""
    try:
        sample(*arguments)
    except (AssertionError, NoAnswer):
        return True
    return False


def proof():
    assert not log_fault("firmware/recordlog/mount.py", "import struct", "import struct"), "the sample fails by itself"
    for name, words in LOG_FAULTS.items():
        assert log_fault(*words), name
    for name, words in CMUX_FAULTS.items():
        with mock.patch.object(*words):
            assert noticed(carried, 1, 3 * 3600), name
    for name, words in MONTH_FAULTS.items():
        with mock.patch.object(*words, lambda self: None):
            assert noticed(lived, moment(3, 27), "fifo", "titan", 10), name
    return {"faults": len(LOG_FAULTS) + len(CMUX_FAULTS) + len(MONTH_FAULTS)}
