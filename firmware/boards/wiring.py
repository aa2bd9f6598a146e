"""What a board does with its tables once, at the start: board.json, serial ports, the way out. Let go afterwards."""

import json

import machine

from firmware import diag
from firmware.boards import modem_settings
from firmware.boards.parts import Sockets
from firmware.core import overlay
from firmware.port import const
from firmware.serialport import SerialPort

# The longest frame has 261 bytes, an AT line 256: a whole one must fit, or rp2 writes only part of
# it. At each init() rp2 takes new buffers, of 256 bytes where it is not told (ports/rp2/machine_uart.c).
_METER = {"rxbuf": 1024, "txbuf": 512}
# What the other end may send at once (lwIP's TCP_WND, 6,400 bytes) comes while a flash commit holds up the loop, half
# a second; and without the multiplexer lwIP wants room for all that it sends at once (firmware/modem/cmux.py).
_MODEM_BUFFER = const(8192)
_MUX_BUFFER = const(1024)
# Codes of errors (core/errors.py).
_NO_NETWORK = const(251)
_NO_PPP = const(252)
_NO_MODEM = const(253)
_WRONG_WIRING = const(254)
_NO_WIFI = const(255)
_NO_ETHERNET = const(256)
_NOTHING = const(257)


def overrule(board):
    """Lay board.json over the tables."""
    try:
        with open(board.root + "/board.json" if board.root else "board.json") as file:
            table = json.load(file)
    except OSError:
        return
    except ValueError as error:
        diag.error("board", "board.json is not JSON (%s): ignored", error)
        return
    if not isinstance(table, dict):
        diag.error("board", "board.json is no {...}: ignored")
        return
    ports = table.get("ports", board.wiring)
    if isinstance(ports, (list, tuple)) and all(isinstance(port, dict) for port in ports):
        board.wiring = ports
    else:
        diag.error("board", 'board.json: "ports" is no list of {...}: ignored')
    modem = table.get("modem", {})
    if modem is None or isinstance(modem, dict):
        board.modem = (
            None if not modem and "modem" in table else dict(board.modem or {}, **modem) or None
        )
    else:
        diag.error("board", 'board.json: "modem" is no {...}: ignored')
    board.ethernet = table.get("ethernet")
    board.led_pin = table.get("led", board.led_pin)


def uart(board, index, baud, bits, parity, stop, flow, rs485):
    """Meter port `index` (from 0) as a SerialPort. `flow`: RTS and CTS, where they are wired.

    ValueError: the chip does not have these pins, this UART or this format, or something else uses them.
    """
    pins = board.wiring[index]
    if pins.get("de") is not None and not board._directions[index]:
        raise ValueError("pin %s can't be used" % pins["de"])
    more = {}
    if flow and "rts" in pins and "cts" in pins:
        kind = machine.UART
        more = {
            "rts": machine.Pin(pins["rts"]),
            "cts": machine.Pin(pins["cts"]),
            "flow": kind.RTS | kind.CTS,
        }
    elif flow:
        diag.error("board", "port %d has no RTS and CTS: no flow control", index + 1)
    if rs485 and not board._directions[index]:
        diag.warn(
            "board",
            "port %d: no direction pin; its RS-485 driver has to switch by itself",
            index + 1,
        )
    if pins.get("invert"):
        more["invert"] = machine.UART.INV_TX | machine.UART.INV_RX
    uart = _open(pins, baud, bits, parity, stop, **_METER, **more)
    return SerialPort(uart, baud, bits, parity, stop, board._directions[index], _METER)


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
    """The link that the settings and the board allow; NoLink with the reason where there is
    none."""
    with overlay.part:
        from firmware.boards import netlink

    kind = config.get("uplink.type")
    if kind == "auto":
        kind = "modem" if board.modem and not config.get("uplink.ssid") else "wifi"
    try:
        import network
    except ImportError:
        return netlink.NoLink(_NO_NETWORK, board.firmware)
    import socket

    if kind == "modem":
        try:
            return _modem_link(board, config, network, socket) or netlink.NoLink(*_no_ppp(board))
        except (ValueError, TypeError) as error:
            return netlink.NoLink(_WRONG_WIRING, str(error))
    if kind == "wifi":
        if not hasattr(network, "WLAN"):
            return netlink.NoLink(_NO_WIFI, board.name)
        ssid = config.get("uplink.ssid")
        return netlink.WifiLink(network, socket, ssid, config.get("uplink.key"))
    if kind == "ethernet":
        return _ethernet_link(board, network, socket, netlink)
    return netlink.NoLink(_NOTHING, kind, board.name)


def _no_ppp(board):
    return (_NO_PPP, board.firmware) if board.modem else (_NO_MODEM, board.name)


def _modem_link(board, config, network, socket):
    modem = board.modem
    if not modem or not hasattr(network, "PPP"):
        return None
    baud = modem.get("baud") or int(config.get("uplink.baud"))
    settings = modem_settings.modem_settings(config, baud)
    # The tables of the settings and the modem's code together are more than there is room for.
    overlay.reclaim()
    config.release()
    with overlay.part:
        from firmware.boards.filestore import FileStore
        from firmware.modem.link import ModemLink

    # The multiplexer has a buffer of its own for what PPP sends, and gives the UART what it takes.
    multiplexed = settings["cmux"] and not board.modem_native
    keep = dict(
        board.modem_uart, rxbuf=_MODEM_BUFFER, txbuf=_MUX_BUFFER if multiplexed else _MODEM_BUFFER
    )
    uart = _open(modem, baud, 8, None, 1, **keep)

    def set_baud(baud):
        # The large buffers go before new ones are taken: beside them there may be no room.
        uart.init(baudrate=baud)
        overlay.tidy()
        uart.init(baudrate=baud, **keep)

    def unmultiplexed(baud):
        keep["txbuf"] = _MODEM_BUFFER
        set_baud(baud)

    dcd = modem.get("dcd")
    carrier = machine.Pin(dcd, machine.Pin.IN) if dcd is not None else None
    link = ModemLink(
        uart,
        network.PPP,
        settings,
        socket,
        FileStore(board.root + "/modem.json"),
        board.reset,
        power_key=_key(board, "power_key"),
        reset=_key(board, "reset"),
        # The line is low while there is a carrier (V.24 at logic level).
        dcd=(lambda: not carrier.value()) if carrier else None,
        set_baud=set_baud,
        unmultiplexed=unmultiplexed,
        native=board.modem_native,
    )
    link.socket = Sockets(link, socket, board.meanwhile)
    return link


def _key(board, name):
    """A function that presses one of the modem's keys, or None where it is not wired."""
    pin = board.modem.get(name)
    if pin is None:
        return None
    low = bool(board.modem.get(name + "_low"))
    key = board._pin(name, pin, low)
    return key and (lambda pressed: key.value(1 if bool(pressed) != low else 0))


def _ethernet_link(board, network, socket, netlink):
    if not board.ethernet or not hasattr(network, "LAN"):
        return netlink.NoLink(_NO_ETHERNET)
    return netlink.EthLink(network, socket, board.ethernet)
