"""The samples of the proofs still fail for what the proofs were written for: each of these faults is found by one."""


import pytest

from firmware.meters.ledger import Ledger
from firmware.net.modem import cmux
from firmware.net.modem.exchange import NoAnswer
from firmware.recordlog.ring import Ring
from tests.proof.cmux_day import carried
from tests.proof.months import lived, moment


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
