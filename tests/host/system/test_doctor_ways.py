"""`python -m tools.doctor modem` and `broker` against simulators and brokers with each fault in turn."""

import os
import pty
import re
import socket
import ssl
import subprocess
import termios
import threading
import tty

import pytest

from tests.host.support import brokers, programs, tcp_servers
from tests.host.support.doctor_cases import doctor
from tests.host.support.modem_process import simulator
from tests.host.support.together import together
from tools.modem.engine import Modem

pytestmark = pytest.mark.takes(35)


def named(result, words, unchecked=""):
    """The output; exactly this fault is named, with what to do, and what follows is not claimed to be checked."""
    code, text = result
    assert code == 1, text
    assert re.search("(?m)^FAULT  .*%s" % words, text), text
    assert re.search("(?m)^do     ", text), text
    if unchecked:
        assert re.search("(?m)^--     not checked: .*%s$" % unchecked, text), text
    return text


# --- the modem


def modem(tmp_path, simulated, *words, **secrets):
    with simulator(tmp_path, "--running", *simulated) as found:
        result = doctor("modem", "--port", found.pty, *words, **secrets)
        return result, found.state()


def test_a_modem_in_order_gets_an_address_and_is_left_in_command_mode(tmp_path):
    (code, text), state = modem(
        tmp_path,
        ("--pin", "1234", "--auth", "chap:u:p4ss"),
        *("--apn", "internet", "--auth", "chap", "--user", "u"),
        SIM_PIN="1234",
        APN_PASSWORD="p4ss",
    )
    assert code == 0, text
    for line in ("ok     the SIM is ready", "ok     attached", "ok     data connection: address "):
        assert line in text
    assert re.search(r"(?m)^ok     registered, home network: .* 4G, good \(-75 dBm\)$", text)
    assert "1234" not in text and "p4ss" not in text
    assert not any("data" in str(key) and value is True for key, value in state.items()), state


@pytest.mark.parametrize(
    "simulated, words, secrets, fault",
    [
        (("--fault", "freeze"), (), {}, "the modem does not answer"),
        (("--pin", "1234"), (), {"SIM_PIN": "9999"}, "wrong PIN"),
        (("--pin", "1234"), (), {}, "the SIM wants a PIN and none is set"),
        (("--fault", "puk"), (), {}, "the SIM is blocked and wants its PUK"),
        (("--fault", "no-sim"), (), {}, "no SIM card"),
        (("--fault", "denied"), ("--wait", 5), {}, "registration denied"),
        (("--fault", "no-signal"), ("--wait", 5), {}, "no signal: no network is found"),
        (("--fault", "register=300"), ("--wait", 4), {}, r"no registration: not within 4 s \(searching"),
    ],
)
@together
def test_a_fault_on_the_way_into_the_network_is_named(tmp_path, simulated, words, secrets, fault):
    result, _ = modem(tmp_path, simulated, *words, **secrets)
    text = named(result, fault, "data connection")
    assert "9999" not in text


@pytest.mark.parametrize(
    "simulated, words, secrets, fault",
    [
        (("--fault", "no-pdp"), (), {}, "the network refuses the data connection"),
        (("--fault", "no-ipcp"), ("--wait", 6), {}, "no address from the network"),
        (
            ("--auth", "pap:u:right"),
            ("--auth", "pap", "--user", "u"),
            {"APN_PASSWORD": "wrong"},
            "the APN refuses user or password",
        ),
    ],
)
@together
def test_a_fault_of_the_data_connection_is_named(tmp_path, simulated, words, secrets, fault):
    result, _ = modem(tmp_path, simulated, *words, **secrets)
    named(result, fault)


def test_the_last_try_of_a_pin_is_left_to_a_person(tmp_path):
    with simulator(tmp_path, "--running", "--pin", "1234") as found:
        for _ in range(2):
            named(doctor("modem", "--port", found.pty, SIM_PIN="9999"), "wrong PIN")
        text = doctor("modem", "--port", found.pty, SIM_PIN="1234")
    named(text, "the SIM has one try of its PIN left: it is not taken")


def test_a_modem_at_another_speed():
    """A pty keeps the speed the other end has set; at another one than its own this modem hears rubbish."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    simulated = Modem("generic", {}, baud=9600)
    simulated.start(running=True)
    ended = threading.Event()

    def serve():
        while not ended.wait(0.01):
            speed = termios.tcgetattr(master)[5]
            simulated.host_baud = {termios.B9600: 9600, termios.B115200: 115200}.get(speed, 1)
            try:
                simulated.receive(os.read(master, 4096))
            except BlockingIOError:
                pass
            simulated.tick()
            os.write(master, bytes(simulated.take(256)))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    result = doctor("modem", "--port", os.ttyname(slave), "--baud", 115200, "--no-dial")
    ended.set()
    thread.join(5)
    text = named(result, "wrong baud rate: 115200 was given, the modem speaks 9600")
    assert "ok     modem GENERIC LTE at 9600 baud" in text


# --- the broker


def broker(url, *words, deadline=30, **secrets):
    return doctor("broker", url, "--timeout", deadline, *words, **secrets)


def test_a_broker_in_order_carries_a_message_there_and_back():
    found = brokers.start_broker()
    try:
        code, text = broker("tcp://127.0.0.1:%d" % found.port)
    finally:
        found.stop()
    assert code == 0, text
    for line in (
        "DNS: ",
        "TCP: ",
        "login: ",
        "subscription to ",
        "publication confirmed",
        "the message came back",
    ):
        assert "ok     " + line in text
    assert "TLS" not in text


class _NoSubscription(brokers.BadBroker):
    def _answer_all_but_publish(self, peer):
        while True:
            kind, body = brokers.read_packet(peer)
            if kind & 0xF0 == 0x80:
                peer.sendall(b"\x90\x03" + body[:2] + b"\x80")


class _Swallows(brokers.BadBroker):
    """Confirms everything and delivers nothing, as Mosquitto does with what its list of rights forbids."""

    def _answer_all_but_publish(self, peer):
        while True:
            kind, body = brokers.read_packet(peer)
            if kind & 0xF0 == 0x80:
                peer.sendall(b"\x90\x03" + body[:2] + b"\x01")
            elif kind & 0xF0 == 0x30:
                at = 2 + int.from_bytes(body[:2], "big")
                peer.sendall(b"\x40\x02" + body[at : at + 2])


@pytest.mark.parametrize(
    "mode, kind, fault, unchecked",
    [
        (
            "silent",
            brokers.BadBroker,
            "the broker is silent: no CONNACK: none within 8 s",
            "delivery",
        ),
        ("refuse", brokers.BadBroker, r"login refused: not authorised", "delivery"),
        ("stall", brokers.BadBroker, r"subscription: no answer \(no SUBACK\)", "delivery"),
        ("half_close", brokers.BadBroker, "subscription: .*it closed the connection", "delivery"),
        (
            "no_puback",
            brokers.BadBroker,
            r"the broker does not confirm records \(no PUBACK\): none within 8 s",
            "delivery",
        ),
        ("no_puback", _NoSubscription, "subscription refused: lector102/doctor/", "delivery"),
        ("no_puback", _Swallows, "delivery: the message did not come back", ""),
    ],
)
@together
def test_a_fault_of_the_broker_is_named(mode, kind, fault, unchecked):
    bad = kind(mode)
    try:
        # Each waits for one deadline to pass.
        named(broker("tcp://127.0.0.1:%d" % bad.port, deadline=8), fault, unchecked)
    finally:
        bad.close()


def test_a_name_that_nobody_knows():
    named(
        broker("tcp://no-such-host.invalid"),
        "DNS: the name of the server is not known: no-such-host.invalid",
        "delivery",
    )


def test_a_port_where_nobody_listens():
    url = "tcp://127.0.0.1:%d" % brokers.free_port()
    named(broker(url), "TCP: the port is closed: .* refuses the connection", "delivery")


@pytest.mark.services
def test_mosquitto_with_users_refuses_the_wrong_password(tmp_path):
    programs.need("mosquitto")
    made = programs.need("mosquitto_passwd")
    users = tmp_path / "users"
    subprocess.run([made, "-c", "-b", str(users), "meter17", "right"], check=True)
    users.chmod(0o644)
    found = brokers.Mosquitto()
    try:
        found.stop()
        text = found._config.read_text().replace("allow_anonymous true", "allow_anonymous false")
        found._config.write_text(text + "password_file %s\n" % users)
        found.start()
        url = "tcp://127.0.0.1:%d" % found.port
        wrong = broker(url, "--user", "meter17", MQTT_PASSWORD="wrong")
        right = broker(url, "--user", "meter17", MQTT_PASSWORD="right")
    finally:
        found.stop()
    text = named(wrong, "login refused", "delivery")
    assert "wrong" not in text
    assert right[0] == 0, right[1]


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return programs.certificate(tmp_path_factory.mktemp("tls"))


class Tunnel:
    """TLS in front of a broker's port."""

    def __init__(self, port, certificate):
        self._target = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*certificate)
        self._server = tcp_servers.serve(self._carry, apart=True)
        self.port = self._server.getsockname()[1]

    def _carry(self, raw):
        try:
            near = self._context.wrap_socket(raw, server_side=True)
        except OSError:
            return
        far = socket.create_connection(("127.0.0.1", self._target))
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        try:
            while data := source.recv(4096):
                sink.sendall(data)
        except OSError:
            pass
        sink.close()

    def close(self):
        self._server.close()


def test_tls_when_the_url_asks_for_it(certificate):
    found = brokers.start_broker()
    tunnel = Tunnel(found.port, certificate)
    try:
        url = "tls://localhost:%d" % tunnel.port
        good = broker(url, "--ca", certificate[0])
        unknown = broker(url)
        other = broker("tls://127.0.0.1:%d" % tunnel.port, "--ca", certificate[0])
        plain = broker("tls://localhost:%d" % found.port)
    finally:
        tunnel.close()
        found.stop()
    assert good[0] == 0 and "ok     TLS: TLSv1" in good[1], good[1]
    named(unknown, "TLS: the broker's certificate is not accepted .*self", "delivery")
    named(other, "TLS: the broker's certificate is not accepted .*127.0.0.1", "delivery")
    named(plain, "TLS: the broker does not speak it here", "delivery")


@pytest.mark.services
def test_mosquitto_s_own_tls(certificate):
    programs.need("mosquitto")
    found = brokers.Mosquitto()
    try:
        found.stop()
        text = found._config.read_text() + "certfile %s\nkeyfile %s\n" % certificate
        found._config.write_text(text)
        found.start()
        url = "tls://localhost:%d" % found.port
        good = broker(url, "--ca", certificate[0])
        unknown = broker(url)
    finally:
        found.stop()
    assert good[0] == 0 and "ok     TLS: TLSv1" in good[1], good[1]
    named(unknown, "TLS: the broker's certificate is not accepted .*self", "delivery")
