"""What the doctors give to type is what the device takes."""

import argparse
import re
import types

import pytest

from firmware.commands import grammar
from firmware.config.config import Config
from firmware.core import error_meter, error_network, error_services
from tools.doctor import linescan, meter
from tools.doctor import modem as modem_doctor
from tools.doctor.__main__ import _speeds
from tools.doctor.report import Report


def taken(line):
    """Take a line `SETPARAM,name,value`, as the console does."""
    name, setting, value = line.split(",", 2)
    assert grammar.row(name)
    Config().set_many({setting: value})


@pytest.mark.parametrize("form", linescan.FORMATS)
@pytest.mark.parametrize("baud", linescan.BAUDS)
def test_whatever_line_and_address_is_found_can_be_set(baud, form):
    said = []
    doctor = types.SimpleNamespace(
        args=argparse.Namespace(baud=1, format="7N1", link=3),
        line=(baud, form), link=65535, point=7, uart=types.SimpleNamespace(fixed=False), report=Report(said.append),
    )  # fmt: skip
    meter.MeterDoctor.compare(doctor)
    todo = [line.removeprefix("do     ") for line in said if line.startswith("do     SETPARAM")]
    assert len(todo) == 3
    for line in todo:
        taken(line)
    said.clear()
    meter.MeterDoctor.settings(doctor)
    pairs = [line.strip().split(" = ") for line in said if " = " in line]
    assert len(pairs) >= 7
    Config().set_many(dict(pairs))


def test_the_speeds_that_are_tried_are_the_devices():
    assert set(linescan.BAUDS) <= set(_speeds("port.baud"))
    assert set(modem_doctor.BAUDS) <= set(_speeds("uplink.baud"))
    for baud in _speeds("uplink.baud"):
        taken("SETPARAM,uplink.baud,%d" % baud)


def test_commands_in_the_words_of_errors_are_commands():
    rows = "".join(table.ROWS for table in (error_meter, error_network, error_services))
    found = re.findall(r"SETPARAM,([\w.{}]+),(\w+)", rows)
    assert found
    for name, value in found:
        row = Config().row(name.replace("{0}", "1").replace("{1}", "1"))[0]
        assert value.isupper() or Config().set_many({row[0]: value}) is not None
    for name in re.findall(r"\b((?:port|meter|mqtt|uplink|device|iec102)\.(?:N\.|\{\d\}\.)?[a-z_]+)", rows):
        Config().row(re.sub(r"N|\{\d\}", "1", name))
