"""Samples of the proofs about memory (tests/proof): each found what it is for soon, before that was mended."""

from tests.proof.full_heap import filled
from tests.proof.many_commands import carried_out
from tools import build


def test_a_heap_that_is_full_again_and_again_leaves_no_service_dead():
    build.build()
    found = filled(2500, 3)
    assert found["turns"] >= 2500 and found["fills"] > 50 and not found["failures"]
    assert found["kept"] and not [why for why in found["resets"] if why.startswith("main: ")], found


def test_changes_of_settings_leave_the_heap_as_it_was_and_a_full_one_takes_reboot():
    build.build()
    carried_out(400)
