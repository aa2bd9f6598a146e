"""`python -m tools.twin`: the firmware reads simulated meters; each JSON record is shown as it arrives."""

import base64
import datetime as dt
import json
import os
import queue
import signal
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt

from firmware.config import password
from tools import build, certificates, patience
from tools.meter import weather
from tools.modem.process import ModemProcess
from tools.twin.arguments import arguments
from tools.twin.broker import EmbeddedBroker
from tools.twin.device import MeterProcess, Twin, claim, end_like_ctrl_c, finish, spawn_modem
from tools.twin.viewer import Viewer, introduce

_FIRST_RECORD_S = 60
_FIRST_WITH_MODEM_S = 180  # it has to start and to find its network first
_WEATHER_S = 10 * 3600
_ENDS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Stop(Exception):
    """The run is over; the text says why (empty: as it should be)."""


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
    if args.page:
        values.update({"page.port": args.page, "page.password": password.seal(args.page_password)})
    if args.modem:
        values.update({"uplink.type": "modem", "uplink.apn": "internet"})
    for index in range(args.meters, 8):
        values["meter.%d.enabled" % index] = False  # of an earlier run
    return values


def start_modem(args, cleanup):
    """What the twin has to know of a simulated modem, which has been started."""
    pty = args.folder.resolve() / "modem"
    words = ["--off", "--pty", pty, "--control", 0, "--profile", args.modem]
    if args.weather is not None:
        words += ["--weather", args.weather]
    process = spawn_modem(*words)
    cleanup.append(lambda: finish(process))
    try:
        modem = ModemProcess(process)
    except RuntimeError as error:
        raise Stop("the modem simulator did not start: %s" % error) from None
    print("%-13s %s, simulated, at %s; its faults: %s" % ("modem", args.modem, pty, modem.state()["faults"] or "none"))
    return {"pty": str(pty), "control": modem.control}


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
        text = "no broker at %s: %s. Does it run there? `make run` brings its own; --no-broker does without on purpose"
        raise Stop(text % (url, error)) from None
    client.loop_start()
    try:
        patience.get(inbox, 15)
    except queue.Empty:
        client.loop_stop()
        raise Stop("the broker at %s does not let us subscribe to %s" % (url, topic)) from None
    return client


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


class Waiting:
    """`--no-broker`: the place of a broker that is not there until somebody presses Enter."""

    def __init__(self):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.url = "tcp://127.0.0.1:%d" % self.port
        self.wanted = threading.Event()
        threading.Thread(target=self._listen, name="enter", daemon=True).start()

    def _listen(self):
        # The end of the input is nobody who pressed it.
        if sys.stdin.readline():
            self.wanted.set()


def watch(args, twin, inbox, viewer, each):
    """Show records until the end; `each()` is called now and then. Raises Stop with the reason."""
    seconds = _FIRST_WITH_MODEM_S if args.modem else _FIRST_RECORD_S
    limit = patience.Limit(seconds)
    while True:
        each()
        try:
            item = inbox.get(timeout=0.25)
        except queue.Empty:
            item = None
        if item and viewer.show(*item) and args.once:
            raise Stop("")
        if args.once and args.no_broker and viewer.waiting:
            raise Stop("")
        code = twin.process.poll()
        if code is not None and code != 3 and not twin.restarting():
            raise Stop("the firmware ended with code %d:\n%s" % (code, "\n".join(twin.lines[-15:])))
        if args.once and limit.passed():
            raise Stop(
                "no record arrived within %d s; the firmware's last lines:\n%s"
                % (seconds, "\n".join(twin.lines[-15:]))
            )


def clock_of(folder, now):
    """The twin's time to begin with: now, or where a faster run before has left its clock: none goes back."""
    try:
        setup = json.loads((folder / "twin.json").read_text())
        wrote = (folder / "flash.img").stat().st_mtime
        return max(now, setup["epoch"] + (wrote - setup["since"]) * setup["speed"])
    except (OSError, ValueError, KeyError, TypeError):
        return now


def start_meter(args, epoch):
    moment = dt.datetime.fromtimestamp(epoch, dt.timezone.utc).isoformat()
    options = ["--pty", "--baud", args.baud, "--clock", moment, "--clock-speed", args.speed]
    return MeterProcess(*options, "--meters", args.meters, "--password", 1)


def firmware(args):
    """The folder with the version that boards of the class take."""
    return build.base() if args.board_class == "small" else build.full()


def on_the_spot(folder):
    """((chain, key) as files for a broker, what lies on the flash of a device that believes it)."""
    root, chain, key = certificates.on_the_spot("localhost")
    paths = folder / "broker.pem", folder / "broker.key"
    for path, data in zip(paths, (chain, key)):
        path.write_bytes(data)
    return paths, {"tls/ca.der": base64.b64encode(root).decode()}


def claimed(folder):
    """The file that holds the folder for this run. Stop: another one has it."""
    lock = claim(folder)
    if not lock:
        raise Stop(
            "another run uses %s and its flash: end it (Ctrl-C where it runs), or give this one a flash of its own: "
            "make run -- --folder twin2" % os.path.relpath(folder)
        )
    return lock


def run(args, cleanup):
    cleanup.append(claimed(args.folder).close)
    if args.fresh:
        (args.folder / "flash.img").unlink(missing_ok=True)
    url, broker = args.broker, None
    certificate, files = on_the_spot(args.folder) if args.tls else (None, {})
    if args.no_broker:
        url = (broker := Waiting()).url
    elif not url:
        broker = EmbeddedBroker(certificate=certificate).start()
        cleanup.append(broker.stop)
        url = broker.url
    now = time.time()
    epoch = clock_of(args.folder, now)
    meter = start_meter(args, epoch)
    cleanup.append(meter.stop)
    viewer = Viewer(int(epoch), args.no_broker)

    def said(line):
        viewer.said(line)
        if args.verbose:
            print(line)

    values = settings(args, url)
    values.update({"mqtt.broker": "mqtts://localhost:%d" % broker.secure, "tls.ca": "own"} if args.tls else {})
    modem = {"modem": start_modem(args, cleanup)} if args.modem else {}
    clock = {"speed": args.speed, "epoch": epoch}
    twin = Twin(
        args.folder,
        [meter.path],
        values,
        heap=args.heap,
        on_line=said,
        keep=True,
        files=files,
        device=firmware(args),
        **clock,
        **modem,
    )
    cleanup.append(twin.close)
    topic = "lector102/%s/#" % twin.setup["ident"]
    inbox = queue.Queue()

    def join():
        cleanup.append(subscribe(url, topic, inbox).loop_stop)

    if not args.no_broker:
        join()
    introduce(args, url, meter, twin, topic, int(epoch - now))
    twin.start()
    sky = None
    if args.weather is not None:
        sky = Weather(args, meter, None if args.no_broker else broker)
        cleanup.append(sky.end)

    def each():
        if args.no_broker and viewer.lines and broker.wanted.is_set():
            viewer.lines = False
            embedded = EmbeddedBroker(broker.port).start()
            cleanup.append(embedded.stop)
            join()
            print("broker        %s: what waits arrives as soon as the firmware tries again" % url, flush=True)
        if sky:
            sky.look()

    watch(args, twin, inbox, viewer, each)


def main(argv=None):
    args = arguments(argv)
    cleanup = []
    end_like_ctrl_c(*_ENDS)
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
        for number in _ENDS:
            signal.signal(number, signal.SIG_IGN)
        for step in reversed(cleanup):
            step()
    return code


if __name__ == "__main__":
    sys.exit(main())
