"""Every board module under CPython, with chips that refuse what the real ones refuse."""

import importlib
import json
import os
import sys
import time
from types import SimpleNamespace

import pytest

from firmware import boards
from firmware.app import starting
from firmware.core import log
from firmware.meters import readings
from firmware.net.modem import dial, power, prepare
from tests.host.support import fake_machine, virtual_time
from tests.host.support.fake_machine import Chip, board_of, config
from tests.host.unit.delivery.test_uplink_parts import Line
from tools.board.deploy import board_names

BOARDS = [name for name in board_names() if name != "unix"]
RP2 = ("pico_w", "pico2_w", "generic_rp2")
S3 = ("esp32s3_modem", "lilygo_t_sim7080", "lilygo_t_sim7080_std")


def chip_of(name, **options):
    return Chip("rp2" if name in RP2 else "esp32", s3=name in S3, **options)


def made(name, monkeypatch, tmp_path, **options):
    """(chip, board) with an empty flash as working directory."""
    monkeypatch.chdir(tmp_path)
    chip = chip_of(name, **options).install(monkeypatch)
    return chip, board_of(name, monkeypatch, tmp_path)()


@pytest.fixture(params=BOARDS)
def name(request):
    return request.param


def test_there_are_the_boards_that_are_promised():
    assert {
        "lilygo_t_sim7600", "lilygo_t_a7670", "lilygo_t_sim7000", "lilygo_t_sim7080",
        "esp32s3_modem", "pico_w", "pico2_w", "generic_esp32", "generic_rp2",
    } <= set(BOARDS)  # fmt: skip


def test_meter_port_opens_with_room_for_a_whole_frame(name, monkeypatch, tmp_path):
    chip, board = made(name, monkeypatch, tmp_path)
    assert board.name == name
    for index in range(board.ports):
        line = board.uart(index, 9600, 8, 0, 1)
        uart = line.uart
        assert (uart.baudrate, uart.parity, uart.options["timeout"]) == (9600, 0, 0)
        assert uart.options["txbuf"] >= 261 and uart.options["rxbuf"] >= 522
        assert line.baud == 9600


def test_the_bus_is_listened_to_until_something_is_sent(name, monkeypatch, tmp_path):
    chip, board = made(name, monkeypatch, tmp_path)
    enable = board.wiring[0]["de"]
    assert chip.value(enable) == 0
    line = board.uart(0)
    virtual_time.run(line.send(b"abc"))
    assert chip.pins[enable].levels == [0, 1, 0]
    assert bytes(line.uart.sent) == b"abc"


def test_modem_link_is_wired(name, monkeypatch, tmp_path):
    chip, board = made(name, monkeypatch, tmp_path)
    link = board.link(config(uplink_apn="internet", uplink_cmux=False))
    uart = link.uart
    assert uart.options["rxbuf"] == uart.options["txbuf"] == 8192
    assert uart.options["timeout"] == 0
    assert (uart.tx, uart.rx) == (board.modem["tx"], board.modem["rx"])
    assert link.settings["apn"] == "internet"
    assert link.ppp_factory is chip.network.PPP
    assert not link.is_up()
    key = board.modem["power_key"]
    assert chip.value(key) == 0
    link.power_key(True)
    assert chip.value(key) == 1
    link.power_key(False)
    assert chip.value(key) == 0
    for pin in board.modem.get("high", ()):
        assert chip.value(pin) == 1
    board.uart(0)  # both lines at once: no pin is used twice


def test_a_line_keeps_its_buffers_at_another_speed(name, monkeypatch, tmp_path):
    chip, board = made(name, monkeypatch, tmp_path)
    line = board.uart(0)
    line.configure(1200, 7, 0, 1)
    line.configure(9600)
    assert (line.uart.options["rxbuf"], line.uart.options["txbuf"]) == (1024, 512)
    link = board.link(config(uplink_apn="internet"))
    before = dict(link.uart.options)
    for baud in (9600, 921600, 115200):
        power.set_speed(link, baud)
        assert link.uart.baudrate == baud
    assert link.uart.options == before and before["rxbuf"] == 8192
    assert not link.uart.every_byte


def test_without_a_multiplexer_the_uart_takes_all_that_lwip_sends(name, monkeypatch, tmp_path):
    _, board = made(name, monkeypatch, tmp_path)
    link = board.link(config(uplink_apn="internet"))
    if link.multiplexer is None:
        return  # from the start it takes that
    sent = link.buffers["txbuf"]
    dial._without(link)
    assert dial._QUEUE == prepare._QUEUE
    assert link.multiplexer is None and link.uart.options["txbuf"] >= prepare._QUEUE > sent


def test_watchdog_starts_with_the_first_feed_and_can_be_held(name, monkeypatch, tmp_path):
    chip, board = made(name, monkeypatch, tmp_path)
    assert not chip.watchdogs
    board.feed()
    board.feed()
    assert len(chip.watchdogs) == 1 and chip.watchdogs[0].feeds == 2
    assert board.hold()
    if name in RP2:
        assert chip.watchdogs[0].timeout <= 8388
        board._fed -= 10**6  # a loop that stopped long ago
        feeds = chip.watchdogs[0].feeds
        chip.timers[0].callback(None)
        assert chip.watchdogs[0].feeds == feeds + 1
    else:
        assert chip.watchdogs[-1].timeout >= 3600 * 1000


def test_identity_reset_cause_clock_and_console(name, monkeypatch, tmp_path):
    chip, board = made(name, monkeypatch, tmp_path)
    assert 0 < len(board.ident()) <= 15
    assert board.ident() == board.ident()
    assert board.reset_cause() == "power on"
    monkeypatch.setattr(time, "sleep", lambda s: None)
    board.reset("new settings")
    assert chip.resets == 1
    assert board.reset_cause() == "power on"  # of this start; the other one is to come

    def restarted(cause):
        chip.cause = cause
        again = type(board).__new__(type(board))
        return [again.reset_cause(), again.reset_cause()]

    # However often it is asked, and told only once.
    for text in restarted(3):
        assert text.startswith("watchdog") and "(new settings)" in text
    assert restarted(77) == ["reset cause 77"] * 2
    # And what ran last, whether the firmware or the watchdog ended it.
    monkeypatch.setattr(log, "before", "task pump, line mode 1F2A, 70 s after the start")
    board.reset("new settings")
    (text, _), (watchdog, _) = restarted(3), restarted(3)
    assert text.endswith(" (new settings) (last ran: %s)" % log.before)
    assert watchdog.startswith("watchdog") and watchdog.endswith(" (last ran: %s)" % log.before)
    assert abs(board.rtc.get() - time.time()) < 2
    board.rtc.set(1700000000)
    assert chip.rtc_set == (2023, 11, 14, 1, 22, 13, 20, 0)


def test_led_counts_its_code(name, monkeypatch, tmp_path):
    chip, board = made(name, monkeypatch, tmp_path)
    if board.led_pin is None:
        board.led(3)
        board.blink()
        return
    from firmware.boards import base

    board.led(3)
    for ms in range(0, 3000, 50):
        monkeypatch.setattr(base, "ticks_ms", lambda ms=ms: ms)
        board.blink()
    lit = 0 if board.led_low else 1
    assert chip.pins[board.led_pin].levels[1:].count(lit) == 3


def test_build_without_ppp_says_what_to_flash(name, monkeypatch, tmp_path):
    _, board = made(name, monkeypatch, tmp_path, ppp=False)
    link = board.link(config(uplink_type="modem"))
    assert not link.is_up()
    problem = link.status()["problem"]
    assert "network.PPP" in problem and "1.29" in problem
    assert problem.count(". ") <= 1


def test_wifi_when_its_name_is_set(name, monkeypatch, tmp_path):
    _, board = made(name, monkeypatch, tmp_path)
    link = board.link(config(uplink_ssid="home", uplink_key="secret"))
    assert link.status()["uplink"] == "wifi"


def test_plain_pico_without_network_says_so_in_one_sentence(monkeypatch, tmp_path):
    _, board = made("generic_rp2", monkeypatch, tmp_path, network=False)
    link = board.link(config())
    problem = link.status()["problem"]
    assert "no network; flash" in problem
    assert not virtual_time.run(link.up(1000))
    board.uart(0)


def test_rp2_watchdog_gives_a_blocking_call_half_a_minute_and_no_more(monkeypatch, tmp_path):
    chip, board = made("pico_w", monkeypatch, tmp_path)
    from firmware.boards import rp2

    now = [0]
    monkeypatch.setattr(rp2, "ticks_ms", lambda: now[0])
    monkeypatch.setattr(rp2, "ticks_diff", lambda a, b: a - b)
    board.feed()
    timer = chip.timers[0]
    assert timer.hard and timer.period < 8000 / 2
    fed = []
    for now[0] in range(2000, 60000, 2000):
        before = chip.watchdogs[0].feeds
        timer.callback(timer)
        if chip.watchdogs[0].feeds > before:
            fed.append(now[0])
    assert max(fed) == 28000


def test_deliveries_are_noted_when_nothing_comes_from_the_modem(name, monkeypatch, tmp_path):
    """From the first one on, since no byte of a UART is taken during an erase."""
    _, board = made(name, monkeypatch, tmp_path)
    monkeypatch.setattr(type(board), "console", lambda self: None)
    monkeypatch.setitem(sys.modules, "umqtt", SimpleNamespace(simple=None))
    app = starting.make(board)
    monkeypatch.setattr(app, "topics", ("t",) * 3)
    app.ring.append_many([(readings.INSTANT, 1, b"%d" % number) for number in range(4)])
    line, publisher = Line(), app.mqtt.publisher
    monkeypatch.setattr(publisher, "_session", line)
    line.on_acked = publisher.acked

    async def main():
        await publisher.send({"window": 4})
        for number in range(1, 5):
            line.confirm(1)
            await publisher.note_acks(quiet=True)
            assert app.ring.stats()["depth"] == (4 if number < 4 else 0)

    virtual_time.run(main())


def test_board_json_overrules_the_wiring(monkeypatch, tmp_path):
    table = {
        "ports": [
            {"uart": 2, "tx": 32, "rx": 33, "invert": True},
        ],
        "modem": {"reset": 5, "reset_low": True},
        "led": 13,
    }
    (tmp_path / "board.json").write_text(json.dumps(table))
    chip, board = made("generic_esp32", monkeypatch, tmp_path)
    uart = board.uart(0).uart
    assert (uart.tx, uart.rx) == (32, 33)
    assert uart.options["invert"] == chip.machine.UART.INV_TX | chip.machine.UART.INV_RX
    board.link(config())
    assert chip.value(5) == 1  # not pressed
    assert board.modem["tx"] == 27  # the rest of the modem's wiring stays
    assert board.led_pin == 13
    key = importlib.import_module("firmware.boards.wiring")._key
    assert key(board.modem, "dcd") is None


def test_a_damaged_board_json_is_ignored_and_told(monkeypatch, tmp_path, capsys):
    (tmp_path / "board.json").write_text("{nonsense")
    _, board = made("generic_esp32", monkeypatch, tmp_path)
    assert board.ports == 1
    assert "board.json is not JSON" in capsys.readouterr().out


def test_power_chip_of_the_sim7080_is_switched_on(monkeypatch, tmp_path):
    chip, _ = made("lilygo_t_sim7080", monkeypatch, tmp_path)
    registers = chip.i2c[0].registers
    # DC3 3.0 V on, BLDO1 3.3 V on; the bits of other supplies (0x80 here) stay.
    assert registers == {
        (0x34, 0x84): 0x80 | 102,
        (0x34, 0x80): 0x84,
        (0x34, 0x96): 0x80 | 28,
        (0x34, 0x90): 0x90,
    }


def test_a_clock_that_counts_from_2000(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Chip("esp32").install(monkeypatch)
    parts = importlib.import_module("firmware.boards.base")
    shift = fake_machine.gmtime_2000(monkeypatch)
    import sys

    monkeypatch.setattr(parts, "time", sys.modules["time"])
    rtc = parts.Rtc()
    assert rtc._shift == shift
    assert abs(rtc.get() - time.time()) < 2


def test_the_modem_s_memory_survives_a_restart(monkeypatch, tmp_path):
    Chip("esp32").install(monkeypatch)
    base = importlib.import_module("firmware.boards.base")
    store = base.FileStore(str(tmp_path / "modem.json"))
    assert store.get("pin") is None
    store.set("pin", 1)
    before = os.stat(tmp_path / "modem.json").st_mtime_ns
    store.set("pin", 1)
    assert os.stat(tmp_path / "modem.json").st_mtime_ns == before
    assert base.FileStore(str(tmp_path / "modem.json")).get("pin") == 1
    (tmp_path / "modem.json").write_text("{")
    assert base.FileStore(str(tmp_path / "modem.json")).get("pin") is None


def test_this_board_needs_board_txt_on_a_board(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(boards.sys, "platform", "rp2")
    with pytest.raises(RuntimeError, match="board.txt is missing"):
        boards.this_board()
    Chip("rp2").install(monkeypatch)
    (tmp_path / "board.txt").write_text("pico_w\n")
    assert boards.this_board().name == "pico_w"


def test_repl_console_never_waits(monkeypatch, tmp_path):
    Chip("esp32").install(monkeypatch)
    parts = importlib.import_module("firmware.boards.base")
    read, write = os.pipe()
    with os.fdopen(read, "rb", buffering=0) as stdin:
        stdin_like = SimpleNamespace(buffer=stdin, fileno=stdin.fileno)
        out = SimpleNamespace(buffer=SimpleNamespace(write=lambda data: len(data)))
        monkeypatch.setattr(parts, "sys", SimpleNamespace(stdin=stdin_like, stdout=out))
        uart = parts.ReplUart()
        buf = bytearray(8)
        assert uart.readinto(buf) is None and not uart.any()
        os.write(write, b"AT\r")
        assert uart.any() and uart.readinto(buf) == 3 and buf[:3] == b"AT\r"
        assert uart.write(b"OK\r\n") == 4
        os.close(write)


def test_only_the_board_without_room_for_it_has_no_multiplexer_and_a_small_audit_log_by_default(
    name, monkeypatch, tmp_path
):
    _, board = made(name, monkeypatch, tmp_path)
    assert getattr(board, "defaults", {}) == ({"uplink.cmux": False, "audit.size": 8} if name == "pico_w" else {})
