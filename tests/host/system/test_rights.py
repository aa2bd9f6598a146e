"""The way out, between two real brokers."""

import json
import re

import pytest

from tests.host.support import brokers
from tests.host.support.roles import WITH_WAY
from tests.host.support.twin_lab import IDENT, LOGGER, Lab
from tests.host.unit.commands.test_commands import OURS
from tools import patience

pytestmark = pytest.mark.takes(20)


def test_two_brokers_and_a_code(tmp_path):
    """The real device: the stranger's broker gets a connection and nothing else; confirmed, it gets the records."""
    other = brokers.start_broker()
    rights = {**WITH_WAY, "device.mtxerr": True, "mqtt.user": "meter", "mqtt.password": "hush-hush"}
    try:
        with Lab(tmp_path, settings=rights, interval=2) as lab:
            lab.twin.start()
            lab.record()
            line = OURS + "SETPARAM,mqtt.broker,tcp://127.0.0.1:%d" % other.port
            assert "+MTXERR: 3" in lab.at(line)
            text = OURS + "SAVECONFIG\nMQTT_server: tcp://127.0.0.1:%d\nMQTT_password: another" % other.port
            code = re.search(r"(?m)^confirm: (\S+)", lab.at(text)).group(1)
            lab.client.disconnect()
            lab.client.loop_stop()
            lab.client, lab.port = None, other.port
            while not lab.inbox.empty():
                lab.inbox.get()
            lab.listen()
            online = json.loads(lab.next(90, "lector102/%s/ONLINE" % IDENT)[1])
            assert online["STATE"] == "online"
            assert lab.at("AT").endswith("OK\r\n")
            patience.until(lambda: False, 6)  # three readings
            heard = [lab.inbox.get() for _ in range(lab.inbox.qsize())]
            assert not [topic for topic, _ in heard if topic == LOGGER]
            assert not [payload for _, payload in heard if code.encode() in payload]
            assert "that is not the code" in lab.at(OURS + "CONFIRM,AAAAAAAA")
            assert lab.at(OURS + "CONFIRM," + code).endswith("OK\r\n")
            lab.record()
            assert json.loads(lab.next(30, LOGGER)[1])["ID"] == "ID00000"
    finally:
        other.stop()
