"""The whole firmware over MQTTS: Mosquitto with TLS, client certificates, and brokers that are not believed."""

import time

import pytest

from tests.host.support import tls_lab
from tests.host.support.twin_lab import IDENT
from tools import certificates

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


def test_a_broker_that_nobody_checks_is_told_everywhere(tmp_path, authority):
    """And a root that is not there: the device goes nowhere, and says so."""
    settings = {"tls.verify": "none", "mqtt.commands": "*", "device.confirm": False}
    with tls_lab.Lab(tmp_path, authority, shown=authority.show("wrong name"), settings=settings) as lab:
        lab.twin.start()
        lab.record(60)
        assert "mqtt.tls: NOT CHECKED (tls.verify none): anybody can be the broker" in lab.at(
            "AT^MTXTUNNEL=GETSTATUS", 60
        )
        answer = lab.at("AT^MTXTUNNEL=DOCTOR,broker", 60)
        assert "broker: FAULT tls.verify is none" in answer and "do: SETPARAM,tls.verify,ca" in answer


def test_a_change_to_a_root_that_does_not_lead_there_is_taken_back(tmp_path, authority):
    settings = {"mqtt.commands": "*", "device.confirm": False, "device.trial": 2}
    with tls_lab.Lab(tmp_path, authority, settings=settings, speed=60) as lab:
        lab.twin.start()
        lab.record(60)
        lab.client.publish("lector102/%s/AT" % IDENT, "AT^MTXTUNNEL=SETPARAM,tls.ca,isrg-x1", qos=1)
        assert "no root of tls.ca has signed the certificate of localhost" in said(lab, "W mqtt: connection lost")
        said(lab, "taken back: tls.ca", 200)
        lab.record(60)


def test_a_pinned_broker(tmp_path, authority):
    shown = authority.show("unknown issuer")
    wanted = certificates.pin(tls_lab.der(shown.chain))
    settings = {"tls.verify": "pin", "tls.pins": "0" * 64 + "," + wanted}
    with tls_lab.Lab(tmp_path, authority, shown=shown, settings=settings) as lab:
        lab.twin.start()
        lab.record(60)
        assert "mqtt.tls: checked: its key" in lab.at("AT^MTXTUNNEL=GETSTATUS,mqtt")
