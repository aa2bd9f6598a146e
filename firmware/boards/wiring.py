"""What a board does once, at the start, most of it with its tables: board.json, pins, serial ports, the way out.

Let go afterwards. So nothing in here may be given to what stays, no function and no method: it would keep all of this.
"""

import json
import os
from binascii import hexlify

import machine

from firmware.boards.base import FileStore, ReplUart, Rtc, Sockets
from firmware.core import log, overlay
from firmware.core.serial_port import SerialPort

# The longest frame has 261 bytes, an AT line 256: a whole one must fit, or rp2 writes only part of
# it. At each init() rp2 takes new buffers, of 256 bytes where it is not told (ports/rp2/machine_uart.c).
_METER = {"rxbuf": 1024, "txbuf": 512}
# What the other end may send at once (lwIP's TCP_WND, 6,400 bytes) comes while a flash commit holds up the loop, half
# a second; and without the multiplexer lwIP wants room for all that it sends at once (firmware/net/modem/cmux.py).
_MODEM_BUFFER = const(8192)
# Where the heap is short: what is lost of more is sent again (TCP); and lwIP's own figure (net/modem/dial.py, _QUEUE).
_SHORT_RECEIVED = const(4096)
_SHORT_SENT = const(7424)
_MUX_BUFFER = const(1024)
# Codes of errors (core/errors.py).
_NO_NETWORK = const(251)
_NO_PPP = const(252)
_NO_MODEM = const(253)
_WRONG_WIRING = const(254)
_NO_WIFI = const(255)
_NO_ETHERNET = const(256)
_NOTHING = const(257)


def prepare(board):
    """Lay board.json over the tables, and switch what has to be switched from the start."""
    _overrule(board)
    board.ports = len(board.wiring)
    board.rtc = Rtc()
    if board.led_pin is not None:
        board._led = _pin("led", board.led_pin, board.led_low)
    # Not when the modem is needed: a floating enable pin lets it boot by chance.
    for pin in (board.modem or {}).get("high", ()):
        _pin("modem high", pin, True)
    # Listening: a driver left on would hold the bus for everybody. One that can't be switched costs its port only:
    # uart() says so.
    board._directions = [
        None if port.get("de") is None else _pin("port %d: de" % (index + 1), port["de"], False)
        for index, port in enumerate(board.wiring)
    ]


def _pin(what, pin, high):
    """An output, or None where the chip does not have it: the rest of the board works all the same."""
    try:
        return machine.Pin(pin, machine.Pin.OUT, value=1 if high else 0)
    except (ValueError, TypeError, OSError) as error:
        log.error("board", "%s: pin %s can't be used: %s", what, pin, error)
        return None


def ident(board):
    return FileStore(board.root + "/modem.json").get("imei") or hexlify(machine.unique_id()).decode()[-15:]


def reset_cause(board):
    """Text: what the chip knows, why it was after a restart of ours, and what ran last, where that is known.

    The same however often it is asked.
    """
    if board._cause:
        return board._cause
    cause = machine.reset_cause()
    text = "reset cause %s" % cause
    for name, words in board.causes:
        if getattr(machine, name, None) == cause:
            text = words
            break
    last = log.before
    try:
        with open(board.root + "/reason") as file:
            text = "%s (%s)" % (text, file.read(200).strip())
        os.remove(board.root + "/reason")
    except (OSError, ValueError):
        pass  # nobody has left one, or it cannot be read
    if last:
        text = "%s (last ran: %s)" % (text, last)
    board._cause = text
    return text


def console(board):
    return SerialPort(ReplUart(), 115200)


def _overrule(board):
    try:
        with open(board.root + "/board.json" if board.root else "board.json") as file:
            table = json.load(file)
    except OSError:
        return
    except ValueError as error:
        log.error("board", "board.json is not JSON (%s): ignored", error)
        return
    if not isinstance(table, dict):
        log.error("board", "board.json is no {...}: ignored")
        return
    ports = table.get("ports", board.wiring)
    if isinstance(ports, (list, tuple)) and all(isinstance(port, dict) for port in ports):
        board.wiring = ports
    else:
        log.error("board", 'board.json: "ports" is no list of {...}: ignored')
    modem = table.get("modem", {})
    if modem is None or isinstance(modem, dict):
        board.modem = None if not modem and "modem" in table else dict(board.modem or {}, **modem) or None
    else:
        log.error("board", 'board.json: "modem" is no {...}: ignored')
    board.ethernet = table.get("ethernet")
    board.led_pin = table.get("led", board.led_pin)


def uart(board, index, baud=9600, bits=8, parity=None, stop=1, flow=False, rs485=False):
    """Meter port `index` (from 0) as a SerialPort. `flow`: RTS and CTS, where they are wired.

    ValueError: the chip does not have these pins, this UART or this format, or something else uses them.
    """
    pins, enable = board.wiring[index], board._directions[index]
    if pins.get("de") is not None and not enable:
        raise ValueError("pin %s can't be used" % pins["de"])
    more = {}
    if flow and "rts" in pins and "cts" in pins:
        more = {name: machine.Pin(pins[name]) for name in ("rts", "cts")}
        more["flow"] = machine.UART.RTS | machine.UART.CTS
    elif flow:
        log.error("board", "port %d has no RTS and CTS: no flow control", index + 1)
    if rs485 and not enable:
        log.warn("board", "port %d: no direction pin; its RS-485 driver has to switch by itself", index + 1)
    if pins.get("invert"):
        more["invert"] = machine.UART.INV_TX | machine.UART.INV_RX
    uart = _open(pins, baud, bits, parity, stop, **_METER, **more)
    return SerialPort(uart, baud, bits, parity, stop, enable and enable.value, _METER)


def _open(pins, baud, bits, parity, stop, **more):
    """A machine.UART. ValueError says which wiring is no good, whatever the chip raised."""
    try:
        return machine.UART(
            pins["uart"],
            baudrate=baud,
            bits=bits,
            parity=parity,
            stop=stop,
            tx=machine.Pin(pins["tx"]),
            rx=machine.Pin(pins["rx"]),
            timeout=0,
            **more,
        )
    except KeyError as error:
        raise ValueError("the wiring has no %s" % error) from None
    except (ValueError, TypeError, OSError) as error:
        wiring = tuple(pins.get(name) for name in ("uart", "tx", "rx"))
        raise ValueError("UART %s, tx %s, rx %s: %s" % (wiring + (error,))) from None


def link(board, config):
    """The link that the settings and the board allow; NoLink with the reason where there is none."""
    kind = config.get("uplink.type")
    if kind == "auto":
        kind = "modem" if board.modem and not config.get("uplink.ssid") else "wifi"
    try:
        import socket

        import network
    except ImportError:
        network = None
    why = (_NOTHING, kind, board.name)
    if not network:
        why = (_NO_NETWORK, board.firmware)
    elif kind == "modem":
        if not board.modem:
            why = (_NO_MODEM, board.name)
        elif not hasattr(network, "PPP"):
            why = (_NO_PPP, board.firmware)
        else:
            try:
                return _modem_link(board, config, network, socket)
            except (ValueError, TypeError) as error:
                why = (_WRONG_WIRING, str(error))
    # Behind a modem none of this is wanted.
    with overlay.part:
        from firmware.net import link as netlink

    if network and kind == "wifi":
        if hasattr(network, "WLAN"):
            return netlink.WifiLink(network, socket, config.get("uplink.ssid"), config.get("uplink.key"))
        why = (_NO_WIFI, board.name)
    elif network and kind == "ethernet":
        if board.ethernet and hasattr(network, "LAN"):
            with overlay.part:
                from firmware.net.ethernet import EthLink

            return EthLink(network, socket, board.ethernet)
        why = (_NO_ETHERNET,)
    return netlink.NoLink(*why)


def _modem_link(board, config, network, socket):
    modem = board.modem
    baud = modem.get("baud") or int(config.get("uplink.baud"))
    with overlay.use("start"):
        from firmware.net.modem import prepare

        settings = prepare.options(config, baud)
    # The tables of the settings and the modem's code together are more than there is room for.
    overlay.reclaim()
    config.release()
    # The multiplexer has a buffer of its own for what PPP sends, and gives the UART what it takes.
    multiplexed = settings["cmux"] and not board.modem_native
    received, sent = (_SHORT_RECEIVED, _SHORT_SENT) if overlay.tight() else (_MODEM_BUFFER, _MODEM_BUFFER)
    buffers = dict(board.modem_uart, rxbuf=received, txbuf=_MUX_BUFFER if multiplexed else sent)
    dcd = modem.get("dcd")
    found = prepare.link(
        _open(modem, baud, 8, None, 1, **buffers),
        network.PPP,
        settings,
        socket,
        FileStore(board.root + "/modem.json"),
        board.modem_native,
        buffers,
        reboot=board.reset,
        power_key=_key(modem, "power_key"),
        reset=_key(modem, "reset"),
        # The line is low while there is a carrier (V.24 at logic level).
        dcd=None if dcd is None else machine.Signal(machine.Pin(dcd, machine.Pin.IN), invert=True).value,
    )
    found.socket = Sockets(found, socket, board.meanwhile)
    return found


def _key(modem, name):
    """What presses one of the modem's keys, or None where it is not wired."""
    pin = modem.get(name)
    if pin is None:
        return None
    low = bool(modem.get(name + "_low"))
    key = _pin(name, pin, low)
    return key and (machine.Signal(key, invert=True) if low else key).value
