"""Delivery over HTTP against http.server: what is taken is taken once, what fails waits, nothing is lost."""

import asyncio
import base64

import pytest

from firmware.core import errors
from firmware.delivery import sender as senders
from tests.host.support import delivery_lab as lab


@pytest.fixture
def web():
    with lab.Web() as server:
        yield server


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The waits of a minute are not what is tested."""
    monkeypatch.setattr(senders, "_LAST_S", 1)
    monkeypatch.setattr(senders, "_FIRST_S", 0.05)
    monkeypatch.setattr(senders.Sender, "_next_wait", lambda self: min(0.05 + self.retry_s, 2))


def settings(web, **more):
    return dict(lab.HTTP, port=web.port, **more)


def test_post_json_an_array_of_records_over_one_connection(tmp_path, web):
    device = lab.Device(tmp_path, ("http", settings(web)))
    device.fill(50)
    http = device.run()
    assert web.got == list(range(1, 51)) and web.connections == 1 and len(web.requests) == 3
    method, path, headers, records, _ = web.requests[0]
    assert (method, path, headers["Content-Type"]) == ("POST", "/in", "application/json")
    assert headers["Host"] == "127.0.0.1:%d" % web.port and "Authorization" not in headers
    assert records[0] == {"IMEI": "860000000000001", "N": 1, "X": "é &%+" + "x" * 60}
    assert http.connected and http.delivered == 50 and http.status()["waiting"] == 0
    assert lab.Device(tmp_path, ("http", settings(web))).run().requests == 0


def test_get_json_one_record_in_the_address(tmp_path, web):
    device = lab.Device(tmp_path, ("http", settings(web, mode="get-json", path="/json/set.asp?data=")))
    device.fill(7)
    device.run()
    assert web.got == list(range(1, 8)) and web.connections == 1
    method, path, headers, records, _ = web.requests[0]
    assert method == "GET" and path.startswith("/json/set.asp?data=%7B%22IMEI%22%3A%20%22860000000000001%22")
    assert "Content-Length" not in headers and records[0]["X"].startswith("é &%+")


def test_headers_and_login(tmp_path, web):
    more = {"user": "meter", "password": "s3cret:é", "header1": "X-Token: abc"}
    device = lab.Device(tmp_path, ("http", settings(web, **more)))
    device.fill(1)
    device.run()
    headers = web.requests[0][2]
    assert headers["X-Token"] == "abc"
    assert headers["Authorization"] == "Basic " + base64.b64encode("meter:s3cret:é".encode()).decode()


def test_newest_first(tmp_path, web):
    device = lab.Device(tmp_path, ("http", settings(web, order="lifo", batch=4)))
    device.fill(10)
    device.run()
    assert web.got == list(range(10, 0, -1))


@pytest.mark.parametrize("form, wanted", [("titan", [1, 3]), ("extended", [2, 4]), ("both", [1, 2, 3, 4])])
def test_the_form_that_is_wanted_and_no_reports_of_errors(tmp_path, web, form, wanted):
    device = lab.Device(tmp_path, ("http", settings(web, form=form)))
    for kind in (1, 0x81, 2, 0x82, 15):
        device.fill(1, kind=kind)
    device.run()
    assert web.got == wanted and device.senders[0].cursor.depth() == 0
    assert lab.Device(tmp_path, ("http", settings(web, form=form))).senders[0].cursor.depth() == 0


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b""),
        (201, {}, b"x" * 5000),
        (204, {}, None),
        (202, {"Connection": "close"}, b"yes"),
        (200, {}, [b"a", b"bc" * 700, b"d"]),
        (200, {"Connection": "close"}, None),
        (200, {"X-Long": "y" * 3000}, b"ok"),
    ],
)
def test_any_2xx_is_delivered_and_what_it_says_is_read_past(tmp_path, web, answer):
    web.answers = lambda number, records: answer
    device = lab.Device(tmp_path, ("http", settings(web, batch=5)))
    device.fill(15)
    device.run()
    ends = "Connection" in answer[1]
    assert web.got == list(range(1, 16)) and web.connections == (3 if ends else 1)


@pytest.mark.parametrize("status", (408, 425, 429, 500, 502, 503, 504, 507))
def test_not_now_is_tried_again_and_nothing_is_parked(tmp_path, web, status):
    web.answers = lambda number, records: (200 if number > 6 else status, {}, b"busy")
    device = lab.Device(tmp_path, ("http", settings(web)))
    device.fill(30)
    http = device.run(lambda: len(web.got) == 30)
    assert web.got == list(range(1, 31)) and http.parked == 0 and http.refused == 6


def test_what_the_server_asks_to_wait_is_waited(tmp_path, web, monkeypatch):
    monkeypatch.undo()
    web.answers = lambda number, records: (503, {"Retry-After": "7200"}, b"")
    device = lab.Device(tmp_path, ("http", settings(web)))
    device.fill(1)
    http = device.run(lambda: device.senders[0].state == "waiting")
    assert http.why == (334, 503)
    assert http.retry_s == 7200 and [http._next_wait() for _ in range(3)] == [3600] * 3
    http.retry_s = 0
    waits = [http._next_wait() for _ in range(12)]
    assert all(
        step <= wait <= step * 1.5 for step, wait in zip([16, 32, 64, 128, 256] + [300] * 7, waits, strict=True)
    )


def test_a_record_that_is_refused_is_parked_and_told_and_those_behind_it_go_on(tmp_path, web):
    bad = {13, 27}
    web.answers = lambda number, records: (422 if bad & {each["N"] for each in records} else 200, {}, b"no")
    device = lab.Device(tmp_path, ("http", settings(web, batch=16)))
    device.fill(40)
    http = device.run()
    assert sorted(web.got) == [n for n in range(1, 41) if n not in bad] and len(set(web.got)) == 38
    state = http.status()
    assert (state["parked"], state["parked_for"], state["waiting"], state["lost"]) == (2, 422, 2, 0)
    # The server has been mended: SENDNOW, or an hour later.
    bad.clear()
    http.now()
    device.run(lambda: len(web.got) == 40)
    assert sorted(web.got) == list(range(1, 41)) and http.parked == 0


def test_what_is_parked_waits_over_a_restart(tmp_path, web):
    web.answers = lambda number, records: (400, {}, b"no")
    device = lab.Device(tmp_path, ("http", settings(web, tries=1, batch=1)))
    device.fill(3)
    assert device.run().parked == 3
    web.answers = lambda number, records: (200, {}, b"ok")
    device = lab.Device(tmp_path, ("http", settings(web)))
    assert device.run(lambda: web.got).parked == 0
    assert web.got == [1, 2, 3]


@pytest.mark.parametrize("status", (301, 302, 307, 308))
def test_a_redirect_is_told_and_not_followed(tmp_path, web, status):
    web.answers = lambda number, records: (status, {"Location": "http://127.0.0.1:%d/other" % web.port}, b"gone")
    device = lab.Device(tmp_path, ("http", settings(web)))
    device.fill(3)
    http = device.run(lambda: len(web.requests) > 3)
    assert http.why == (336, "http://127.0.0.1:%d/other" % web.port)
    assert "not followed" in errors.words(http.why)
    assert {path for _, path, *_ in web.requests} == {"/in"} and http.cursor.depth() == 3 and http.parked == 0


@pytest.mark.parametrize("status", (401, 403))
def test_a_refused_login_is_told_as_such(tmp_path, web, status):
    web.answers = lambda number, records: (status, {}, b"who?")
    device = lab.Device(tmp_path, ("http", settings(web, tries=100)))
    device.fill(3)
    http = device.run(lambda: device.senders[0].why)
    assert http.why == (335, status) and not http.connected


def test_a_server_that_is_silent_or_hangs_up_costs_a_repetition_of_a_request(tmp_path, web):
    found = {1: None, 3: 30, 4: None}
    web.answers = lambda number, records: found.get(number, (200, {}, b"ok"))
    device = lab.Device(tmp_path, ("http", settings(web, timeout=0.3)))
    device.fill(60)
    http = device.run(lambda: len(web.got) == 60)
    assert web.got == list(range(1, 61)) and http.connected


def test_a_server_that_ends_the_connection_after_each_answer_unsaid(tmp_path):
    """Some do, between two requests: no failure, the next request has a connection of its own."""
    with lab.Web() as web:
        real = lab._Handler._answer

        def once(self, records):
            real(self, records)
            self.close_connection = True

        lab._Handler._answer = once
        try:
            device = lab.Device(tmp_path, ("http", settings(web, batch=5)))
            device.fill(20)
            http = device.run(lambda: len(web.got) == 20)
        finally:
            lab._Handler._answer = real
        assert web.got == list(range(1, 21)) and http._attempts == 0


def test_no_http_no_server_no_name(tmp_path, web):
    device = lab.Device(tmp_path, ("http", settings(web)))
    device.fill(1)
    http = device.senders[0]
    web.answers = lambda number, records: (200, {}, b"ok")
    port = web.port
    for host, number, code in (("127.0.0.1", 1, 308), ("no.such.name.invalid", port, 317)):
        http.reconfigure(dict(lab.HTTP, host=host, port=number))
        device.run(lambda: http.why)
        assert http.why[0] == code and errors.words(http.why)
    http.reconfigure(settings(web))
    device.run()
    assert web.got == [1]


def test_a_damaged_record_is_counted_and_its_neighbours_arrive(tmp_path, web):
    device = lab.Device(tmp_path, ("http", settings(web)))
    device.fill(20)
    path = next(tmp_path.glob("*.log"))
    data = bytearray(path.read_bytes())
    at = data.index(b'"N": 7,') + 30
    data[at] ^= 1
    path.write_bytes(data)
    http = device.run()
    assert sorted(web.got) == [n for n in range(1, 21) if n != 7] and len(web.got) == 19
    assert http.dropped == 1 and http.cursor.depth() == 0


def test_nothing_goes_to_where_it_has_yet_to_be_shown_that_it_belongs_there(tmp_path, web):
    device = lab.Device(tmp_path, ("http", settings(web, probe=True)))
    device.fill(3)
    http = device.run()
    assert http.connected and http.connections == 1 and not web.requests
    http.settings["probe"] = False
    device.run(lambda: len(web.got) == 3)


def test_without_records_it_is_known_whether_the_server_is_there(tmp_path, web):
    device = lab.Device(tmp_path, ("http", settings(web)))
    assert device.run().connected and not web.requests


@pytest.mark.parametrize("get", (False, True))
def test_the_line_is_cut_at_every_packet(tmp_path, web, get):
    """Nothing is lost, and at most one request is repeated."""
    batch = 1 if get else 5
    count = 6 if get else 12
    cutter = lab.Cutter(web.port)
    mode, path = ("get-json", "/in?data=") if get else ("post-json", "/in")
    more = {"mode": mode, "path": path, "timeout": 1, "batch": batch}
    try:
        pieces = repeated = 0
        cut = 1
        while cut <= max(pieces, 1):
            web.got.clear()
            cutter.pieces, cutter.cut = 0, 0 if not pieces else cut
            folder = tmp_path / ("%d" % cut if pieces else "whole")
            device = lab.Device(folder, ("http", dict(settings(web, **more), port=cutter.port)))
            device.fill(count)
            device.run(device.delivered)
            assert list(dict.fromkeys(web.got)) == list(range(1, count + 1))
            assert len(web.got) - count <= batch
            repeated += len(web.got) > count
            if pieces:
                cut += 1
            else:
                pieces = cutter.pieces
        # How the bytes come in pieces differs from time to time.
        assert pieces > 4 and cutter.hits > pieces * 3 // 4 and repeated > 0
    finally:
        cutter.close()


def test_the_power_fails_between_the_answer_and_its_note(tmp_path, web, monkeypatch):
    device = lab.Device(tmp_path, ("http", settings(web, batch=5)))
    device.fill(20)
    flushes = []

    def flush(self):
        flushes.append(1)
        if len(flushes) == 2:
            raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(device.senders[0].cursor, "flush", lambda: flush(device.senders[0].cursor))
        with pytest.raises((asyncio.CancelledError, AssertionError)):
            device.run()
    assert web.got == list(range(1, 11))
    # None of its notes has got to the flash.
    device = lab.Device(tmp_path, ("http", settings(web, batch=5)))
    device.run(lambda: device.idle() and len(set(web.got)) == 20)
    assert set(web.got) == set(range(1, 21)) and len(web.got) == 30
