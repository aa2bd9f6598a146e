"""The table of reading kinds (firmware/meters/readings/kinds.py): all else follows from its rows."""

import inspect

import pytest

from firmware.commands import grammar
from firmware.config.config import Config
from firmware.core import overlay
from firmware.meters import readings
from firmware.meters.readings import kinds

# As they lie on the flashes of installed devices: in the records of the log, in the ledgers of the meters ("done3").
ON_FLASHES = {
    1: "instant",
    2: "closings",
    3: "curve",
    4: "tariff",
    5: "events",
    6: "identity",
    7: "meterclock",
    8: "power",
    9: "setup",
    15: "error",
}
READ = [kind for kind in kinds.every() if kind.module]


def test_numbers_never_change_and_none_is_given_twice():
    found = [kind.number for kind in kinds.every()]
    assert len(set(found)) == len(found) and all(0 < number < readings.EXTENDED for number in found)
    assert readings.PROBE not in found
    assert {kind.number: kind.name for kind in kinds.every() if kind.number in ON_FLASHES} == ON_FLASHES


def test_the_names_in_the_code_are_numbers_of_the_table():
    for name, number in vars(readings).items():
        if name.isupper() and name not in ("PROBE", "EXTENDED"):
            kind = kinds.find(number)
            assert name.lower() == kind.name.replace("meter", ""), name


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.name)
def test_a_kind_is_read_by_a_coroutine_of_its_module(kind):
    found = kinds.reader(kind)
    assert inspect.iscoroutinefunction(found)
    assert found.__module__ == "firmware.meters.readings." + kind.module
    assert list(inspect.signature(found).parameters) == ["master", "meter", "job"]
    assert 0 < kind.longest <= overlay.LARGEST


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.name)
def test_a_kind_has_its_commands_and_its_setting(kind):
    start, give = grammar.row("SET" + kind.type), grammar.row("GET" + kind.type)
    assert start[4:6] == ["meter", "readings"] and give[1:6] == ["id", "1", "1", "view", "readings"]
    assert Config().row("meter.0." + kind.setting)[0][2] in ("int", "bool")


def test_every_command_of_a_reading_has_its_kind():
    types = {kind.type for kind in READ}
    for row in grammar.rows():
        if row[0][3:].startswith("IEC102"):
            assert row[0][3:] in types, row[0]


def test_a_kind_is_found_by_number_and_by_type():
    assert kinds.find(readings.CURVE | readings.EXTENDED).name == "curve"
    assert kinds.find(type="IEC102_LC").number == readings.CURVE
    for wrong in ({"number": readings.PROBE}, {"type": ""}, {"type": "IEC102_X"}):
        with pytest.raises(KeyError):
            kinds.find(**wrong)
