"""`python -m tools.twin`: the firmware reads simulated meters; each JSON record is shown as it arrives."""

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt

from firmware.config.config import Config
from firmware.core.errors import ConfigError
from tools import micropython, patience
from tools.meter import weather
from tools.modem.process import ModemProcess
from tools.modem.profiles import PROFILES
from tools.twin.broker import EmbeddedBroker
from tools.twin.device import ROOT, MeterProcess, Twin, finish, spawn

_FIRST_RECORD_S = 60
_FIRST_WITH_MODEM_S = 180  # it has to start and to find its network first
_WEATHER_S = 10 * 3600


class Stop(Exception):
    """The run is over; the text says why (empty: as it should be)."""


def arguments(argv):
    env = os.environ.get
    parser = argparse.ArgumentParser(
        prog="tools.twin",
        description="Run the firmware on MicroPython against simulated meters and a real MQTT broker.",
        epilog="INTERVAL, SPEED, METERS, BROKER and BOARD_CLASS in the environment set the same options.",
    )
    add = parser.add_argument
    add(
        "--board-class",
        choices=("small", "middle", "roomy"),
        default=env("BOARD_CLASS") or "middle",
        help="the class of boards whose heap it has (default: middle)",
    )
    add(
        "--once",
        action="store_true",
        help="end after the first record (exit 0) or after 60 s without (exit 1)",
    )
    add(
        "--interval",
        type=int,
        default=int(env("INTERVAL") or 15),
        help="seconds between two reads (15)",
    )
    add(
        "--speed",
        type=float,
        default=float(env("SPEED") or 1),
        help="how many times as fast the clocks run (1)",
    )
    add(
        "--meters",
        type=int,
        default=int(env("METERS") or 1),
        help="meters on the line, 1 to 8 (1)",
    )
    add(
        "--broker",
        default=env("BROKER") or "",
        help="tcp://host:port of your own broker (default: embedded)",
    )
    add("--baud", type=int, default=9600, help="speed of the simulated line (9600)")
    add(
        "--folder",
        type=Path,
        default=ROOT / "twin",
        help="where the twin keeps its flash and its log (twin/)",
    )
    add(
        "--weather",
        type=int,
        metavar="SEED",
        help="trouble of the meters, the line, the modem and the broker by chance, the same for the same seed",
    )
    add(
        "--modem",
        nargs="?",
        const="generic",
        choices=sorted(PROFILES),
        metavar="MODEL",
        help="the way out is a simulated modem of tools.modem, which has weather, too (generic)",
    )
    add("--fresh", action="store_true", help="start with an erased flash")
    add("--verbose", "-v", action="store_true", help="show the firmware's own log lines too")
    args = parser.parse_args(argv)
    if not 1 <= args.meters <= 8:
        parser.error("--meters: 1 to 8, not %d" % args.meters)
    if args.interval < 1:
        parser.error("--interval: at least 1 second, not %d" % args.interval)
    if args.speed <= 0:
        parser.error("--speed: more than 0, not %g" % args.speed)
    if args.broker:
        try:
            Config().set_many({"mqtt.broker": args.broker})
        except ConfigError as error:
            parser.error("--broker: %s" % error)
    return args


def settings(args, url):
    """The firmware's settings for this run: what an installer would type, in the twin's short times."""
    host = urlsplit(url)
    values = {
        "mqtt.enabled": True,
        "mqtt.broker": "tcp://%s:%d" % (host.hostname, host.port or 1883),
        "mqtt.at_topic": "lector102/[IMEI]/AT",
        "mqtt.atr_topic": "lector102/[IMEI]/ATR",
        "logger.enabled": True,
    }
    for index in range(args.meters):
        meter = {"enabled": True, "id": "ID%05d" % index, "link": index + 1, "password": index + 1}
        meter["interval"] = args.interval
        values.update({"meter.%d.%s" % (index, name): value for name, value in meter.items()})
    if args.modem:
        values.update({"uplink.type": "modem", "uplink.apn": "internet"})
    return values


def start_modem(args, cleanup):
    """What the twin has to know of a simulated modem, which has been started."""
    args.folder.mkdir(parents=True, exist_ok=True)
    pty = args.folder.resolve() / "modem"
    words = ["--off", "--pty", pty, "--control", 0, "--profile", args.modem]
    if args.weather is not None:
        words += ["--weather", args.weather]
    command = [sys.executable, "-u", "-m", "tools.modem", *map(str, words)]
    process = spawn(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    cleanup.append(lambda: finish(process))
    try:
        modem = ModemProcess(process)
    except RuntimeError as error:
        raise Stop("the modem simulator did not start: %s" % error) from None
    print("%-13s %s, simulated, at %s; its faults: %s" % ("modem", args.modem, pty, modem.state()["faults"] or "none"))
    return {"pty": str(pty), "control": modem.control}


class Viewer:
    """Prints each record with a header line whenever the source changes."""

    def __init__(self):
        self.source = None

    def show(self, topic, payload):
        """Print one message; returns whether it is a meter's record (and not a sign of life)."""
        meter = "-"
        try:
            record = json.loads(payload)
            meter = record.get("ID", "-") if isinstance(record, dict) else "-"
        except ValueError:
            pass  # an answer to an AT command is no JSON
        if (topic, meter) != self.source:
            self.source = (topic, meter)
            print("\n--- %s from %s" % (topic, meter))
        print(payload.decode("utf-8", "replace"), flush=True)
        return meter != "-"


def subscribe(url, topic, inbox):
    """Subscribe to `topic` at the broker; (topic, payload) pairs go into `inbox`."""
    host = urlsplit(url)
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda c, *_: c.subscribe(topic, 1)
    client.on_subscribe = lambda *_: inbox.put(None)
    client.on_message = lambda _c, _u, message: inbox.put((message.topic, message.payload))
    try:
        client.connect(host.hostname, host.port or 1883, keepalive=30)
    except OSError as error:
        raise Stop("no broker at %s: %s" % (url, error)) from None
    client.loop_start()
    try:
        patience.get(inbox, 15)
    except queue.Empty:
        client.loop_stop()
        raise Stop("the broker at %s does not let us subscribe to %s" % (url, topic)) from None
    return client


def introduce(args, url, meter, twin, topic):
    host = urlsplit(url)
    own = "embedded amqtt" if not args.broker else "yours"
    lines = (
        ("broker", "%s (%s); listen with: mosquitto_sub -h %s -p %d -t '%s' -v"
         % (url, own, host.hostname, host.port or 1883, topic)),
        ("console", "%s; attach with: %s -m serial.tools.miniterm %s 115200"
         % (twin.console.person, os.path.relpath(sys.executable), twin.console.person)),
        ("meter line", "%s, %d meter(s) at %d baud" % (meter.path, args.meters, args.baud)),
        ("rights", "the broker may look and read meters; more is granted at the console, as to an installer's device:"
         " AT^MTXTUNNEL=SETPARAM,mqtt.commands,view,meter,setup,REBOOT"),
        ("firmware log", os.path.relpath(twin.folder / "firmware.log")),
        ("reading", "every %d s, aligned to the clock; Ctrl-C ends it" % args.interval),
    )  # fmt: skip
    for name, text in lines:
        print("%-13s %s" % (name, text))
    sys.stdout.flush()


class Weather:
    """`--weather`: gives the meters, their line and the embedded broker their trouble when it is due.

    The broker is away now and then for as long as a meter would be. It begins anew every ten hours.
    """

    def __init__(self, args, meter, broker):
        self._seed = args.weather
        self._links = range(1, args.meters + 1)
        self._meter, self._broker = meter, broker
        self._story = []

    def end(self):
        if self._broker:
            self._broker.stop()

    def look(self):
        """Give what is due by now."""
        if not self._story:
            start = time.monotonic()
            story = weather.story(self._seed, _WEATHER_S, self._links)
            if self._broker:
                away = weather.story(self._seed + 1, _WEATHER_S)
                story += [(at, order.split()[0]) for at, order in away if order.endswith("plug 1")]
            self._story = sorted((start + at, order) for at, order in story)
            self._seed += 2
        while self._story and self._story[0][0] <= time.monotonic():
            order = self._story.pop(0)[1]
            if order in ("unplug", "plug"):
                self._broker.stop()
                if order == "plug":
                    self._broker = EmbeddedBroker(self._broker.port).start()
                order = "broker " + order
            else:
                self._meter.control(order)
            print("weather       %s" % order, flush=True)


def watch(args, twin, inbox, viewer, sky=None):
    """Show records until the end; raises Stop with the reason."""
    seconds = _FIRST_WITH_MODEM_S if args.modem else _FIRST_RECORD_S
    limit = patience.Limit(seconds)
    while True:
        if sky:
            sky.look()
        try:
            item = inbox.get(timeout=0.25)
        except queue.Empty:
            item = None
        if item and viewer.show(*item) and args.once:
            raise Stop("")
        code = twin.process.poll()
        if code is not None and code != 3 and not twin.restarting():
            raise Stop("the firmware ended with code %d:\n%s" % (code, "\n".join(twin.lines[-15:])))
        if args.once and limit.passed():
            raise Stop(
                "no record arrived within %d s; the firmware's last lines:\n%s"
                % (seconds, "\n".join(twin.lines[-15:]))
            )


def run(args, cleanup):
    if args.fresh:
        (args.folder / "flash.img").unlink(missing_ok=True)
    url, broker = args.broker, None
    if not url:
        broker = EmbeddedBroker().start()
        cleanup.append(broker.stop)
        url = broker.url
    epoch = time.time()
    options = ["--pty", "--baud", args.baud, "--clock-speed", args.speed]
    options += ["--meters", args.meters, "--password", 1]
    meter = MeterProcess(*options)
    cleanup.append(meter.stop)
    show = print if args.verbose else None
    clock = {"speed": args.speed, "epoch": epoch}
    values = settings(args, url)
    heap = getattr(micropython, args.board_class.upper())
    modem = {"modem": start_modem(args, cleanup)} if args.modem else {}
    twin = Twin(args.folder, [meter.path], values, heap=heap, on_line=show, **clock, **modem)
    cleanup.append(twin.close)
    topic = "lector102/%s/#" % twin.setup["ident"]
    inbox = queue.Queue()
    client = subscribe(url, topic, inbox)
    cleanup.append(client.loop_stop)
    introduce(args, url, meter, twin, topic)
    twin.start()
    sky = Weather(args, meter, broker) if args.weather is not None else None
    if sky:
        cleanup.append(sky.end)
    watch(args, twin, inbox, Viewer(), sky)


def main(argv=None):
    args = arguments(argv)
    cleanup = []

    def interrupted(*_):
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, interrupted)
    code = 0
    try:
        run(args, cleanup)
    except Stop as stop:
        if str(stop):
            print("\ntwin: %s" % stop, file=sys.stderr)
            code = 1
    except KeyboardInterrupt:
        print("\nending ...", flush=True)
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        for step in reversed(cleanup):
            step()
    return code


if __name__ == "__main__":
    sys.exit(main())
