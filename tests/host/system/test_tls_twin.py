"""The whole firmware over MQTTS: Mosquitto with TLS, client certificates, and brokers that are not believed."""

import time

import pytest

from tests.host.support import tls_lab
from tests.host.support.twin_lab import IDENT

pytestmark = pytest.mark.takes(30)


@pytest.fixture(scope="module")
def authority():
    return tls_lab.Authority()


def client(authority, ca=None):
    cert, key = authority.client(ca)
    return {"tls/client.der": len(cert).to_bytes(2, "big") + cert + key}


def said(lab, words, seconds=30):
    return lab.twin.wait_line(words, seconds)


def test_records_and_commands_over_mqtts_and_three_reconnects(tmp_path, authority):
    with tls_lab.Lab(tmp_path, authority, interval=1) as lab:
        lab.twin.start()
        lab.record(60)
        assert "mqtt.tls: checked: its certificate, own" in lab.at("AT^MTXTUNNEL=GETSTATUS,mqtt")
        for _ in range(3):
            lab.broker.stop()
            time.sleep(1)
            lab.broker.start()
            lab.record(60)
        assert "OK" in lab.at("AT", 30)
        assert lab.twin.starts == 1


@pytest.mark.parametrize("whose", ["ours", "a stranger's", "none"])
def test_a_broker_that_wants_client_certificates(tmp_path, authority, whose):
    ca = authority.ca.cert_pem.bytes()
    files = {} if whose == "none" else client(authority, None if whose == "ours" else authority.stranger)
    settings = {"tls.client": "off" if whose == "none" else "own"}
    with tls_lab.Lab(tmp_path, authority, client_ca=ca, files=files, settings=settings) as lab:
        lab.twin.start()
        if whose == "ours":
            lab.record(60)
            return
        assert "localhost refuses us" in said(lab, "W mqtt: connection lost")


@pytest.mark.parametrize("case", tls_lab.REFUSED)
def test_a_broker_that_is_not_believed_is_named(tmp_path, authority, case):
    with tls_lab.Lab(tmp_path, authority, shown=authority.show(case)) as lab:
        lab.twin.start()
        assert "localhost" in said(lab, "W mqtt: connection lost")
        assert "as lab" in lab.broker.log() and IDENT not in lab.broker.log()
