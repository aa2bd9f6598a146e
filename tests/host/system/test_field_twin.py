"""The odd manners of meters and a long message on MicroPython, in the heap of a middle board, end to end."""

import json

from tests.host.support.twin_lab import Lab, meter_settings
from tools import micropython

ODD = ("--no-end", "--refuse", "190=18,102/53=nack,162.193=17", "--twice", "--midnight24", "--daily", "--strict")
WANTED = {"IEC102", "IEC102_LC", "IEC102_EV", "IEC102_TAVC", "IEC102_CTAVM2"}


def test_every_kind_of_reading_of_a_meter_with_odd_manners(tmp_path):
    settings = meter_settings(curve=5, events=7, tariff=9, interval=4, closing=True, closing_days=5)
    settings.update({"iec102.busy_limit": 1, "logger.topic": "x/[ID]", "mqtt.commands": "*", "device.confirm": False})
    # What is due every few minutes is read at once, not at the next full slot of the clock.
    settings["iec102.align"] = False
    with Lab(tmp_path, meter=ODD, settings=settings, heap=micropython.MIDDLE) as lab:
        lab.twin.start()
        found = {}
        while WANTED - set(found):
            topic, payload = lab.next(60)
            if topic.startswith("x/"):
                assert topic == "x/ID00000"
                record = json.loads(payload)
                assert record["TYPE"] in WANTED, record
                found.setdefault(record["TYPE"], record)
        assert "PAT" not in found["IEC102"] and "VABA" in found["IEC102"]
        assert all("T24:" not in item["DEND"] for item in found["IEC102_CTAVM2"]["CTAVM2"])
        text = lab.at("AT^MTXTUNNEL=GETCONFIG", 60).split("\r\n")[1:-3]
        assert len("\n".join(text)) > 2000
        head = "AT^MTXTUNNEL=SAVECONFIG\r\nMQTT_qos: 2\r\n"
        answer = lab.at(head + "\r\n".join(text[:20]), 60)
        assert "MQTT_qos: 2 is not possible here, 1 is taken" in answer and answer.split()[-1] == "OK", answer
        # All at once is more than a small heap may have room for; an answer comes in any case.
        answer = lab.at(head + "\r\n".join(text), 60)
        assert answer.startswith("AT^MTXTUNNEL=SAVECONFIG\r\n") and answer.split()[-1] in ("OK", "ERROR"), answer
        assert lab.at("\ufeffAT\0").split()[-1] == "OK"
