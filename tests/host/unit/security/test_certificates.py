"""Certificates in pieces (SETCERT): what is taken, what is refused and why, and what of it lies on the flash."""

import base64
import random
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from firmware.security import certificates, der, trust
from tests.host.support import tls_lab

NOW = int(time.time())


@pytest.fixture(scope="module")
def authority():
    return tls_lab.Authority()


def pieces(data, size=300):
    found = [data[at : at + size] for at in range(0, len(data), size)]
    return [(number + 1, len(found), base64.b64encode(piece).decode()) for number, piece in enumerate(found)]


def send(folder, name, data, now=NOW, order=list, size=300):
    """What the last piece is answered."""
    for part in order(pieces(data, size)):
        words = certificates.take(str(folder), now, name, *part)
    return words


def test_a_root_in_pieces_in_any_order_and_twice(tmp_path, authority):
    def shuffled(parts):
        rest = parts[1:] * 2  # some come twice, as MQTT may have it
        random.Random(5).shuffle(rest)
        return [*rest, parts[0]]

    assert "is here, until " in send(tmp_path, "ca", authority.root, order=shuffled, size=60)
    assert (tmp_path / "tls/ca.der").read_bytes() == authority.root
    assert [path.name for path in (tmp_path / "tls").iterdir()] == ["ca.der"]
    assert send(tmp_path, "ca2", authority.other_root) and (tmp_path / "tls/ca2.der").exists()
    assert [line.split(", until")[0][:14] for line in certificates.shown(str(tmp_path))] == [
        "ca: Testing CA", "ca2: Testing C", "cert: none", "cert2: none",
    ]  # fmt: skip


def test_a_piece_too_few_changes_nothing_and_a_new_try_forgets_the_old_one(tmp_path, authority):
    for part in pieces(authority.root)[:-1]:
        assert "parts are here" in certificates.take(str(tmp_path), NOW, "ca", *part)
    assert not (tmp_path / "tls/ca.der").exists()
    for part in pieces(authority.other_root, 400):
        certificates.take(str(tmp_path), NOW, "ca", *part)
    assert (tmp_path / "tls/ca.der").read_bytes() == authority.other_root


def own(folder, name, end):
    """Lay a certificate of the device's own that ends then."""
    authority = tls_lab.Authority()
    certificate = tls_lab.der(authority.until(end).chain)
    (folder / "tls").mkdir(exist_ok=True)
    (folder / "tls" / name).write_bytes(len(certificate).to_bytes(2, "big") + certificate + b"a key")


def test_days_until_the_first_certificate_ends(tmp_path):
    day = 86400

    def left(client, ends=0, now=NOW):
        found = trust.Trust(str(tmp_path), None, "ca", ["auto"], client=client)
        found.ends = ends
        return certificates.left(found, now)

    assert left("off") is None and left("own") is None, "none was seen, and there is none"
    own(tmp_path, "client.der", NOW + 30 * day + 99)
    own(tmp_path, "client2.der", NOW - 5 * day)
    assert left("off", NOW + 80 * day) == 80
    assert left("own", NOW + 80 * day) == 30 and left("own", NOW + 20 * day) == 20 and left("own") == 30
    assert left("own2", NOW + 80 * day) == -5, "it has ended"
    assert left("own", NOW + 80 * day, 0) is None, "nobody knows what day it is"
    (tmp_path / "tls/client.der").write_bytes(b"\x00\x04rubbish")
    assert left("own", NOW + 80 * day) == 80


def refused(folder, words, name, data, now=NOW):
    before = {path: path.read_bytes() for path in (folder / "tls").glob("*.der")}
    with pytest.raises(ValueError, match=words):
        send(folder, name, data, now)
    assert {path: path.read_bytes() for path in (folder / "tls").glob("*.der")} == before


def test_what_is_refused_and_why(tmp_path, authority):
    send(tmp_path, "ca", authority.root)
    refused(tmp_path, "no certificate as DER", "ca", b"\x00" * 500)
    refused(tmp_path, "no certificate as DER", "ca", authority.root[:-5])
    refused(tmp_path, "PEM, not DER", "ca", authority.ca.cert_pem.bytes())
    leaf = tls_lab.der(authority.show().chain)
    refused(tmp_path, "no root: .* has signed it", "ca", leaf)
    expired = tls_lab.der(authority.show("expired").chain)
    refused(tmp_path, "has expired on 20..-..-.., today is 20..-..-.. here", "cert", expired)
    refused(tmp_path, "has expired", "ca", authority.root, der.Certificate(authority.root).ends + 86400)
    refused(tmp_path, "one of ca, ca2, cert", "root", leaf)
    with pytest.raises(ValueError, match="no base64"):
        certificates.take(str(tmp_path), NOW, "ca", 1, 1, "!")
    for part, of in ((0, 1), (2, 1), (1, 65)):
        with pytest.raises(ValueError, match="a part of 1 to"):
            certificates.take(str(tmp_path), NOW, "ca", part, of, "AAAA")


def test_a_device_that_does_not_know_the_time_takes_what_it_cannot_date(tmp_path, authority):
    assert send(tmp_path, "cert", tls_lab.der(authority.show("expired").chain), 0)


def test_a_certificate_and_its_key_and_no_other(tmp_path, authority):
    cert, key = authority.client()
    other, other_key = authority.client()
    refused(tmp_path, "certificate is wanted first: SETCERT,cert", "key", key)
    assert "its key is wanted next" in send(tmp_path, "cert", cert)
    refused(tmp_path, "not the certificate's; nothing was changed", "key", other_key)
    refused(tmp_path, "no private key", "key", cert)
    assert "fit" in send(tmp_path, "key", key)
    assert certificates.read_client(str(tmp_path / "tls/client.der")) == (cert, key)
    # A new one for another key waits for that; the old pair stays until it has come.
    assert "its key is wanted next" in send(tmp_path, "cert", other)
    assert certificates.read_client(str(tmp_path / "tls/client.der")) == (cert, key)
    assert send(tmp_path, "key", other_key)
    assert certificates.read_client(str(tmp_path / "tls/client.der")) == (other, other_key)
    certificates.forget(str(tmp_path), "cert")
    assert not list((tmp_path / "tls").iterdir())


def signed_anew(authority, cert):
    """The same key in a certificate that is good for longer."""
    old = x509.load_der_x509_certificate(cert)
    ca_key = serialization.load_pem_private_key(authority.ca.private_key_pem.bytes(), None)
    made = x509.CertificateBuilder().issuer_name(old.issuer).subject_name(old.subject).public_key(old.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(old.not_valid_before_utc)
    made = made.not_valid_after(old.not_valid_after_utc)
    return made.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_a_certificate_that_was_renewed_keeps_its_key(tmp_path, authority):
    cert, key = authority.client()
    send(tmp_path, "cert", cert)
    send(tmp_path, "key", key)
    renewed = signed_anew(authority, cert)
    assert "with the key it had" in send(tmp_path, "cert", renewed)
    assert certificates.read_client(str(tmp_path / "tls/client.der")) == (renewed, key)


@pytest.mark.parametrize("form", ["TraditionalOpenSSL", "PKCS8"])
@pytest.mark.parametrize("kind", ["P-256", "P-384", "RSA"])
def test_every_form_of_a_key(form, kind):
    if kind == "RSA":
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    else:
        key = ec.generate_private_key(ec.SECP256R1() if kind == "P-256" else ec.SECP384R1())
    data = key.private_bytes(
        serialization.Encoding.DER, getattr(serialization.PrivateFormat, form), serialization.NoEncryption()
    )
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert der.public_part(data) in spki


def test_dates_and_names_are_those_that_cryptography_reads(authority):
    from tools import roots

    for data in [authority.root, *(path.read_bytes() for path in roots.make().values())]:
        ours, theirs = der.Certificate(data), x509.load_der_x509_certificate(data)
        assert ours.begins == int(theirs.not_valid_before_utc.timestamp())
        assert ours.ends == int(theirs.not_valid_after_utc.timestamp())
        assert der.day(ours.ends) == theirs.not_valid_after_utc.date().isoformat()
        assert ours.authority and ours.issuer == theirs.issuer.public_bytes()
        assert ours.key == theirs.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    for days in range(0, 40000, 13):
        assert der.day(days * 86400) == time.strftime("%Y-%m-%d", time.gmtime(days * 86400))


def test_rubbish_is_an_error_and_nothing_else(authority):
    chance = random.Random(102)
    for _ in range(3000):
        data = bytearray(authority.root)
        for _ in range(chance.randrange(1, 5)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        data = bytes(data[: chance.randrange(len(data) + 1)])
        try:
            found = der.Certificate(data)
            der.name(found.issuer)
        except (ValueError, IndexError):
            continue
