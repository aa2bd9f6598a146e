"""What the soak of the twin (tests/proof/soak_twin.py) takes for a quarter of which nothing is known."""

from tests.proof.soak_twin import missing


def test_a_quarter_is_missing_unless_its_end_or_a_failed_try_is_told():
    due = range(10, 20)
    assert missing(due, set(due), set(), set()) == []
    assert missing(due, set(due) - {12, 13}, set(), set()) == [12, 13]
    # Given up in the second of them, or as the next one begins.
    assert missing(due, set(due) - {12, 13}, {13}, set()) == missing(due, set(due) - {12, 13}, {14}, set()) == []
    # A record of another time tells nothing of these.
    assert missing(due, set(due) - {12, 13}, {11}, set()) == missing(due, set(due) - {12, 13}, {16}, set()) == [12, 13]
    # A try failed, and the next quarter's values are those of the last try.
    assert missing(due, set(due) - {12}, set(), {12}) == []
    # At the end nothing follows.
    assert missing(due, set(due) - {18, 19}, set(), {18, 19}) == [18, 19]
