"""The device's page by bare sockets, on the firmware on MicroPython: each test is a hole that a neighbour's page had.

AMS2MQTT (#222, #424, #1055), Tasmota (#6767, #11039, #12900, #1587), ESPHome (CVE-2025-57808, #9549), and what
microdot leaves to who uses it.
"""

import json
import re
import socket
import threading
import time

import pytest

from tests.host.support import page_client
from tests.host.support.page_client import Browser
from tests.host.support.page_lab import BROKER_SECRET, PASSWORD, Page
from tools import micropython, patience

pytestmark = pytest.mark.takes(60)
POLICY = "default-src 'none'; script-src 'sha256-"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    made = Page(tmp_path_factory.mktemp("page")).open()
    made.record(60)
    yield made
    made.close()


@pytest.fixture
def tab(lab):
    return lab.tab()


def stranger(lab):
    return Browser(lab.web)


# --- who gets in


@pytest.mark.parametrize("path", ["/api/at", "/api/status", "/api/settings", "/api/logout"])
def test_without_login_there_is_the_page_what_it_is_and_the_login_alone(lab, path):
    for method in ("GET", "POST"):
        found = stranger(lab).request(method, path, {"text": "AT^MTXTUNNEL=GETSTATUS"})
        assert found.status in (401, 405) and "imei" not in found.text.lower(), (method, path)
    assert stranger(lab).get("/").status == 200
    assert set(stranger(lab).get("/api/about").json) == {"way", "devices", "why"}
    assert set(stranger(lab).get("/api/login").json) == {"salt", "rounds", "challenge", "why"}
    assert stranger(lab).get("/config.json").status == 404
    assert stranger(lab).get("/../config.json").status == 404


@pytest.mark.parametrize(
    "wrong",
    ["", PASSWORD[:1], PASSWORD[:-1], PASSWORD + "x", PASSWORD * 200, PASSWORD.upper(), "\0", " " + PASSWORD],
    ids=["empty", "first letter", "prefix", "longer", "very long", "capitals", "null", "blank before"],
)
def test_a_password_is_compared_whole(lab, wrong):
    found = stranger(lab).login(wrong)
    assert found.status == 403 and "set-cookie" not in found.headers
    lab.tab()  # the right one still counts, and makes the wrong ones forgotten


@pytest.mark.parametrize("proof", ["", "0", "a" * 64, "a" * 8000, None, 7, ["x"], {"a": 1}])
def test_what_is_no_answer_to_a_challenge_is_none(lab, proof):
    found = stranger(lab).post("/api/login", {"proof": proof})
    assert found.status in (400, 403) and "set-cookie" not in found.headers
    lab.tab()


def test_an_answer_counts_once(lab):
    browser = stranger(lab)
    answer = page_client.proof(PASSWORD, browser.get("/api/login").json)
    assert browser.post("/api/login", {"proof": answer}).status == 200
    assert browser.post("/api/login", {"proof": answer}).status == 403
    lab.tab()


def test_after_five_wrong_ones_even_the_right_one_waits_and_the_console_does_not(lab):
    for _ in range(5):
        assert stranger(lab).login("wrong").status == 403
    found = stranger(lab).login(PASSWORD)
    assert found.status == 429 and 0 < found.json["wait"] <= 2
    limit = patience.Limit(30)
    while stranger(lab).login(PASSWORD).status == 429:
        assert not limit.passed()
        time.sleep(0.3)


def test_the_cookie_is_for_this_page_alone_and_long_enough(lab):
    browser = stranger(lab)
    found = browser.login(PASSWORD)
    parts = {part.strip() for part in found.headers["set-cookie"].split(";")}
    assert {"Path=/", "HttpOnly", "SameSite=Strict"} <= parts
    assert re.fullmatch("[0-9a-f]{32}", browser.cookie)


@pytest.mark.parametrize("cookie", ["", "0", "x" * 32, "0" * 31, "%s"])
def test_a_session_is_compared_whole(lab, tab, cookie):
    other = stranger(lab)
    other.cookie = tab.cookie[:-1] if cookie == "%s" else cookie
    assert other.get("/api/status").status == 401


def test_logout_ends_a_session_and_no_other(lab):
    one, two = lab.tab(), lab.tab()
    assert one.post("/api/logout", {}).status == 200
    assert one.get("/api/status").status == 401
    assert two.get("/api/status").status == 200


# --- who asks


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1", None])
@pytest.mark.parametrize("path", ["/api/at", "/api/login", "/api/logout"])
def test_a_foreign_origin_or_none_changes_nothing(lab, tab, path, origin):
    found = tab.post(path, {"text": "AT^MTXTUNNEL=SETPARAM,logger.order,lifo", "proof": "x"}, Origin=origin)
    assert found.status == 403 and "access-control-allow-origin" not in found.headers
    assert tab.at("GETPARAM,logger.order")["lines"] == ["fifo"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "", None, "127.0.0.1:x", "127.0.0.1.evil.example"]
)
def test_a_foreign_host_is_not_answered(lab, tab, host):
    for path in ("/", "/api/status"):
        assert tab.get(path, Host=host).status == 403
    found = tab.post("/api/at", {"text": "AT"}, Host=host, Origin="http://%s" % host)
    assert found.status == 403


def test_a_get_or_a_form_of_another_site_changes_nothing(lab, tab):
    assert tab.get("/api/at?text=AT^MTXTUNNEL=REBOOT").status == 405
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data", None):
        found = tab.post("/api/at", {"text": "AT^MTXTUNNEL=SETPARAM,logger.order,lifo"}, Content_Type=kind)
        assert found.status == 400
    found = tab.request("OPTIONS", "/api/at", Origin="http://evil.example")
    assert not [name for name in found.headers if name.startswith("access-control")]
    assert tab.at("GETPARAM,logger.order")["lines"] == ["fifo"]


def test_each_answer_has_the_headers_that_bound_a_browser(lab, tab):
    for found in (tab.get("/"), tab.get("/api/status"), tab.get("/nothing"), tab.get("/", Host="evil.example")):
        assert found.headers["x-frame-options"] == "DENY" and found.headers["x-content-type-options"] == "nosniff"
        assert found.headers["cache-control"] == "no-store" and "server" not in found.headers
        policy = found.headers["content-security-policy"]
        assert "unsafe" not in policy and policy.startswith("default-src 'none'")
    assert tab.get("/").headers["content-security-policy"].startswith(POLICY)


# --- what it says and does


def test_no_answer_has_a_secret(lab, tab):
    tab.at("SETPARAM,mqtt.password," + BROKER_SECRET)
    said = [tab.get("/api/settings").text, tab.get("/api/status").text, tab.get("/").text]
    texts = ("GETCONFIG", "GETPARAM,mqtt.password", "GETPARAM,page.password", "SETPARAM,mqtt.password,two words,three",
             "DOCTOR", "GETAUDIT", "SETPARAM,page.password,short-1", "SETPARAM,meter.0.password,secretly")  # fmt: skip
    said += [tab.post("/api/at", {"text": "AT^MTXTUNNEL=" + text}).text for text in texts]
    said += [tab.post("/api/at", {"text": "AT^MTXTUNNEL=SAVECONFIG\nmqtt.password: two-words\nx: secretly"}).text]
    for text in said:
        for secret in (BROKER_SECRET, PASSWORD, "short-1", "secretly", "two-words", "two words", "$1$"):
            assert secret not in text
    assert not [line for line in lab.twin.lines if PASSWORD in line or BROKER_SECRET in line]


@pytest.mark.parametrize("value", ['"<script>', "</script><b>", "ñandú €", "a\\b'c", "%s %1 {}"])
def test_a_bad_character_in_a_setting_keeps_nothing_from_loading(lab, tab, value):
    assert tab.at("SAVECONFIG", "logger.id: " + value)["ok"], value
    found = tab.get("/api/settings")
    assert found.status == 200 and value in [line.partition(": ")[2] for line in found.json["lines"]]
    assert tab.get("/api/status").status == 200 and tab.get("/").status == 200
    assert tab.at("SAVECONFIG", "logger.id: ")["ok"]


def test_a_refusal_is_told_in_words_and_changes_nothing(lab, tab):
    found = tab.at("SAVECONFIG", "mqtt.qos: 1", "mqtt.keepalive: 5")
    assert not found["ok"] and "mqtt.keepalive" in found["why"] and found["code"]
    found = tab.at("SETPARAM,page.password,short")
    assert not found["ok"] and found["why"].startswith(
        "page.password: *** is not allowed; allowed: 8 to 32 characters"
    )


def test_two_tabs_see_each_what_it_asked(lab):
    tabs, wrong = [lab.tab(), lab.tab()], []

    def ask(browser, name, wanted):
        for _ in range(8):
            found = browser.post("/api/at", {"text": "AT^MTXTUNNEL=GETPARAM," + name})
            if found.json.get("lines") != [wanted]:
                wrong.append((name, found.status, found.text))

    threads = [
        threading.Thread(target=ask, args=each)
        for each in zip(tabs, ("mqtt.qos", "logger.order"), ("1", "fifo"), strict=True)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert wrong == []


def test_a_role_may_on_the_page_what_it_may_elsewhere(lab, tab):
    assert tab.at("SETPARAM,page.commands,view")["ok"]
    try:
        assert tab.at("GETSTATUS")["ok"]
        for command in ("FORCEREAD,ID00000", "SETPARAM,logger.order,lifo", "REBOOT", "CLEARLOG,YES"):
            found = tab.at(command)
            assert not found["ok"] and found["code"] == 3, command
    finally:
        lab.at("AT^MTXTUNNEL=SETPARAM,page.commands,*")


def test_records_come_in_pieces_as_they_are_stored(lab, tab):
    newest = int(dict(line.split(": ") for line in tab.at("GETLOG")["lines"])["newest"])
    lines = tab.at("GETRECORDS,1,5")["lines"]
    assert 0 < len(lines) <= 5 and int(lines[-1].split()[0]) <= newest
    assert json.loads(lines[0].partition(" ")[2])["TYPE"] == "IEC102"
    assert not tab.at("GETRECORDS,x")["ok"]


def test_the_trace_shows_frames_with_words_and_no_password(lab, tab):
    assert tab.get("/api/trace").json.get("trace") is None
    assert tab.at("SETPARAM,iec102.trace,file")["ok"]
    try:
        assert tab.at("FORCEREAD,ID00000")["ok"]
        limit, lines = patience.Limit(30), []
        while not any(" < 68" in line for line in lines):
            assert not limit.passed(), lines
            lines = tab.get("/api/trace").json.get("trace", [])
            time.sleep(0.3)
        assert all(re.match(r"\s*\d+\.\d{3} port 1 [<>] |\.\.\. ", line) for line in lines), lines
        assert stranger(lab).get("/api/trace").status == 401
        assert tab.at("SETPARAM,page.commands,meter")["ok"]
        found = tab.get("/api/trace").json
        assert not found["ok"] and "trace" not in found
    finally:
        lab.at("AT^MTXTUNNEL=SETPARAM,page.commands,*")
        lab.at("AT^MTXTUNNEL=SETPARAM,iec102.trace,off")
    assert tab.get("/api/trace").json.get("trace") is None


def test_the_audit_log_names_the_address_of_each_though_they_ask_at_the_same_time(lab, tab):
    other = lab.tab()
    other.source = "127.0.0.2"
    tabs = [(tab, "127.0.0.1", "lifo"), (other, "127.0.0.2", "fifo")]

    def work(browser, order):
        for _ in range(3):
            browser.at("SETPARAM,logger.order," + order)

    threads = [threading.Thread(target=work, args=(browser, order)) for browser, _, order in tabs]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert tab.at("SETPARAM,logger.order,fifo")["ok"]
    lines = [line for line in tab.at("GETAUDIT,60")["lines"] if "logger.order" in line]
    for _, address, order in tabs:
        assert [line for line in lines if "web %s: AT^MTXTUNNEL=SETPARAM,logger.order,%s" % (address, order) in line]
    assert not [line for line in lines if "127.0.0.2" in line and ",lifo" in line], lines


# --- what it costs


def connect(lab):
    return socket.create_connection(("127.0.0.1", lab.web), 60)


def hold(lab, count):
    """Connections that have begun a request and do not end it."""
    held = [connect(lab) for _ in range(count)]
    for each in held:
        each.sendall(b"GET / HTTP/1.1\r\n")
    time.sleep(0.5)
    return held


def test_three_connections_are_served_three_wait_and_the_next_ends_at_once(lab, tab):
    held = hold(lab, 3)
    waiting = [connect(lab) for _ in range(3)]
    time.sleep(0.5)
    with connect(lab) as seventh:
        assert page_client.drain(seventh) == b""
    for each in held:
        each.close()
    for each in waiting:
        each.sendall(b"GET /api/about HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"200 OK" in page_client.drain(each)
        each.close()
    assert tab.get("/api/about").status == 200


def test_a_connection_that_a_browser_keeps_ready_ends_soon(lab, tab):
    with connect(lab) as idle:
        start = time.monotonic()
        page_client.drain(idle)
        assert time.monotonic() - start < 9
    assert tab.get("/api/about").status == 200


def test_whoever_sends_a_byte_now_and_then_is_let_go(lab, tab):
    held = hold(lab, 3)
    limit, over = patience.Limit(40), 0
    while over < 3 and not limit.passed():
        over = 0
        for each in held:
            try:
                each.sendall(b"X")
            except OSError:
                over += 1
        time.sleep(0.7)
    assert over == 3
    assert tab.get("/api/about").status == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"G" * 9000,
        b"GET / HTTP/1.1\r\nX: " + b"y" * 9000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 2000,
        b"POST /api/at HTTP/1.1\r\nContent-Length: 16385\r\n\r\n" + b"x" * 16385,
        b"POST /api/at HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST /api/at HTTP/1.1\r\nContent-Length: -5\r\n\r\nhello",
        b"POST /api/at HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST /api/at HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"\r\n\r\n",
        b"\xff\xfe\x00\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /%ff%00%2e%2e/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /api/about?" + b"a=b&" * 400 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
    ids=["no end of line", "long header", "many headers", "long body", "huge body", "negative body", "no number",
         "chunked", "empty lines", "no text", "half a line", "no colon", "escapes", "query", "head"],
)  # fmt: skip
def test_rubbish_costs_a_connection_and_no_more(lab, tab, sent):
    started = lab.twin.starts
    with connect(lab) as peer:
        try:
            peer.sendall(sent)
        except ConnectionError:
            pass
        peer.settimeout(30)
        found = page_client.drain(peer)
    assert not found or found.startswith(b"HTTP/1.0 ")
    assert tab.get("/api/status").status == 200 and lab.twin.starts == started
    assert not [line for line in lab.twin.lines if "Traceback" in line or "AttributeError" in line]


def test_a_body_that_never_comes_ends(lab, tab):
    with connect(lab) as peer:
        peer.sendall(b"POST /api/at HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
        peer.settimeout(40)
        page_client.drain(peer)
    assert tab.get("/api/about").status == 200


def test_a_thousand_wrong_logins_change_nothing_for_who_knows_the_password(lab, tab):
    found = [stranger(lab).post("/api/login", {"proof": "%064x" % number}).status for number in range(1000)]
    assert set(found) == {403, 429} and found.count(403) < 20
    assert tab.at("GETSTATUS")["ok"], "who is in stays in"
    assert lab.at("AT^MTXTUNNEL=GETLOG").endswith("OK\r\n")
    limit = patience.Limit(400)
    while stranger(lab).login(PASSWORD).status == 429:
        assert not limit.passed()
        time.sleep(0.5)
    lines = [line for line in tab.at("GETAUDIT,200")["lines"] if "LOGIN: that is not the password" in line]
    assert 0 < len(lines) < 20
    assert lab.twin.starts == 1


def test_meanwhile_the_meter_was_read_and_delivered(lab):
    lab.record(30)
    assert lab.twin.starts == 1


KINDS = "_TAVC _CLOCK _ID _PC _CFG"
MONTH, DAYS = ",0,0,1,11,26,0,0,29,11,26", ",0,0,28,11,26,0,0,30,11,26"


def test_a_middle_board_reads_everything_while_pages_are_open(lab):
    """What the page asks for, over two tabs, with a reading every two seconds beside it."""
    one, two, starts = lab.tab(), lab.tab(), lab.twin.starts
    asked = [kind + ",ID00000" for kind in KINDS.split()]
    asked += ["_CTAVM2,ID00000" + MONTH, "_LC,ID00000" + DAYS, "_EV,ID00000" + MONTH]
    for each in asked:
        assert one.at("SETIEC102" + each)["ok"], each
        limit = patience.Limit(60)
        while True:
            assert two.get("/api/status").status == 200
            found = one.at("GETIEC102" + each.removesuffix(DAYS).removesuffix(MONTH))
            if found["code"] != 7:  # it is under way
                break
            assert not limit.passed(), each
            time.sleep(0.3)
        assert found["ok"] and found["lines"], (each, found)
    assert two.get("/api/settings").status == 200 and one.at("DOCTOR")["ok"] and two.get("/").status == 200
    assert one.at("FORCEREAD,ID00000")["ok"]
    lab.record(30)
    status = dict(line.partition(": ")[::2] for line in one.get("/api/status").json["lines"])
    assert lab.twin.starts == starts and not [name for name in status if name.startswith("restarts")]
    assert not [line for line in lab.twin.lines if "MemoryError" in line]


# --- where there is none


def test_without_a_password_nothing_listens(tmp_path):
    made = Page(tmp_path, settings={"page.password": ""})
    try:
        made.twin.start()
        made.record(60)
        assert not made.serves()
        assert "page" not in "".join(made.twin.lines)
    finally:
        made.close()


def test_a_small_board_says_so_and_does_its_work(tmp_path):
    made = Page(tmp_path, heap=micropython.SMALL)
    try:
        made.twin.start()
        made.record(60)
        assert "too little memory for the page" in "".join(made.twin.lines)
        assert not made.serves()
    finally:
        made.close()
