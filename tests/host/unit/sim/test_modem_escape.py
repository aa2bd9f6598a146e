"""Three pluses between two silences lead out of data mode (V.250, Hayes), in whatever pieces the line brings them."""

import pytest

from tools.modem.engine import Modem

# What comes, and seconds before it.
LEAD = {
    "at once": ((1.1, b"+++"),),
    "one by one": ((1.1, b"+"), (0, b"+"), (0, b"+")),
    "in two pieces": ((1.1, b"++"), (0.001, b"+")),
    "after data": ((0, b"~data~"), (1.1, b"+"), (0.001, b"++")),
}
STAY = {
    "no silence before": ((1.1, b"~"), (0.5, b"+++")),
    "behind data": ((1.1, b"~+++"),),
    "four": ((1.1, b"+++"), (0.001, b"+")),
    "four in other pieces": ((1.1, b"++"), (0.001, b"++")),
    "data after it": ((1.1, b"+++"), (0.5, b"~")),
    "too slow": ((1.1, b"++"), (1.1, b"+")),
    "two": ((1.1, b"++"),),
    "data between": ((1.1, b"+"), (0.001, b"~"), (0.001, b"++")),
}


def _leaves(pieces):
    """Whether a modem in data mode takes these for the way out."""
    time = [100.0]
    modem = Modem("sim7600", {"stuck": 1}, now=lambda: time[0], epoch=1795000000)
    modem.start(running=True)
    modem.tick()
    terminal = modem.uart
    assert terminal.data
    for wait, data in pieces:
        time[0] += wait
        modem.tick()
        modem.receive(data)
    time[0] += 1.1
    modem.tick()
    return not terminal.data


@pytest.mark.parametrize("way", LEAD)
def test_in_whatever_pieces_they_come(way):
    assert _leaves(LEAD[way])


@pytest.mark.parametrize("way", STAY)
def test_what_may_be_data_is_data(way):
    assert not _leaves(STAY[way])
