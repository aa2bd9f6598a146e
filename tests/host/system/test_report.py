"""What the device tells of itself (STATUS) and of its bytes (GETSTATUS,data), on MicroPython over a real broker."""

import json
import time

import pytest

from firmware.core import VERSION
from tests.host.support import tls_lab
from tests.host.support.twin_lab import IDENT, Lab
from tests.host.system.test_twin_modem import started
from tests.host.unit.commands.test_commands import OURS
from tools import micropython

pytestmark = pytest.mark.takes(30)

STATUS = "lector102/%s/STATUS" % IDENT
DAY = 86400


def told(lab, seconds=60):
    payload = lab.next(seconds, STATUS)[1]
    return json.loads(payload) if payload else None


def data(lab):
    """GETSTATUS,data as {name: text}."""
    lines = lab.at(OURS + "GETSTATUS,data").replace("\r", "").split("\n")
    return dict(line[5:].split(": ") for line in lines if line.startswith("data."))


def test_in_the_heap_of_a_small_board(tmp_path):
    with Lab(tmp_path, settings={"mqtt.commands": "*", "device.confirm": False}, heap=micropython.SMALL) as lab:
        lab.twin.start()
        lab.record(60)
        before = data(lab)
        assert before["limit"] == "0" and before["over"] == "false"
        assert 1000 < int(before["today"]) == int(before["month"]) < 50_000
        assert "OK" in lab.at(OURS + "SETPARAM,mqtt.status_minutes,1")
        first = told(lab)
        known = {"IMEI", "VERSION", "SETTINGS", "RESET", "UTC", "BYTES", "MONTH", "PING", "LOG", "HEAP"}
        # Neither a modem nor TLS, and nobody has set the clock of the host.
        assert set(first) - {"DRIFT"} == known
        assert (first["IMEI"], first["VERSION"], first["PING"]) == (IDENT, VERSION, 30)
        assert len(first["SETTINGS"]) == 8 and abs(first["UTC"] - time.time()) < 60
        assert int(before["month"]) < first["BYTES"] <= first["MONTH"] < int(before["month"]) + 50_000
        assert 50_000 < first["HEAP"] < int(micropython.SMALL[:-1]) * 1024
        lab.at(OURS + "SETPARAM,mqtt.status_minutes,0")
        assert told(lab) is None, "it is taken from the broker"
        lab.at(OURS + "SETPARAM,mqtt.status_minutes,1")
        second = told(lab)
        assert second["SETTINGS"] == first["SETTINGS"] and second["BYTES"] > first["BYTES"]
        assert data(lab)["limit"] == "0"
        lab.twin.stop()
        lab.twin.start()
        lab.record(60)
        assert int(data(lab)["month"]) >= int(before["month"]), "what was kept is there after a power cut"
        assert not [line for line in lab.twin.lines if "Traceback" in line or "out of memory" in line]


def test_behind_a_modem(tmp_path):
    settings = {"mqtt.status_minutes": 15, "mqtt.commands": "*", "device.confirm": False}
    with started(tmp_path, "--running", **settings) as (lab, _):
        lab.record(120)
        lab.at(OURS + "SETPARAM,logger.id,1", 60)  # else the first comes after five minutes
        found = told(lab)
        assert found["PING"] == 60 and -113 <= found["SIGNAL"] <= -51
        answer = lab.at(OURS + "GETSTATUS,mqtt", 60)
        assert "mqtt.keepalive: 900" in answer and "mqtt.ping: 60" in answer


def test_days_to_the_end_of_a_certificate(tmp_path):
    """The broker's as it was seen, or the device's own where that ends before."""
    authority = tls_lab.Authority()
    now = time.time()
    shown = authority.until(now + 20.5 * DAY)
    settings = {"mqtt.status_minutes": 15, "mqtt.commands": "*", "device.confirm": False}
    with tls_lab.Lab(tmp_path, authority, shown=shown, settings=settings) as lab:
        lab.twin.start()
        lab.record(60)
        lab.at(OURS + "SETPARAM,logger.id,1")
        assert told(lab)["CERT"] == 20
