"""The audit log of the whole device, on MicroPython, over a real broker."""

import json

import pytest

from tests.host.support.twin_lab import IDENT, Lab
from tests.host.unit.commands.test_commands import OURS
from tools import patience

pytestmark = pytest.mark.takes(20)

TOPIC = "lector102/%s/AUDIT" % IDENT
AT = "mqtt lector102/%s/AT" % IDENT


def entries(answer):
    """Those behind the command and before the OK, without number and time."""
    lines = answer.replace("\r", "").split("\n\nOK")[0].split("\n")[1:]
    return [line.split(" ", 2)[2] for line in lines]


def test_what_was_done_stands_there_after_a_restart_without_secrets(tmp_path):
    settings = {"mqtt.commands": "*", "audit.topic": TOPIC}
    with Lab(tmp_path, settings=settings, interval=60) as lab:
        heard = {}
        lab.client.message_callback_add(TOPIC, lambda c, u, m: heard.update({json.loads(m.payload)["N"]: m.payload}))
        lab.twin.start()
        lab.twin.wait_line("I audit: device: start", 60)
        for line in ("SETPARAM,mqtt.password,hush-hush", "GETSTATUS,log", "GETPARAM,nothing", "NONSENSE,hush-hush"):
            lab.at(OURS + line)
        lab.at(OURS + "SAVECONFIG\nMQTT_login: meter\nlogger.size: 4000")
        lab.at(OURS + "SETPARAM,mqtt.user,other")
        lab.at(OURS + "REBOOT")
        assert patience.until(lambda: sum("I audit: device: start" in line for line in list(lab.twin.lines)) == 2, 60)
        lab.twin.stop()
        lab.client.publish("lector102/%s/AT" % IDENT, OURS + "REBOOT", qos=1, retain=True).wait_for_publish(10)
        lab.twin.start()
        lab.twin.wait_line("retain", 60)
        found = entries(lab.at(OURS + "GETAUDIT,50"))
        ours = [line[len(AT) + 2 :] for line in found if line.startswith(AT)]
        assert ours == [
            OURS + "SETPARAM,mqtt.password,***: OK",
            OURS + "GETPARAM,nothing: ERROR 4",
            OURS + "NONSENSE,***: ERROR 2",
            OURS + "SAVECONFIG: mqtt.user logger.size: OK",
            OURS + "SETPARAM,mqtt.user,other: OK",
            OURS + "REBOOT: OK",
        ]
        others = [line for line in found if not line.startswith(AT)]
        starts = [at for at, line in enumerate(found) if line.startswith("device: start: 0.")]
        assert starts[0] == 0 and len(starts) == 3 and found[starts[1] - 1] == "device: restart: command on mqtt"
        assert "mqtt: a command published with retain: not carried out" in others
        assert [line for line in others if "taken back" in line or "work and stay" in line], found
        assert patience.until(lambda: len(heard) >= len(found), 60), (sorted(heard), len(found))
        assert sorted(heard) == list(range(1, len(heard) + 1))
        second = json.loads(heard[2])
        assert second["WHO"] == AT and second["RESULT"] == "OK" and second["IMEI"] == IDENT
        assert "GETSTATUS" not in str(found) and "hush" not in str(found) + str(heard)
