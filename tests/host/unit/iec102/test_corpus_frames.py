"""Published frames: the decoder explains each as its source does, and the codec gives the same bytes back."""

import json
from pathlib import Path

import pytest

from firmware.core.zone import Zone
from firmware.iec102.errors import Iec102Error
from tools import decode

FILES = sorted((Path(__file__).parents[3] / "corpus" / "frames").glob("*.json"))
MADRID = Zone("Europe/Madrid")


def agrees(found, right):
    """Whether all of `right` is in `found`, whatever else there is."""
    if isinstance(right, dict):
        return isinstance(found, dict) and all(key in found and agrees(found[key], right[key]) for key in right)
    if isinstance(right, list):
        return len(found) == len(right) and all(agrees(each, wanted) for each, wanted in zip(found, right))
    return found == right


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_explained(path):
    case = json.loads(path.read_text())
    assert case["source"]
    raw = decode.parse_hex(case["hex"])
    if "refused" in case:
        with pytest.raises((decode.BadFrame, Iec102Error)) as refused:
            decode.frame(raw, MADRID)
        assert case["refused"] in str(refused.value)
        return
    found = json.loads(json.dumps(decode.frame(raw, MADRID)))
    assert agrees(found, case["right"]), found
    assert list(decode.explain(found))
