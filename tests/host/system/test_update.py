"""The update over the air, end to end on a MicroPython board: good ones, and every way to fail."""

import asyncio
import socket

import pytest

from firmware.net.url import DownloadError, split
from firmware.update.download import Download
from tests.host.support import unix_board
from tools import release
from tools.board.deploy import compile_tree

pytestmark = pytest.mark.takes(15)


@pytest.fixture(scope="module")
def key():
    return release.generate(2048)


def begin(lab, key, **options):
    """Let the board run version 1.0 and know the key."""
    source = lab.tree("1.0", **options)
    (source / "release.pub").write_text(release.public_text(key))
    unix_board.deploy(lab.board, source)
    lab.said("IDLE 1.0")


@pytest.fixture
def lab(tmp_path, key):
    """A board that runs version 1.0 and knows the key."""
    with unix_board.Lab(tmp_path) as found:
        begin(found, key)
        yield found


def made(lab, key, version="2.0", serial=1 << 40, **options):
    files = compile_tree(lab.tree(version, **options), "x64", unix=True)
    return release.assemble(files, key, version, serial)


def order(lab, url):
    """Tell the board to update from `url`; returns where its words begin."""
    start = lab.mark()
    unix_board.put(lab.board, {"/job": url.encode()})
    return start


def test_good_update_runs_and_is_confirmed(lab, key):
    with unix_board.WebServer(made(lab, key)) as web:
        start = order(lab, web.url)
        lab.said("UPDATE ready 2.0", start)
        report = lab.report(lab.said("APP 2.0", start))
    assert report["trial"] and report["mode"] == "normal" and report["version"] == "2.0"
    lab.said("IDLE 2.0", start)
    start = lab.mark()
    lab.board.cut_power()
    lab.board.power_on()
    report = lab.report(lab.said("APP 2.0", start))
    assert not report["trial"]
    assert report["why"] == "update 2.0 confirmed"
    assert "/update.bin" not in unix_board.listing(lab.board)
    # The next version over the cable takes what did not change out of the release.
    sent, said = lab.deploy("3.0")
    assert sent == 1, said
    assert lab.said("APP 3.0").startswith("APP 3.0 normal")


def test_download_that_breaks_off_is_resumed(lab, key):
    data = made(lab, key)
    with unix_board.WebServer(data, drops=[700, 3000, 9000]) as web:
        start = order(lab, web.url)
        lab.said("UPDATE ready 2.0", start)
        begins = [int(r["range"][6:].split("-")[0]) for r in web.requests]
    assert begins[0] == 0
    assert begins == sorted(begins) and len(set(begins)) >= 4
    lab.said("IDLE 2.0", start)


def test_download_goes_on_after_a_power_cut(lab, key):
    data = made(lab, key, extra=[unix_board.ballast(60000)])
    with unix_board.WebServer(data, drops=[1 << 20, 40000] + [0] * 50) as web:
        start = order(lab, web.url)
        while len(web.requests) < 4:
            lab.said("W update: at", start)
        lab.board.cut_power()
        web.drops = []
        lab.board.power_on()
        lab.said("IDLE 1.0", start)
        before = len(web.requests)
        start = order(lab, web.url)
        lab.said("UPDATE ready 2.0", start)
        assert "range" in web.requests[before]
        assert int(web.requests[before]["range"][6:].split("-")[0]) >= 32768
    lab.said("IDLE 2.0", start)


def test_broken_signature_is_refused_before_the_rest_is_fetched(lab, key):
    data = bytearray(made(lab, key))
    data[300] ^= 1
    with unix_board.WebServer(bytes(data)) as web:
        start = order(lab, web.url)
        assert "signature is not right" in lab.said("UPDATE refused", start)
        assert len(web.requests) == 1
    lab.said("IDLE 1.0", start)
    assert "/update.bin" not in unix_board.listing(lab.board)


def test_a_stranger_s_signature_is_refused(lab):
    data = made(lab, release.generate(2048))
    with unix_board.WebServer(data) as web:
        start = order(lab, web.url)
        assert "signature is not right" in lab.said("UPDATE refused", start)
    lab.said("IDLE 1.0", start)


def test_changed_content_is_refused_and_nothing_written(lab, key):
    data = bytearray(made(lab, key))
    data[-100] ^= 1
    with unix_board.WebServer(bytes(data)) as web:
        start = order(lab, web.url)
        assert "does not match its signature" in lab.said("UPDATE refused", start)
    lab.said("IDLE 1.0", start)
    assert not [path for path in unix_board.listing(lab.board) if path.startswith("/app.b")]


def test_an_older_release_is_refused(lab, key):
    with unix_board.WebServer(made(lab, key, serial=5)) as web:
        start = order(lab, web.url)
        assert "older than what runs" in lab.said("UPDATE refused", start)
    lab.said("IDLE 1.0", start)


def test_full_flash_is_told_and_nothing_changes(tmp_path, key):
    with unix_board.Lab(tmp_path, blocks=96) as lab:
        begin(lab, key)
        ballast = [unix_board.ballast(250000)]
        with unix_board.WebServer(made(lab, key, extra=ballast)) as web:
            start = order(lab, web.url)
            assert "not enough room" in lab.said("UPDATE refused", start)
        lab.said("IDLE 1.0", start)


@pytest.mark.parametrize(
    "damage",
    [
        {"early": "import does_not_exist"},
        {"extra": [("firmware/update/safestart.py", "raise ValueError('broken at import')\n")]},
    ],
    ids=["crashes when started", "crashes at import"],
)
def test_bad_update_goes_back_by_itself(lab, key, damage, monkeypatch):
    with unix_board.WebServer(made(lab, key, **damage)) as web:
        start = order(lab, web.url)
        lab.said("UPDATE ready 2.0", start)
        report = lab.report(lab.said("APP 1.0 previous", start, 60))
    assert "it was an update on trial" in report["why"]
    if "early" in damage:
        assert "does_not_exist" in report["crash"]
    lab.said("IDLE 1.0", start)


# --- the download alone, on CPython


def fetched(tmp_path, web, upto=None):
    load = Download(web.url, str(tmp_path / "file"), socket, backoff_s=0)
    asyncio.run(load.fetch(upto))
    return load


def test_server_without_ranges_starts_anew(tmp_path):
    data = bytes(range(256)) * 40
    with unix_board.WebServer(data, drops=[5000], ranges=False) as web:
        assert fetched(tmp_path, web).got == len(data)
    assert (tmp_path / "file").read_bytes() == data


def test_a_server_without_ranges_costs_no_more_than_what_is_wanted(tmp_path):
    with unix_board.WebServer(b"a" * 500000, ranges=False) as web:
        assert fetched(tmp_path, web, 1536).got == 1536
    assert (tmp_path / "file").stat().st_size == 1536


def test_an_empty_file_is_told_and_not_asked_for_again(tmp_path):
    with unix_board.WebServer(b"", ranges=False) as web:
        with pytest.raises(DownloadError, match="the file is empty"):
            fetched(tmp_path, web, 1536)
        assert len(web.requests) == 1


def test_another_file_at_the_same_address_is_not_mixed_with_the_first(tmp_path):
    with unix_board.WebServer(b"a" * 5000) as web:
        fetched(tmp_path, web, 1000)
        assert (tmp_path / "file").stat().st_size == 1000
        web.data, web.tag = b"b" * 5000, '"two"'
        fetched(tmp_path, web)
    assert (tmp_path / "file").read_bytes() == b"b" * 5000


def test_the_wrong_address_is_told(tmp_path):
    with pytest.raises(DownloadError, match="only http:// and https:// are understood, not ftp://x/y"):
        Download("ftp://x/y", str(tmp_path / "file"), socket)
    with pytest.raises(DownloadError, match="port"):
        Download("http://x:y/z", str(tmp_path / "file"), socket)


def test_where_an_address_leads():
    assert split("http://a.b/c?d=1,2") == ("a.b", 80, "/c?d=1,2", False)
    assert split("https://a.b/c") == ("a.b", 443, "/c", True)
    assert split("https://a.b:8443") == ("a.b", 8443, "/", True)
    for url in ("a.b/c", "httpss://a/b", "HTTP:/a/b", "https:///b", "https://a b/c", "https://a:b/c", "://a/b", ""):
        with pytest.raises(DownloadError):
            split(url)


def test_a_server_that_sends_on_is_not_followed_but_named(tmp_path, monkeypatch):
    with unix_board.WebServer(b"a" * 5000) as web:
        sent_on = (b"", ["HTTP/1.1 302 Found", "Location: https://cdn.example/x.rel"])
        monkeypatch.setattr(web, "_part", lambda fields: sent_on)
        with pytest.raises(DownloadError, match="answers 302: order it from https://cdn.example/x.rel"):
            fetched(tmp_path, web)
        assert len(web.requests) == 1


def test_a_server_that_never_gives_a_byte_is_given_up(tmp_path):
    with unix_board.WebServer(b"a" * 5000, drops=[0] * 50) as web:
        with pytest.raises(DownloadError, match="gave up at 0 bytes"):
            fetched(tmp_path, web)
        assert len(web.requests) == 8
