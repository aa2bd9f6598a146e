"""The base version has no TLS: each place that would want it says so in one sentence and names the boards that can."""

import os
import re

import pytest

from tests.host.support import tls_lab
from tests.host.support.twin_lab import Lab
from tools import build, micropython, pack, patience, release, sbom
from tools.board import deploy
from tools.board.deploy import compile_tree

pytestmark = pytest.mark.takes(30)
WHO = "this version has no TLS, a Pico 2 W and the boards with PSRAM have"
BOARDS = {"armv6m": False, "armv7emsp": True, "xtensawin": True, None: True}


@pytest.fixture(scope="module")
def versions():
    return {full: compile_tree(full=full) for full in (False, True)}


def test_the_base_version_is_the_full_one_without_what_the_table_names(versions):
    base, full = versions[False], versions[True]
    assert set(base) <= set(full)
    only = sorted(set(full) - set(base))
    assert only == sorted(path for path in full if not pack.in_base(path))
    assert "firmware/net/tls.mpy" in only and sum(path.startswith("roots/") for path in only) == 8
    # A name in the table that is no file any more would let its successor into every board.
    for each in pack.FULL:
        if each != "firmware/web/":
            assert any(path.startswith(each) for path in only), each


def test_a_traceback_of_the_full_version_has_file_function_and_line_as_in_the_source(tmp_path):
    """`make run` has them, too, as it runs that one (tools/twin)."""
    text = "from firmware.config.config import Config\nConfig().get('no.such')"
    command = micropython.command("-c", text, heap=micropython.MIDDLE)
    env = dict(os.environ, MICROPYPATH="%s:.frozen" % build.full())
    done = patience.run(command, 100, cwd=tmp_path, env=env)
    found = re.findall(r'File "firmware\.([a-z.]+)", line (\d+), in (\w+)', done.stdout + done.stderr)
    assert [each[0] + " " + each[2] for each in found] == ["config.config get"]
    module, line, _ = found[0]
    source = (build.ROOT / "firmware" / (module.replace(".", "/") + ".py")).read_text().split("\n")
    assert source[int(line) - 1].strip() == "raise ConfigError(error)"


def test_each_packs_into_its_bound(versions):
    sizes = {full: len(pack.build(files)[0]) for full, files in versions.items()}
    assert sizes[False] <= pack.MOST == 172032 and sizes[True] <= pack.FULL_MOST == 262144, sizes


def test_a_board_gets_the_version_of_its_chip():
    for arch, full in BOARDS.items():
        assert deploy.takes_full({"arch": arch}) == full


def test_a_release_has_two_files_signed_the_same_way(tmp_path, capsys):
    key = release.keygen(tmp_path / "key.pem", tmp_path / "release.pub", 2048)
    out = tmp_path / "lector102-1.rel"
    common = ["--key", str(tmp_path / "key.pem"), "--public", str(tmp_path / "release.pub")]
    assert release.main([*common, "make", "--out", str(out), "--version", "1"]) == 0
    names = {path.name for path in tmp_path.iterdir()} - {"key.pem", "release.pub"}
    assert names == {"lector102-1" + end for end in (".rel", "-full.rel", sbom.SUFFIX, "-full" + sbom.SUFFIX)}
    for path, full in ((out, False), (release.full_path(out), True)):
        head, body = release.read(path, release.modulus(key))
        assert head.full is full and head.version == "1"
        assert (pack.get(body, "firmware/net/tls.mpy") is not None) == full
        assert release.main([*common, "verify", str(path)]) == 0
    assert "for Pico W" in capsys.readouterr().out


SCRIPT = """
import sys
from firmware.config.config import Config
from firmware.core.errors import ConfigError
for text in ("mqtts://host", "ssl://host:8883", "tcp://host"):
    try:
        Config().set_many({"mqtt.broker": text})
        print("taken", text)
    except ConfigError as error:
        print(error)
for values in ({"http.enabled": True, "http.form": "extended"}, {"ftp.enabled": True, "logger.profile": "both"},
               {"ha.enabled": True}, {"http.server": "https://host/"},
               {"http.enabled": True, "http.form": "extended", "logger.profile": "extended"}):
    try:
        Config().set_many(values)
        print("taken")
    except ConfigError as error:
        print(error)
from firmware.update import order, source
class Device:
    order = None
try:
    order.begin(Device(), "https://host/x.rel")
except source.OrderError as error:
    print(error.answer, error)
config = Config()
config.set_many({"tls.verify": "none", "tls.ca": "isrg-x1", "update.verify": "off"})
print(config.get("tls.ca"))
"""


def test_the_base_version_refuses_in_words_and_keeps_what_other_versions_set(tmp_path):
    (tmp_path / "s.py").write_text(SCRIPT)
    env = dict(os.environ, MICROPYPATH="%s:.frozen" % build.base())
    done = patience.run(micropython.command("s.py"), 60, cwd=tmp_path, env=env)
    assert not done.returncode, done.stderr
    lines = done.stdout.splitlines()
    assert lines == [
        "mqtt.broker: mqtts://host is not allowed; allowed: tcp://host:port; " + WHO,
        "mqtt.broker: ssl://host:8883 is not allowed; allowed: tcp://host:port; " + WHO,
        "taken tcp://host",
        "http.form: this is not allowed; allowed: in this version what logger.profile is, one form",
        "ftp.form: this is not allowed; allowed: in this version what logger.profile is, one form",
        "ha.enabled: this is not allowed; allowed: off in this version; on: a Pico 2 W and the boards with PSRAM have",
        "http.server: https://host/ is not allowed; allowed: http://host:port/path; " + WHO,
        "taken",
        "4 %s; http:// is as safe here: what is fetched is signed" % WHO,
        "isrg-x1",
    ]


def test_a_small_twin_with_the_base_version_works_and_refuses(tmp_path):
    rights = {"mqtt.commands": "*", "device.mtxerr": True}
    with Lab(tmp_path, settings=rights, device=build.base()) as lab:
        lab.twin.start()
        lab.record(60)
        for line in ("SETPARAM,mqtt.broker,mqtts://host", "UPDATE,https://host/x.rel", "SETCERT,ca,1,1,AAAA"):
            answer = lab.at("AT^MTXTUNNEL=" + line, 40)
            assert WHO in answer and "+MTXERR: " in answer, answer


def test_certificates_over_the_air_in_a_full_twin(tmp_path):
    from tools import certificates

    authority = tls_lab.Authority()
    rights = {"mqtt.commands": "*", "device.mtxerr": True}
    with tls_lab.Lab(tmp_path, authority, settings=rights) as lab:
        lab.twin.start()
        lab.record(60)
        lines = certificates.pieces("ca2", authority.other_root)
        assert "is here, until 3000-01-01" in lab.at("\r\n".join(lines), 40)
        answer = lab.at(certificates.pieces("ca", authority.other_root)[0], 40)
        assert "it is in use; send it as the other one, then SETPARAM,tls.ca" in answer
        cert, key = authority.client()
        other = authority.client()[1]
        assert "its key is wanted next" in lab.at("\r\n".join(certificates.pieces("cert", cert)), 40)
        assert "not the certificate's" in lab.at("\r\n".join(certificates.pieces("key", other)), 40)
        assert "certificate and key fit" in lab.at("\r\n".join(certificates.pieces("key", key)), 40)
        answer = lab.at("AT^MTXTUNNEL=SETCERT", 40)
        assert "cert: trustme" not in answer and answer.count(", until ") == 3, answer
        assert lab.at("AT^MTXTUNNEL=SETCERT,ca2,0,0", 40).split()[-1] == "OK"
        assert "no certificate as DER" in lab.at("AT^MTXTUNNEL=SETCERT,ca2,1,1,AAAA", 40)
        # The bytes of a key are in no answer and in no log.
        assert certificates.pieces("key", key)[0].split(",")[-1] not in "\n".join(lab.twin.lines)


@pytest.mark.parametrize(("heap", "small"), [(micropython.SMALL, True), (micropython.MIDDLE, False)])
def test_a_full_release_is_refused_where_the_heap_is_that_of_a_pico_w(tmp_path, heap, small):
    script = (
        "class N:\n    mpy = arch = None\n    full = True\n"
        "from firmware.update import updater\nfrom firmware.update.source import UpdateError\n"
        "updater._own = lambda: (None, None)\nN.serial = 1\n"
        "try:\n    updater.Updater('/nowhere', None)._fits(N, 'app.a', False)\n    print('taken')\n"
        "except UpdateError as error:\n    print(error)\n"
    )
    (tmp_path / "s.py").write_text(script)
    env = dict(os.environ, MICROPYPATH="%s:.frozen" % build.DEVICE)
    done = patience.run(micropython.command("s.py", heap=heap), 60, cwd=tmp_path, env=env)
    assert not done.returncode, done.stderr
    wanted = "the release is for boards with more memory: order the file without -full in its name"
    assert done.stdout.strip() == (wanted if small else "taken")
