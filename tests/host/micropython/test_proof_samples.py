"""The sample of power cuts finds each fault of the log."""

import shutil
from pathlib import Path

import pytest

from tests.proof.power_cuts import sweep

ROOT = Path(__file__).resolve().parents[3]
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
