"""Delivery over FTP against pyftpdlib: a file a day, whole or not at all; nothing on the server ever becomes less."""

import asyncio
import json

import pytest

from firmware.core import errors
from firmware.delivery import sender as senders
from tests.host.support import delivery_lab as lab
from tests.host.support import ftp_servers

IMEI = "860000000000001"
DATE = "2026-11-18"
UTC = lab.UTC
# Bytes of a record with a number of one figure in a file.
LINE = len(lab.record(1)) + 1


@pytest.fixture
def server(tmp_path):
    with ftp_servers.Server(tmp_path / "server") as found:
        yield found


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(senders.Sender, "_next_wait", lambda self: 0.05)


def settings(server, **more):
    return dict(lab.FTP, port=server.port, **more)


def numbers(lines):
    return [json.loads(line)["N"] for line in lines]


def name(day, part=""):
    return "%s-2026-11-%02d%s.txt" % (IMEI, day, part)


def test_a_file_a_day(tmp_path, server):
    device = lab.Device(tmp_path / "log", ("ftp", settings(server)))
    for day in range(3):
        device.fill(5, UTC + day * lab.DAY)
    ftp = device.run()
    assert {key: numbers(lines) for key, lines in server.files().items()} == {
        name(18): [1, 2, 3, 4, 5], name(19): [6, 7, 8, 9, 10], name(20): [11, 12, 13, 14, 15],
    }  # fmt: skip
    assert json.loads(server.files()[name(18)][0])["X"].startswith("é &%+")
    assert ftp.connected and ftp.delivered == 15 and ftp.cursor.depth() == 0 and server.logins == 1


def test_a_day_s_file_grows_and_a_restart_does_not_make_it_less(tmp_path, server):
    for turn in range(1, 4):
        device = lab.Device(tmp_path / "log", ("ftp", settings(server)))
        device.fill(4)
        device.run()
        assert numbers(server.files()[name(18)]) == list(range(1, 4 * turn + 1))
    assert list(server.files()) == [name(18)]


def test_what_the_log_has_no_more_stays_on_the_server(tmp_path, server):
    options = {"segment": 1000, "segments": 3}
    device = lab.Device(tmp_path / "log", ("ftp", settings(server)), **options)
    device.fill(8)
    device.run()
    device.fill(60)
    lost = device.senders[0].cursor.lost
    device.run(lambda: device.senders[0].cursor.depth() == 0)
    files = server.files()
    first = lost + 9
    assert 0 < lost < 60 and numbers(files[name(18)]) == list(range(1, 9))
    assert numbers(files[name(18, "-%d" % first)]) == list(range(first, 69))
    device.fill(2, UTC + lab.DAY)
    device.run(lambda: device.senders[0].cursor.depth() == 0)
    assert numbers(server.files()[name(19)]) == [69, 70] and len(server.files()) == 3


def test_a_clock_that_goes_back_does_not_overwrite_a_day(tmp_path, server):
    device = lab.Device(tmp_path / "log", ("ftp", settings(server)))
    for day in (0, 1, 0, 1, 2):
        device.fill(2, UTC + day * lab.DAY)
        device.run(lambda: device.senders[0].cursor.depth() == 0)
    found = {key: numbers(lines) for key, lines in server.files().items()}
    assert sorted(n for lines in found.values() for n in lines) == list(range(1, 11))
    assert found[name(18)] == [1, 2] and found[name(19)] == [3, 4] and found[name(20)] == [9, 10]


def test_of_days_that_are_mixed_none_is_lost(tmp_path, server):
    device = lab.Device(tmp_path / "log", ("ftp", settings(server)))
    for day in (0, 1, 0, 1, 2, 0):
        device.fill(2, UTC + day * lab.DAY)
    device.run(lambda: device.senders[0].cursor.depth() == 0)
    found = {key: numbers(lines) for key, lines in server.files().items()}
    assert sorted(n for lines in found.values() for n in lines) == list(range(1, 13))


@pytest.mark.parametrize("period, turns", [(1440, 1), (60, 3)])
def test_once_a_period(tmp_path, server, period, turns):
    device = lab.Device(tmp_path / "log", ("ftp", settings(server, period=period)), utc=UTC + 7200)
    device.fill(1)
    ftp = device.run()
    assert ftp.requests == 1
    for hour in range(1, 6):
        device.clock.now = UTC + 7200 + hour * 1800
        device.fill(1)
        device.run(lambda: device.idle() and ftp._due() is False)
    assert ftp.requests == turns and numbers(server.files()[name(18)])[-1] == (1 if turns == 1 else 5)
    ftp.now()
    device.run(lambda: ftp.cursor.depth() == 0)
    assert numbers(server.files()[name(18)]) == list(range(1, 7))


def test_a_server_without_epsv_whose_pasv_names_another_address(tmp_path):
    with ftp_servers.Server(tmp_path / "server", epsv=False) as server:
        device = lab.Device(tmp_path / "log", ("ftp", settings(server)))
        device.fill(3)
        device.run()
        assert numbers(server.files()[name(18)]) == [1, 2, 3] and "PASV" in server.commands


def test_a_server_that_does_not_rename_over_a_file(tmp_path):
    with ftp_servers.Server(tmp_path / "server", overwrites=False) as server:
        device = lab.Device(tmp_path / "log", ("ftp", settings(server)))
        for turn in range(1, 4):
            device.fill(3)
            device.run(lambda: device.senders[0].cursor.depth() == 0)
            assert numbers(server.files()[name(18)]) == list(range(1, 3 * turn + 1))
        assert list(server.files()) == [name(18)]


def test_a_folder_that_is_made(tmp_path, server):
    device = lab.Device(tmp_path / "log", ("ftp", settings(server, folder="meters")))
    device.fill(3)
    device.run()
    assert numbers(server.files("meters")[name(18)]) == [1, 2, 3]


def test_a_wrong_login_is_told(tmp_path, server):
    server.handler.auth_failed_timeout = 0
    device = lab.Device(tmp_path / "log", ("ftp", dict(settings(server), password="wrong")))
    device.fill(3)
    ftp = device.run(lambda: device.senders[0].why)
    assert ftp.why == (335, 530) and "530" in errors.words(ftp.why) and ftp.cursor.depth() == 3


@pytest.mark.parametrize("reply", ("452 disk full", "553 no", "425 no", "421 going down"))
@pytest.mark.parametrize("command", ("EPSV", "STOR", "RNFR", "RNTO", "TYPE", "CWD"))
def test_what_is_refused_waits_and_comes_again(tmp_path, server, command, reply):
    left = [3]

    def refused():
        left[0] -= 1
        return reply if left[0] >= 0 else None

    server.refuse[command] = refused
    device = lab.Device(tmp_path / "log", ("ftp", settings(server, folder="x")))
    device.fill(30)
    device.run(lambda: device.senders[0].cursor.depth() == 0)
    assert numbers(server.files("x")[name(18)]) == list(range(1, 31))
    assert [each for each in server.files("x")] == [name(18)]


@pytest.mark.parametrize("size, fine", [("213 2760", False), (None, True)])
def test_after_a_doubtful_end_the_size_decides(tmp_path, server, size, fine):
    """What servers say to data over TLS that ends without a goodbye: 426, and they have it all."""
    real = server.handler.respond

    def respond(self, text, *more, **named):
        real(self, text.replace("226 Transfer complete.", "426 Failure reading network stream."), *more, **named)

    server.handler.respond = respond
    if size:
        server.refuse["SIZE"] = size
    device = lab.Device(tmp_path / "log", ("ftp", settings(server)))
    device.fill(30)
    ftp = device.run(lambda: device.senders[0].cursor.depth() == 0 or device.senders[0].why)
    assert (ftp.cursor.depth() == 0) == fine
    if not fine:
        assert ftp.why == (334, "426 to STOR") and not [each for each in server.files() if each.endswith(".txt")]


def test_a_damaged_record_is_counted_and_the_day_arrives(tmp_path, server):
    device = lab.Device(tmp_path / "log", ("ftp", settings(server)))
    device.fill(20)
    path = next((tmp_path / "log").glob("*.log"))
    data = bytearray(path.read_bytes())
    data[data.index(b'"N": 7,') + 30] ^= 1
    path.write_bytes(data)
    ftp = device.run(lambda: device.senders[0].cursor.depth() == 0)
    assert numbers(server.files()[name(18)]) == [n for n in range(1, 21) if n != 7] and ftp.dropped == 1


def test_the_line_is_cut_at_every_packet(tmp_path, server):
    """Control and data: whatever is lost, a file on the server is whole, and at the end it has everything."""
    cut, pieces = 1, 0
    while cut <= max(pieces, 1):
        log = tmp_path / ("%d" % cut if pieces else "whole")
        for path in server.folder.iterdir():
            path.unlink()
        # The data connection goes past the cutter: its port is the server's own.
        cutter = lab.Cutter(server.port, 64)
        cutter.cut = cut if pieces else 0
        try:
            device = lab.Device(log, ("ftp", dict(settings(server, timeout=1), port=cutter.port)))
            device.fill(6)
            device.run(device.delivered)
            assert {key: numbers(lines) for key, lines in server.files().items() if not key.endswith(".part")} == {
                name(18): [1, 2, 3, 4, 5, 6]
            }
            hit = cutter.hits
        finally:
            cutter.close()
        if pieces:
            cut += 1
            assert hit or cut >= pieces - 3
        else:
            pieces = cutter.pieces
    assert pieces > 15


@pytest.mark.parametrize("reset", (False, True))
@pytest.mark.parametrize("at", (0, 1, LINE - 1, LINE, 15 * LINE + 7, 30 * LINE, 30 * LINE + 20))
def test_the_data_connection_is_cut_in_the_middle_of_a_file(tmp_path, server, at, reset):
    """To a server the end of the connection is that of the file: it says 226 to half of one. Then the same when the
    file grows: what is there is not replaced by less."""
    device = lab.Device(tmp_path / "log", ("ftp", settings(server)))
    for turn in range(1, 3):
        device.fill(30)
        server.cuts[:] = [(at, reset), (at // 2, reset)]
        device.run(lambda: device.senders[0].cursor.depth() == 0)
        assert not server.cuts
        assert numbers(server.files()[name(18)]) == list(range(1, 30 * turn + 1))
        assert [(each, len(lines)) for each, lines in server.finals] == [(name(18), 30), (name(18), 60)][:turn]
    assert list(server.files()) == [name(18)]


@pytest.mark.parametrize("reply, fine", [("500 SIZE not understood", True), ("502 not implemented", True),
                                         ("550 no permission", True), ("213 much", True),
                                         ("213 17", False)])  # fmt: skip
def test_the_server_says_what_has_arrived_if_it_can(tmp_path, server, reply, fine):
    server.refuse["SIZE"] = reply
    device = lab.Device(tmp_path / "log", ("ftp", settings(server)))
    device.fill(5)
    ftp = device.run(lambda: device.senders[0].cursor.depth() == 0 or device.senders[0].why)
    assert (ftp.cursor.depth() == 0) == fine == bool(server.finals)
    if not fine:
        assert errors.words(ftp.why).startswith("17 of %d bytes" % (5 * LINE)), errors.words(ftp.why)


@pytest.mark.parametrize("at", (0, 1, 2))
def test_the_power_fails_between_two_notes(tmp_path, server, at):
    device = lab.Device(tmp_path / "log", ("ftp", settings(server)))
    for day in range(2):
        device.fill(4, UTC + day * lab.DAY)
    flushes = []
    real = device.senders[0].cursor.flush

    def flush():
        flushes.append(1)
        if len(flushes) > at:
            raise asyncio.CancelledError
        real()

    device.senders[0].cursor.flush = flush
    with pytest.raises((asyncio.CancelledError, AssertionError)):
        device.run()
    device = lab.Device(tmp_path / "log", ("ftp", settings(server)))
    device.run(lambda: device.senders[0].cursor.depth() == 0)
    assert {key: numbers(lines) for key, lines in server.files().items()} == {
        name(18): [1, 2, 3, 4], name(19): [5, 6, 7, 8],
    }  # fmt: skip
