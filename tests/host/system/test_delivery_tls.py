"""Deliveries over HTTPS: who is there is checked before a record goes out, and what breaks costs a repetition.

Against Python's http.server with TLS; FTPS against vsftpd is a test of services (test_delivery_services.py).
"""

import pytest

from firmware.security.trust import Trust
from tests.host.support import delivery_lab as lab
from tests.host.support import tls_lab
from tools import patience

pytestmark = pytest.mark.takes(40)


@pytest.fixture(scope="module")
def authority():
    return tls_lab.Authority()


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    lab.hasty(monkeypatch)


@pytest.fixture
def root(tmp_path, authority):
    """A device's flash with our root on it."""
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "ca.der").write_bytes(authority.root)
    return tmp_path


def device(root, port, host="localhost", verify="ca", **more):
    made = lab.Device(root / "log", ("http", {"enabled": False}))
    trust = Trust(str(root), made.clock, verify, ["own"])
    made.senders[0].reconfigure(dict(lab.HTTP, host=host, port=port, trust=trust, **more))
    return made


def test_records_arrive_over_one_connection_that_is_checked(root, authority):
    with lab.Web(context=authority.show().context()) as web:
        made = device(root, web.port, batch=7)
        made.fill(40)
        http = made.run(made.delivered)
        assert web.got == list(range(1, 41)) and http.connected
        assert len({client for *_, client in web.requests}) == 1
        assert web.requests[0][2]["Host"] == "localhost:%d" % web.port


@pytest.mark.parametrize("case", ["wrong name", "expired", "unknown issuer"])
def test_nothing_goes_to_whom_the_certificate_does_not_name(root, authority, case):
    with lab.Web(context=authority.show(case).context()) as web:
        made = device(root, web.port)
        made.fill(3)
        http = made.run(lambda: made.senders[0].why)
        assert http.why[0] == tls_lab.REFUSED[case] and http.cursor.depth() == 3
        assert not web.requests and not http.connected
        assert made.link.suspected == 0, "the way there is good"


def test_a_plain_server_behind_https_is_told(root):
    with lab.Web() as web:
        made = device(root, web.port)
        made.fill(3)
        http = made.run(lambda: made.senders[0].why)
        assert http.why[0] == 351 and http.cursor.depth() == 3 and not web.got


def test_without_the_time_no_certificate_is_believed(root, authority):
    with lab.Web(context=authority.show().context()) as web:
        made = device(root, web.port)
        made.clock.known = False
        made.fill(3)
        http = made.run(lambda: made.senders[0].why)
        assert http.why == (350,)
        made.clock.known = True
        http.now()
        made.run(made.delivered)
        assert web.got == [1, 2, 3]


def test_the_line_is_cut_at_every_packet(root, authority):
    """Wherever it is cut, in the handshake, too: nothing is lost, one request at most is repeated."""
    with lab.Web(context=authority.show().context()) as web:
        cutter = lab.Cutter(web.port, 1024)
        try:
            cut = hit = 0
            while cut == hit:
                cut += 1
                web.got.clear()
                cutter.pieces, cutter.cut, before = 0, cut, cutter.hits
                made = device(root, cutter.port, batch=5, timeout=1)
                first = made.ring.last + 1
                made.fill(12)
                made.run(made.delivered)
                hit += cutter.hits - before
                assert sorted(set(web.got)) == list(range(first, first + 12))
                assert len(web.got) <= 12 + 5, web.got
        finally:
            cutter.close()
        assert hit > 8, "the cuts did not go through a handshake and a drain"


def test_https_beside_mqtts_on_a_middle_board_that_has_room_for_one_of_them(tmp_path, authority):
    taken = []

    def judge(number, records):
        for each in records:
            each["N"] = each["TS"]
        taken.extend(records)
        return 200, {}, b"ok"

    with lab.Web(judge, authority.show().context()) as web:
        settings = {
            "http.enabled": True, "http.server": "https://localhost:%d/in" % web.port, "mqtt.commands": "*",
        }  # fmt: skip
        with tls_lab.Lab(tmp_path, authority, settings=settings) as twin:
            twin.twin.start()
            limit = patience.Limit(120)
            while len(taken) < 3 or len(twin.records) < 3:
                assert not limit.passed(), "\n".join(twin.twin.lines[-40:])
                twin.collect(0.3)
            state = twin.at("AT^MTXTUNNEL=GETSTATUS,deliveries", 60)
            assert "deliveries.http.last_error: \r\n" in state or "deliveries.http.last_error:" in state, state
            assert "http: ok, https://localhost" in twin.at("AT^MTXTUNNEL=DOCTOR,http", 60)
            lines = "\n".join(twin.twin.lines)
            assert "Traceback" not in lines and "starts again" not in lines
    stamps = [each["TS"] for each in taken]
    assert stamps == sorted(set(stamps))
