"""The table of mutations stays in step with the source; `make proof` carries them out (tests/proof/mutations.py)."""

import pytest

from tests.proof import mutants, mutations
from tests.proof.fault_samples import LOG_FAULTS

# A place of the list may have more than one fault: the permission of three commands is one place.
PLACES = 31


@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.name)
def test_each_piece_stands_once_in_its_file_and_its_fault_is_code(mutant):
    source = (mutations.ROOT / mutant.file).read_text()
    broken = mutations.broken(mutant, source)
    assert broken != source
    compile(broken, mutant.file, "exec")
    assert mutant.tests
    for file in mutant.tests:
        assert (mutations.ROOT / "tests" / "host" / file).is_file()


def test_a_piece_that_is_not_there_any_more_is_told():
    one = mutants.MUTANTS[0]
    for source in ("", 2 * (one.piece + "\n")):
        with pytest.raises(AssertionError, match=one.name):
            mutations.broken(one, source)


def test_no_place_is_missing():
    names = [mutant.name for mutant in mutants.MUTANTS]
    places = {name.rpartition(" of ")[0] if name.startswith("permission") else name for name in names}
    assert len(set(names)) == len(names) and len(places) == PLACES


@pytest.mark.parametrize("name", LOG_FAULTS)
def test_every_fault_of_the_log_changes_one_place_that_is_there(name):
    path, piece, _ = LOG_FAULTS[name]
    assert (mutations.ROOT / path).read_text().count(piece) == 1
