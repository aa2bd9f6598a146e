"""Signed releases: openssl's opinion, git's, and the tool as it is called."""

import asyncio
import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from firmware.update.release import verify
from tests.host.support import programs
from tests.host.unit.update.test_release import ROOT, key  # noqa: F401
from tools import release


@pytest.mark.services
def test_openssl_agrees_with_our_signature_and_reads_our_key(tmp_path, key):
    openssl = programs.need("openssl")
    (tmp_path / "k.pem").write_text(release.to_pem(key))
    (tmp_path / "data").write_bytes(b"some data")
    done = subprocess.run(
        [openssl, "dgst", "-sha256", "-sign", tmp_path / "k.pem", tmp_path / "data"],
        capture_output=True,
        check=True,
    )
    digest = hashlib.sha256(b"some data").digest()
    assert done.stdout == release.sign(key, digest)
    assert asyncio.run(verify(digest, done.stdout, release.modulus(key)))


def test_git_ignores_private_keys():
    done = subprocess.run(
        ["git", "-C", str(ROOT), "check-ignore", "keys/release.pem", "other.pem"],
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["keys/release.pem", "other.pem"]


def test_command_line_makes_and_verifies(tmp_path, capsys, key):
    (tmp_path / "k.pem").write_text(release.to_pem(key))
    (tmp_path / "k.pub").write_text(release.public_text(key))
    keys = ["--key", str(tmp_path / "k.pem"), "--public", str(tmp_path / "k.pub")]
    source = tmp_path / "src"
    (source / "firmware").mkdir(parents=True)
    (source / "firmware" / "app.py").write_text("X = 1\n")
    out = str(tmp_path / "x.rel")
    make = [*keys, "make", "--out", out, "--source", str(source), "--version", "9"]
    assert release.main(make) == 0
    assert release.main([*keys, "verify", out]) == 0
    assert "good, 9, 1 modules" in capsys.readouterr().out
    parts = json.loads((tmp_path / "x.cdx.json").read_text())
    assert parts["metadata"]["component"]["version"] == "9"
    (tmp_path / "x.cdx.json").write_text("{}")
    assert release.main([*keys, "verify", out]) == 1
    assert "not the parts list that was signed" in capsys.readouterr().err
    (tmp_path / "x.cdx.json").unlink()
    assert release.main([*keys, "verify", out]) == 0
    assert "x.cdx.json" in capsys.readouterr().out
    (source / "lib").mkdir()
    (source / "lib" / "stranger.py").write_text("X = 1\n")
    assert release.main([*keys, "make", "--out", str(tmp_path / "y.rel"), "--source", str(source)]) == 1
    assert "lib/stranger" in capsys.readouterr().err and not (tmp_path / "y.rel").exists()
    whole = Path(out).read_bytes()
    for length in (len(whole) - 1, 300, 9, 0):
        Path(out).write_bytes(whole[:length])
        assert release.main([*keys, "verify", out]) == 1
    assert release.main(["--key", str(tmp_path / "none"), "make"]) == 1
