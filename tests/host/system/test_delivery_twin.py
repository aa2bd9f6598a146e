"""The firmware on MicroPython delivers by MQTT, over HTTP and over FTP: one of these beside MQTT in the heap of a
small board, all at once in that of a middle one.
"""

import json

import pytest

from tests.host.support import delivery_lab, ftp_servers
from tests.host.support.twin_lab import Lab
from tools import micropython, patience

pytestmark = pytest.mark.takes(60)
OURS = "AT^MTXTUNNEL="


class Records(delivery_lab.Web):
    """`records`: all that were taken; `dead`: it takes none."""

    def __init__(self):
        super().__init__(self._judge)
        self.records = []
        self.dead = False

    def _judge(self, number, records):
        for each in records:
            each["N"] = each["TS"]
        if self.dead:
            return 503, {}, b""
        self.records += records
        return 200, {}, b"ok"


def over_http(web, form):
    return {
        "http.enabled": True, "http.server": "http://127.0.0.1:%d/in" % web.port, "http.form": form,
        "http.header1": "X-Device: [IMEI]", "mqtt.commands": "*",
    }  # fmt: skip


def over_ftp(ftp):
    return {
        "ftp.enabled": True, "ftp.server": "ftp://127.0.0.1:%d" % ftp.port, "ftp.user": "meter",
        "ftp.password": "secret", "mqtt.commands": "*",
    }  # fmt: skip


def wait(lab, fact, seconds=60):
    limit = patience.Limit(seconds)
    while not fact():
        if limit.passed():
            pytest.fail("\n".join(lab.twin.lines[-40:]))
        lab.collect(0.3)


def well(lab):
    """Nothing failed on the way."""
    said = [line for line in lab.twin.lines if "Traceback" in line or "starts again" in line or "memory" in line]
    assert not said, said


def of(ftp):
    return [json.loads(line) for lines in ftp.files().values() for line in lines]


def check_http(lab, web, form):
    wait(lab, lambda: len(web.records) > 2 and len(lab.records) > 2)
    assert all("VABA" in each for each in lab.records)
    assert all(("VABA" in each) == (form == "titan") for each in web.records)
    assert web.requests[0][2]["X-Device"] == "860000000000001"
    # A server that takes nothing holds up nobody, and gets it all later.
    web.dead = True
    before = len(web.records), len(lab.records)
    wait(lab, lambda: len(lab.records) > before[1] + 3)
    state = lab.at(OURS + "GETSTATUS,deliveries")
    assert "deliveries.http.last_error: the server answers 503" in state, state
    assert "deliveries.mqtt.waiting: " in state
    doctor = lab.at(OURS + "DOCTOR,http")
    assert "http: FAULT the server answers 503" in doctor, doctor
    web.dead = False
    assert "http: " in lab.at(OURS + "SENDNOW,http")
    wait(lab, lambda: len(web.records) > before[0] + 3)
    assert "http: ok, http://127.0.0.1" in lab.at(OURS + "DOCTOR,http")
    stamps = [each["TS"] for each in web.records]
    assert stamps == sorted(set(stamps)), stamps


def check_ftp(lab, ftp):
    wait(lab, lambda: len(lab.records) > 3)
    assert "ftp: " in lab.at(OURS + "SENDNOW,ftp")
    before = len(lab.records)
    wait(lab, lambda: len(of(ftp)) >= before)
    assert "ftp: ok, ftp://127.0.0.1" in lab.at(OURS + "DOCTOR,ftp")
    stamps = [each["TS"] for each in of(ftp)]
    assert stamps == sorted(set(stamps)) and all("VABA" in each for each in of(ftp))


def test_http_beside_mqtt_on_a_small_board(tmp_path):
    with Records() as web, Lab(tmp_path, settings=over_http(web, "titan"), heap=micropython.SMALL_AND_3_KB) as lab:
        lab.twin.start()
        check_http(lab, web, "titan")
        well(lab)


def test_ftp_beside_mqtt_on_a_small_board(tmp_path):
    heap = micropython.SMALL_AND_3_KB
    with ftp_servers.Server(tmp_path / "server") as ftp, Lab(
        tmp_path / "twin", settings=over_ftp(ftp), heap=heap
    ) as lab:
        lab.twin.start()
        check_ftp(lab, ftp)
        well(lab)


def test_all_three_on_a_middle_board(tmp_path):
    with Records() as web, ftp_servers.Server(tmp_path / "server") as ftp:
        both = dict(over_http(web, "extended"), **over_ftp(ftp))
        with Lab(tmp_path / "twin", settings=both, heap=micropython.MIDDLE) as lab:
            lab.twin.start()
            check_http(lab, web, "extended")
            check_ftp(lab, ftp)
            well(lab)
