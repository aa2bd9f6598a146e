"""The tools around TLS on this computer: keys and requests, make config with certificates, the doctor at a server."""

import os
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.host.support import tls_lab, unix_board
from tools import certificates, micropython, patience
from tools.board import settings
from tools.board.device import BoardError, Device

pytestmark = pytest.mark.takes(20)
ROOT = unix_board.ROOT


@pytest.fixture(scope="module")
def authority():
    return tls_lab.Authority()


def doctor(*words):
    """(exit code, what it said) of `tools.doctor broker`."""
    done = patience.run([sys.executable, "-m", "tools.doctor", "broker", *map(str, words)], 60, cwd=ROOT)
    return done.returncode, done.stdout + done.stderr


def test_a_key_with_its_request_and_never_over_another(tmp_path, capsys):
    assert certificates.main(["request", "860000000000001", "--folder", str(tmp_path / "keys")]) == 0
    secret, csr = (tmp_path / "keys" / ("860000000000001" + end) for end in (".key", ".csr"))
    assert secret.stat().st_mode & 0o077 == 0
    made = x509.load_pem_x509_csr(csr.read_bytes())
    key = serialization.load_pem_private_key(secret.read_bytes(), None)
    assert key.curve.name == "secp256r1" and made.is_signature_valid and made.public_key() == key.public_key()
    assert made.subject.rfc4514_string() == "CN=860000000000001"
    assert certificates.main(["request", "860000000000001", "--folder", str(tmp_path / "keys")]) == 1
    assert "exists: move it away first" in capsys.readouterr().err


def test_files_in_any_form_and_those_that_are_none(tmp_path, authority):
    cert, key = authority.client()
    pem = serialization.load_der_private_key(key, None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for name, data in (("c.der", cert), ("k.pem", pem), ("ca.pem", authority.ca.cert_pem.bytes()), ("x", b"nothing")):
        (tmp_path / name).write_bytes(data)
    found = certificates.files(tmp_path / "ca.pem", tmp_path / "c.der", tmp_path / "k.pem")
    assert found == {"/tls/ca.der": authority.root, "/tls/client.der": len(cert).to_bytes(2, "big") + cert + key}
    for words, arguments in (
        ("go together", {"cert": tmp_path / "c.der"}),
        ("has no certificate", {"ca": tmp_path / "x"}),
        ("has no private key", {"cert": tmp_path / "c.der", "secret": tmp_path / "x"}),
        ("is no root", {"ca": tmp_path / "c.der"}),
        ("No such file", {"ca": tmp_path / "absent"}),
    ):
        with pytest.raises(certificates.CertificateError, match=words):
            certificates.files(**arguments)
    (tmp_path / "other.key").write_bytes(authority.client()[1])
    with pytest.raises(certificates.CertificateError, match="not the certificate's"):
        certificates.files(cert=tmp_path / "c.der", secret=tmp_path / "other.key")
    lines = certificates.pieces("key", key)
    assert all(len(line) <= 512 and line.startswith("AT^MTXTUNNEL=SETCERT,key,") for line in lines)


def test_make_config_lays_certificates_onto_a_board(tmp_path, authority):
    cert, key = authority.client()
    for name, data in (("c.der", cert), ("k.der", key), ("ca.der", authority.root)):
        (tmp_path / name).write_bytes(data)
    with unix_board.Lab(tmp_path / "lab") as lab, Device(lab.board.path) as device:
        said = []
        values = settings.lay(device, tmp_path / "ca.der", tmp_path / "c.der", tmp_path / "k.der", said.append)
        assert values == {"tls.ca": "own", "tls.client": "own"}
        assert device.read("/tls/ca.der") == authority.root
        assert device.read("/tls/client.der")[2:] == cert + key
        with pytest.raises(BoardError, match="go together"):
            settings.lay(device, None, tmp_path / "c.der", None, said.append)


def test_the_doctor_names_root_and_pin_and_what_is_wrong(tmp_path, authority):
    shown = authority.show("chain")
    broker = tls_lab.Mosquitto(shown)
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.ca.cert_pem.bytes())
    try:
        url = "mqtts://localhost:%d" % broker.secure
        code, text = doctor(url, "--ca", ca)
        assert code == 0, text
        assert "its key: tls.pins " + certificates.pin(tls_lab.der(shown.chain)) in text
        assert "its root: O=trustme" in text.replace("\\", "") or "its root: " in text
        assert "on the device tls.ca own" in text and "--board PORT lays it onto the board" in text
        code, text = doctor(url)
        assert code == 1 and "the broker's certificate is not accepted" in text
        assert "the key of who is there: " + certificates.pin(tls_lab.der(shown.chain)) in text
    finally:
        broker.stop()


def test_the_doctor_lays_the_root_onto_a_board(tmp_path, authority):
    broker = tls_lab.Mosquitto(authority.show())
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.ca.cert_pem.bytes())
    try:
        with unix_board.Lab(tmp_path / "lab", heap=micropython.MIDDLE) as lab:
            unix_board.deploy(lab.board, ROOT)
            code, text = doctor("mqtts://localhost:%d" % broker.secure, "--ca", ca, "--board", lab.board.path)
            assert code == 0, text
            with Device(lab.board.path) as device:
                assert device.read("/tls/ca.der") == authority.root
                assert settings.read(device)["tls.ca"] == "own"
    finally:
        broker.stop()


def test_the_main_job_over_mqtts_with_a_certificate_made_on_the_spot(tmp_path):
    command = [sys.executable, "-m", "tools.twin", "--tls", "--once", "--interval", "2", "--folder", str(tmp_path)]
    done = patience.run(command, 90, cwd=ROOT, env=dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mqtts://localhost:" in done.stdout and '"VABA":' in done.stdout
    assert "connected to localhost:" in (tmp_path / "firmware.log").read_text()
    for words in (("--broker", "tcp://host"), ("--board-class", "small")):
        done = patience.run([*command, *words], 60, cwd=ROOT)
        assert done.returncode == 2 and "--tls" in done.stderr
