"""Deliveries against nginx and vsftpd: what these answer by themselves, with TLS and without."""

import json

import pytest

from firmware.security.trust import Trust
from tests.host.support import delivery_lab as lab
from tests.host.support import tls_lab
from tests.host.support.delivery_servers import Nginx, Vsftpd

pytestmark = [pytest.mark.services, pytest.mark.takes(30)]


@pytest.fixture(scope="module")
def authority():
    return tls_lab.Authority()


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    lab.hasty(monkeypatch)


def device(root, authority, name, secure, **settings):
    """A device with one delivery; our root is its own."""
    (root / "tls").mkdir(parents=True, exist_ok=True)
    (root / "tls" / "ca.der").write_bytes(authority.root)
    made = lab.Device(root / "log", (name, {"enabled": False}))
    trust = Trust(str(root), made.clock, "ca", ["own"]) if secure else None
    usual = lab.HTTP if name == "http" else lab.FTP
    made.senders[0].reconfigure(dict(usual, host="localhost", trust=trust, **settings))
    return made


@pytest.fixture
def web():
    with lab.Web() as found:
        yield found


@pytest.fixture
def nginx(tmp_path, web, authority):
    with Nginx(tmp_path / "nginx", web.port, authority.show()) as found:
        yield found


@pytest.mark.parametrize("secure", (False, True))
def test_nginx_takes_records_and_is_away_for_a_while(tmp_path, web, nginx, authority, secure):
    made = device(tmp_path, authority, "http", secure, port=nginx.secure if secure else nginx.port)
    made.fill(45)
    made.run(made.delivered)
    nginx.stop()
    made.fill(30)
    http = made.run(lambda: made.senders[0].why)
    assert http.why[0] == 308 and http.cursor.depth() == 30
    nginx.start()
    made.run(made.delivered)
    assert web.got == list(range(1, 76))


def test_nginx_whose_server_is_away_says_502(tmp_path, authority):
    with Nginx(tmp_path / "nginx", 1, authority.show()) as nginx:
        made = device(tmp_path, authority, "http", False, port=nginx.port)
        made.fill(3)
        http = made.run(lambda: made.senders[0].why)
        assert http.why == (334, 502) and http.cursor.depth() == 3 and http.parked == 0


def test_nginx_that_wants_it_slower_gets_it_slower(tmp_path, web, nginx, authority):
    made = device(tmp_path, authority, "http", True, port=nginx.secure, path="/few", batch=5)
    made.fill(20)
    http = made.run(made.delivered, 20)
    assert web.got == list(range(1, 21)) and http.refused > 0 and http.parked == 0


def test_what_is_too_long_for_nginx_goes_in_parts_or_is_parked(tmp_path, web, nginx, authority):
    made = device(tmp_path, authority, "http", False, port=nginx.port, path="/small", batch=16)
    made.fill(20)
    made.fill(1, filler=1500)
    made.fill(20)
    http = made.run(lambda: made.senders[0].cursor.depth() == 1 and made.idle())
    assert sorted(web.got) == [*range(1, 21), *range(22, 42)] and len(set(web.got)) == 40
    assert (http.parked, http.parked_for) == (1, 413)


def test_nginx_that_sends_on_is_told_and_not_followed(tmp_path, web, nginx, authority):
    made = device(tmp_path, authority, "http", False, port=nginx.port, path="/moved")
    made.fill(3)
    http = made.run(lambda: made.senders[0].why)
    assert http.why[0] == 336 and http.why[1].endswith("/in") and http.cursor.depth() == 3 and not web.got


@pytest.mark.parametrize("secure", (False, True))
def test_vsftpd_has_a_file_a_day(tmp_path, authority, secure):
    with Vsftpd(tmp_path / "vsftpd", authority.show()) as server:
        options = {"port": server.port, "user": "", "password": "x", "folder": "in"}
        made = device(tmp_path, authority, "ftp", secure, **options)
        made.fill(30)
        made.fill(10, utc=lab.UTC + lab.DAY)
        made.run(made.delivered)
        made.fill(5, utc=lab.UTC + lab.DAY)
        made.run(made.delivered)
        found = {name: [json.loads(line)["N"] for line in lines] for name, lines in server.files().items()}
    assert list(found.values()) == [list(range(1, 31)), list(range(31, 46))] or list(found.values()) == [
        list(range(31, 46)),
        list(range(1, 31)),
    ]
    assert all(name.startswith("860000000000001-20") and name.endswith(".txt") for name in found)


def test_vsftpd_that_wants_a_session_again_is_told(tmp_path, authority):
    with Vsftpd(tmp_path / "vsftpd", authority.show(), reuse=True) as server:
        made = device(tmp_path, authority, "ftp", True, port=server.port, user="", password="x", folder="in")
        made.fill(3)
        ftp = made.run(lambda: made.senders[0].why)
        assert ftp.cursor.depth() == 3 and ftp.why[0] in (332, 334), ftp.why
        assert not any(name.endswith(".txt") for name in server.files())


def test_vsftpd_that_goes_away_in_the_middle_of_a_file(tmp_path, authority):
    with Vsftpd(tmp_path / "vsftpd", authority.show()) as server:
        cutter = lab.Cutter(server.port)
        try:
            for cut in range(1, 60):
                made = device(tmp_path, authority, "ftp", False, port=cutter.port, user="", folder="in", timeout=1)
                made.fill(3, utc=lab.UTC + cut * lab.DAY)
                cutter.pieces, cutter.cut, before = 0, cut, cutter.hits
                made.run(made.delivered)
                if cutter.hits == before:
                    break
        finally:
            cutter.close()
        assert 10 < cut < 59
        found = server.files()
        assert len(found) == cut and all(len(lines) == 3 for lines in found.values())
