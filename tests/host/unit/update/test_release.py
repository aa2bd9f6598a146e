"""Signed releases: the tool, and the device's check of them."""

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from firmware.update import release as device
from firmware.update import slots
from firmware.update.release import verify
from tests.host.support import virtual_time
from tests.host.unit.tools.test_pack import TABLES, broken
from tools import pack, release

ROOT = Path(__file__).resolve().parents[4]
# A key and a release that versions before 0.2 have made; the README there tells how.
KEPT = ROOT / "tests" / "host" / "support" / "data" / "release"
FILES = {"firmware/app.mpy": b"app" * 500, "lib/umqtt/simple.mpy": b"", "firmware/a/b.mpy": b"b"}


@pytest.fixture(scope="module")
def key():
    return release.generate(2048)


def written(tmp_path, data, name="r.rel"):
    path = tmp_path / name
    path.write_bytes(data)
    return str(path)


def check(tmp_path, data, key):
    """What a device makes of a release file: the Head, or the ReleaseError. It lies in app.b then."""

    async def run():
        root = str(tmp_path / "flash")
        path = written(tmp_path / "flash" / "app.b", data, "firmware.pack")
        head = await device.check(path, release.modulus(key))
        device.seal(head, root, "app.b")
        return head

    (tmp_path / "flash" / "app.b").mkdir(exist_ok=True, parents=True)
    return virtual_time.run(run())


def test_a_release_is_run_as_it_was_made(tmp_path, key):
    data = release.assemble(FILES, key, "2.0", 77)
    head = check(tmp_path, data, key)
    assert (head.version, head.serial) == ("2.0", 77)
    folder = tmp_path / "flash" / "app.b"
    assert (folder / "firmware.pack").read_bytes() == data
    assert slots.manifest(str(tmp_path / "flash"), "app.b") == {
        "version": "2.0", "serial": 77, "sha256": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip
    body = release.read(folder / "firmware.pack", release.modulus(key))[1]
    assert {path: pack.get(body, path) for path in FILES} == FILES


def test_every_changed_byte_is_noticed(tmp_path, key):
    data = release.assemble(FILES, key, "2.0", 77)
    for at in range(0, len(data), 5):
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        with pytest.raises(device.ReleaseError):
            check(tmp_path, bytes(damaged), key)
        with pytest.raises(release.ReleaseToolError):
            release.read(written(tmp_path, bytes(damaged)), release.modulus(key))
    assert not (tmp_path / "flash" / "app.b" / "manifest.json").exists()


def test_a_shorter_or_longer_file_is_refused(tmp_path, key):
    data = release.assemble(FILES, key, "2.0", 77)
    for wrong in (data[:-1], data + b"x", data[:200], b""):
        with pytest.raises(device.ReleaseError):
            check(tmp_path, wrong, key)


def test_a_signed_release_of_another_kind_is_refused(tmp_path, key, monkeypatch):
    """What boot.py's helper on the device cannot mount must not become a version."""
    monkeypatch.setattr(release.pack, "MAGIC", b"L102PAK2")
    with pytest.raises(device.ReleaseError, match="of another kind"):
        check(tmp_path, release.assemble(FILES, key, "2", 1), key)


@pytest.mark.parametrize("what", TABLES)
def test_a_signed_release_whose_table_leads_outside_of_it_is_refused(tmp_path, key, monkeypatch, what):
    """boot.py's helper on devices in the field does not look at the table itself."""
    data = broken(what)
    monkeypatch.setattr(release.pack, "build", lambda files: (data, {}))
    with pytest.raises(device.ReleaseError, match="table of the pack is wrong"):
        check(tmp_path, release.assemble(FILES, key, "2", 1), key)


@pytest.mark.parametrize(
    "facts", [{"size": -1}, {"size": 1 << 40}, {"size": "9"}, {"version": ""}, {"version": "x" * 500}, {"version": 2},
              {"version": "1\n2"}, {"serial": -1}, {"serial": "1"}, {"serial": None}],
)  # fmt: skip
def test_a_signed_head_with_facts_that_cannot_be_is_refused(tmp_path, key, monkeypatch, facts):
    dumps = release.json.dumps
    monkeypatch.setattr(release.json, "dumps", lambda table, **more: dumps({**table, **facts}, **more))
    with pytest.raises(device.ReleaseError, match="not understood"):
        check(tmp_path, release.assemble(FILES, key, "2", 1), key)


@pytest.mark.parametrize("forged", [b"\x00" * 256, b"\xff" * 256, b"\x00" * 255 + b"\x01", b""])
def test_trivial_signatures_do_not_pass(key, forged):
    digest = hashlib.sha256(b"x").digest()
    assert not virtual_time.run(verify(digest, forged, release.modulus(key)))


def test_a_short_key_is_not_accepted():
    key = release.generate(1024)
    digest = hashlib.sha256(b"x").digest()
    assert not virtual_time.run(verify(digest, release.sign(key, digest), release.modulus(key)))


def other_forms(key):
    """{name: PEM text (bytes) of a key that no device's release is signed with}."""
    traditional = serialization.PrivateFormat.TraditionalOpenSSL
    whole = key.private_bytes(serialization.Encoding.PEM, traditional, serialization.NoEncryption())
    strange = {
        "too short": rsa.generate_private_key(public_exponent=65537, key_size=1024),
        "another exponent": rsa.generate_private_key(public_exponent=3, key_size=2048),
        "another kind": ec.generate_private_key(ec.SECP256R1()),
    }
    found = {
        name: each.private_bytes(serialization.Encoding.PEM, traditional, serialization.NoEncryption())
        for name, each in strange.items()
    }
    found["encrypted"] = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    found["public"] = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    # One letter of a number changed, the end gone, and what is no PEM at all.
    found["damaged"] = whole[:700] + (b"A" if whole[700:701] != b"A" else b"B") + whole[701:]
    found["cut off"] = whole[:900]
    found["no PEM"] = b"secret\n"
    found["empty"] = b""
    return found


def test_a_file_with_another_key_is_refused_with_what_is_wrong(tmp_path, key):
    words = {"too short": "devices take", "another exponent": "devices take", "encrypted": "is encrypted"}
    for name, text in other_forms(key).items():
        path = written(tmp_path, text, "key.pem")
        with pytest.raises(release.ReleaseToolError, match=words.get(name, "not a PEM file")):
            release.load_key(path)


def test_a_key_that_openssl_made_signs(tmp_path, key):
    """openssl 3 writes PKCS#8, where our own and older ones are PKCS#1."""
    form = serialization.PrivateFormat.PKCS8
    text = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    loaded = release.load_key(written(tmp_path, text, "k.pem"))
    digest = hashlib.sha256(b"x").digest()
    assert release.sign(loaded, digest) == release.sign(key, digest)


def test_a_key_of_older_tools_goes_on_signing():
    key = release.load_key(KEPT / "key.txt")
    assert release.to_pem(key) == (KEPT / "key.txt").read_text()
    assert release.public_text(key) == (KEPT / "release.pub").read_text()
    assert release.modulus(key) == release.load_public(KEPT / "release.pub")


def test_a_release_of_older_tools_is_good_and_can_be_made_anew(tmp_path, capsys):
    data = (KEPT / "small.bin").read_bytes()
    key = release.load_key(KEPT / "key.txt")
    head = check(tmp_path, data, key)
    body = data[head.start :]
    paths = ("firmware/app.mpy", "firmware/core/sums.mpy")
    files = {path: pack.get(body, path) for path in paths}
    # Older tools marked modules in the pack's table whose names were wanted at the start.
    anew = release.assemble(files, key, head.version, head.serial)
    assert len(anew) == len(data) and check(tmp_path, anew, key).version == head.version
    assert [pack.get(anew[head.start :], path) for path in paths] == list(files.values())
    assert release.main(["--public", str(KEPT / "release.pub"), "verify", str(KEPT / "small.bin")]) == 0
    assert "good, 0.1.0+7b10c38, 2 modules, 134 bytes" in capsys.readouterr().out


def test_keygen_keeps_the_private_key_private_and_never_overwrites(tmp_path):
    pem, pub = tmp_path / "keys" / "release.pem", tmp_path / "release.pub"
    key = release.keygen(pem, pub, 2048)
    assert pem.stat().st_mode & 0o077 == 0
    assert release.load_public(pub) == release.modulus(key)
    assert release.modulus(release.load_key(pem)) == release.modulus(key)
    with pytest.raises(release.ReleaseToolError, match="exists"):
        release.keygen(pem, pub, 2048)
