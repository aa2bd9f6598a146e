"""Simulated devices that take commands: the firmware's own command processor in front of a simulated meter.

`Desk(url, devices)` answers for all of them at the broker. What the meters have is all that was ever in their curve;
an update takes as many questions as `Updatable.steps` says, and some go bad.
"""

import asyncio
import queue

import paho.mqtt.client as mqtt

from firmware.commands.dispatcher import Channel, Processor, decode
from firmware.commands.executor import Collector
from tests.host.support import fake_device
from tools import patience


class Line(fake_device.Line):
    """Reads a simulated meter at once; `busy`: so many questions are answered with the reading before."""

    def __init__(self, simulated):
        super().__init__("port 1", [fake_device.Meter(each.ident) for each in simulated.meters])
        self.simulated = simulated
        self.fails = ""

    def ask(self, meter, kind, args=None):
        result = super().ask(meter, kind, args)
        source = next(each for each in self.simulated.meters if each.ident == meter.ident)
        if self.fails:
            self.finish(meter, kind, self.fails)
        else:
            self.finish(
                meter,
                kind,
                [payload for _, payload in self.simulated.read(source, kind, args, True)],
            )
        return result


class Device(fake_device.Device):
    """`now`: UTC that its clock stands at. How an update ends: `bad` is "", "refused", "back" or "fails"."""

    def __init__(self, simulated, now, rights=None, bad="", version="1.0.0"):
        super().__init__()
        self.imei = simulated.imei
        self.config.expansions["IMEI"] = self.imei
        self.config.set_many(rights or {"mqtt.commands": "view,meter"})
        simulated.clock.now = now
        self.lines = [Line(simulated)]
        self.version = self.before = version
        self.bad = bad
        self.next = self.release = ""
        self.steps = []
        self.report = {"mode": "normal", "version": version, "trial": False, "why": "deployed"}
        self.channel = Channel("mqtt", "mqtt.commands")
        self.processor = Processor(self)

    def update(self, url, force):
        if self.bad == "refused":
            return 8, "not enough room"
        self.next = self.release or url.rpartition("-")[2][: -len(".rel")]
        self.steps = ["fetching", "fetching", "failed"] if self.bad == "fails" else ["fetching", "trial", "end"]
        self.updates.append(url)
        return ()

    def step(self):
        """Something has been asked: the update is a step further."""
        if not self.steps:
            return
        at = self.steps.pop(0)
        if at == "trial":
            self.version = self.next
            self.report.update(version=self.next, trial=True, mode="normal", why="update %s" % self.next)
        elif at == "end":
            self.report["trial"] = False
            if self.bad == "back":
                self.version = self.before
                self.report.update(version=self.before, mode="previous", why="3 starts in a row failed")

    def status(self):
        self.step()
        state = "fetching" if self.steps else "idle"
        error = ""
        if self.bad == "fails" and not self.steps and self.updates:
            state, error = "failed", "the server answers 404"
        return dict(super().status(), update={"state": state, "error": error}, start=dict(self.report))

    def say(self, payload):
        """The answer to one message."""

        async def run():
            collector = Collector()
            await self.processor.execute(decode(payload), self.channel, collector.write, collector)
            return bytes(collector.take())

        return asyncio.run(run())


class Desk:
    """Answers for `devices` {imei: Device} at the broker `url`, one message after the other."""

    def __init__(self, port, devices):
        self.devices = devices
        ready = queue.Queue()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("lector102/+/AT", 1)
        self._client.on_subscribe = lambda *_: ready.put(True)
        self._client.on_message = self._answer
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        patience.get(ready, 15)

    def _answer(self, client, _data, message):
        imei = message.topic.split("/")[1]
        device = self.devices.get(imei)
        if device:
            client.publish("lector102/%s/ATR" % imei, device.say(bytes(message.payload)), 1)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()
