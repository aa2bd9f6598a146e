"""A middle board with everything on: MQTTS, Home Assistant, the audit log, four meters, a trace, and the page open."""

import threading
import time

import pytest

from tests.host.support import brokers, tls_lab
from tests.host.support.page_client import Browser
from tests.host.support.page_lab import PASSWORD
from tools import micropython, patience

pytestmark = pytest.mark.takes(60)


def test_four_tabs_beside_tls_and_four_meters(tmp_path):
    port = brokers.free_port()
    values = {
        "page.password": PASSWORD, "page.port": port, "page.commands": "*", "mqtt.commands": "*", "ha.enabled": True,
        "iec102.trace": "file", "audit.topic": "lector102/[IMEI]/AUDIT",
    }  # fmt: skip
    more = {"meters": 4, "interval": 1, "settings": values, "heap": micropython.MIDDLE}
    with tls_lab.Lab(tmp_path, tls_lab.Authority(), **more) as lab:
        lab.twin.start()
        lab.twin.wait_line("I page: http://", 60)
        lab.record(60)
        wrong = []

        def look(number):
            """What a tab asks for in its first minute."""
            browser = Browser(port)
            try:
                assert browser.get("/").status == 200
                assert browser.login(PASSWORD).status == 200
                for _ in range(6):
                    assert browser.get("/api/status").json["ok"]
                    assert browser.at("GETRECORDS,1,100")["ok"]
                    assert browser.get("/api/trace").json["ok"]
                assert browser.get("/api/settings").json["ok"]
                assert browser.at("FORCEREAD,ID0000%d" % number)["ok"]
                assert browser.at("DOCTOR")["ok"]
            except Exception as error:
                wrong.append("%d: %s: %s" % (number, type(error).__name__, error))

        tabs = [threading.Thread(target=look, args=(number,)) for number in range(4)]
        for each in tabs:
            each.start()
        for each in tabs:
            each.join(300)
        assert wrong == []
        # The broker goes and comes: a handshake has its room beside the page.
        lab.broker.stop()
        lab.broker.start()
        tab = Browser(port)
        assert tab.login(PASSWORD).status == 200

        def status():
            return dict(line.partition(": ")[::2] for line in tab.get("/api/status").json["lines"])

        limit = patience.Limit(120)
        while status()["mqtt.connected"] != "true":
            assert not limit.passed(), status()
            time.sleep(0.5)
        found = status()
        assert found["start.mode"] == "normal" and not [name for name in found if name.startswith("restarts")], found
        assert lab.twin.starts == 1
        assert not [line for line in lab.twin.lines if "MemoryError" in line]
