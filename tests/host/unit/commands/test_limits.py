"""What one channel may take of the device: so many commands a minute, and a pause for whoever sends what is none.

Whoever may publish on one topic could keep the device at work for ever, and guess passwords as fast as it answered.
What is beyond the limit is read later, never dropped.
"""

import asyncio
import re

import pytest

from firmware.commands import executor
from firmware.commands.channels.console import Console
from firmware.commands.channels.mqtt import Remote
from firmware.commands.dispatcher import Processor
from firmware.commands.executor import Collector
from firmware.core import overlay
from firmware.delivery.mqtt.service import MqttService
from tests.host.support import umqtt_versions, virtual_time
from tests.host.support.fake_device import Device, channel_of
from tests.host.support.fake_log import FakeRing
from tests.host.support.fake_ports import MemoryPort
from tests.host.unit.delivery.test_uplink_parts import Sink, packet, session_on

OURS = b"AT^MTXTUNNEL="


class Broker:
    """Messages that wait, as MqttService has them; keeps when each answer came, in seconds."""

    def __init__(self, messages):
        self.messages = messages
        self.replies = []

    def next_message(self):
        return ("topic", self.messages.pop(0)) if self.messages else None

    async def reply(self, topic, payload):
        self.replies.append((asyncio.get_running_loop().time(), bytes(payload).decode()))

    def replies_wait(self):
        return False

    def within(self, first, last):
        """Answers from `first` to `last` seconds after the first one."""
        start = self.replies[0][0]
        return [text for at, text in self.replies if first <= at - start < last]


def over_mqtt(messages, seconds, device=None, beside=None):
    """What came back for `messages` (bytes) within so many seconds of virtual time."""
    broker = Broker(list(messages))

    async def main():
        processor = Processor(device or Device())
        task = asyncio.create_task(Remote(broker, processor, lambda: "t").run())
        if beside:
            await asyncio.sleep(1)
            await beside(processor)
        await asyncio.sleep(seconds)
        assert not task.done()
        task.cancel()

    virtual_time.run(main(), limit_s=100000)
    return broker


def test_more_than_so_many_in_a_minute_wait_and_each_is_answered_in_order():
    count = 300
    broker = over_mqtt([b"AT^MTXTUNNEL=HELP,AT" if number % 7 else b"ATI" for number in range(count)], 240)
    ids = [number for number, (_, text) in enumerate(broker.replies) if text.startswith("ATI")]
    assert ids == [*range(0, count, 7)]
    assert len(broker.replies) == count
    assert [len(broker.within(60 * m, 60 * m + 59)) for m in range(3)] == [120, 120, 60]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_count_and_not_messages(end):
    broker = over_mqtt([end.join([b"AT"] * 5) + b"\r\n"] * 100, 59)
    assert sum(text.count("OK") for _, text in broker.replies) == 120


def test_the_limit_is_a_setting():
    device = Device()
    device.config.set_many({"limit.commands": 5})
    broker = over_mqtt([b"AT"] * 12, 59, device)
    assert len(broker.replies) == 5


def test_ten_wrong_ones_pause_the_channel_longer_each_time():
    broker = over_mqtt([b"NOPE"] * 120, 3000)
    times = [at for at, _ in broker.replies]
    pauses = [times[10 * n] - times[10 * n - 1] for n in range(1, 12)]
    wanted = [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert all(least <= pause < least + 2 for pause, least in zip(pauses, wanted)), pauses
    assert len(broker.replies) == 120


def test_a_minute_without_ten_wrong_ones_begins_anew():
    broker = Broker([])

    async def main():
        task = asyncio.create_task(Remote(broker, Processor(Device()), lambda: "t").run())
        for _ in range(3):
            broker.messages = [b"NOPE"] * 10 + [b"AT"]
            await asyncio.sleep(90)
        task.cancel()

    virtual_time.run(main())
    times = [at for at, _ in broker.replies]
    assert all(2 <= times[n] - times[n - 1] < 4 for n in (10, 21, 32))


def test_what_a_meter_or_the_modem_has_not_is_no_wrong_line():
    broker = over_mqtt([b"AT^MTXTUNNEL=GETIEC102,ID00000", b"AT+CSQ"] * 20, 10)
    assert len(broker.replies) == 40 and all("ERROR" in text for _, text in broker.replies)


@pytest.mark.parametrize("name", ["console", "sms"])
def test_the_pause_is_one_channels_and_never_the_consoles(name):
    seen = []

    async def beside(processor):
        channel = channel_of(name)
        start = asyncio.get_running_loop().time()
        for _ in range(60):
            collector = Collector()
            await processor.execute("NOPE", channel, collector.write, collector)
            assert re.search(rb"ERROR\r\n$", collector.take())
        seen.append(asyncio.get_running_loop().time() - start)

    over_mqtt([b"NOPE"] * 40, 1, beside=beside)
    # Five pauses of 2 to 32 s, or none.
    assert seen[0] < 1 if name == "console" else seen[0] > 62


@pytest.mark.parametrize("sent, last_s, dropped", [(b"NOPE", 60, True), (b"ATI", 62, False)])
def test_who_sends_without_end_keeps_no_record_from_being_confirmed(tmp_path, sent, last_s, dropped):
    """A PUBACK stands behind the messages in the same stream: nonsense once held it back for hours."""
    wire, umqtt = Sink(), umqtt_versions.module("1.3.4", tmp_path)
    service = MqttService(umqtt, {"subscribe": ["a"]}, FakeRing(), None, None, None)
    session = session_on(umqtt, wire)
    session.arrived, session._takes = service._arrived, service._has_room
    session.client.set_callback(service._arrived)
    confirmed = []
    session.on_acked = lambda cargo: confirmed.append(asyncio.get_running_loop().time())

    async def main():
        remote = Remote(service, Processor(Device()), lambda: "")
        service.paused = remote.paused
        task = asyncio.create_task(remote.run())
        session.publish(b"t", b"x", "record")
        wire.pieces = [packet(0x30, b"\x00\x01a" + sent)] * 180 + [b"\x40\x02\x00\x01"]
        start = asyncio.get_running_loop().time()
        while not confirmed:
            session.turn()
            await asyncio.sleep(0.05)
        assert confirmed[0] - start < last_s
        assert (service.overrun > 0) == dropped
        # Nobody is told off for good.
        await asyncio.sleep(700)
        assert not service.messages and not remote.paused()
        task.cancel()

    virtual_time.run(main(), limit_s=10**5)


def test_who_guesses_a_password_holds_nobody_up():
    device = Device()
    device.config.set_many({"device.password": "door"})

    async def main():
        task = asyncio.create_task(Remote(Broker([OURS + b"LOGIN,dor"] * 5), Processor(device), lambda: "t").run())
        await asyncio.sleep(0.5)  # each word is looked at, in a few turns of the loop, at a full second
        for _ in range(20):
            await asyncio.sleep(1)
            assert not overlay.running[1]
        task.cancel()
        await asyncio.sleep(1)
        assert not overlay.running[1]

    virtual_time.run(main())


def test_no_state_grows_with_what_comes():
    device = Device()

    async def main():
        processor = Processor(device)
        channel = processor._sms
        before = dict(vars(channel))
        for number in range(500):
            await processor.answer("NOPE%d" % number, "sms")
        assert set(vars(channel)) == set(before)
        assert all(isinstance(value, (int, str, bytes, type(None))) for value in vars(channel).values())

    virtual_time.run(main(), limit_s=10**6)


# --- REBOOT in a heap that has no room for commands


def _full(*_rest, **_named):
    raise MemoryError


# Where the memory ends: on the way to the commands' code, within it, and before anything of the command has begun.
_FULL_AT = {
    "the code of all commands": (executor, "execute"),
    "the code of one": (executor, "_run"),
    "the answer": (executor, "Collector"),
    "the turn in the heap": (overlay, "turn"),
}


@pytest.mark.parametrize("place", _FULL_AT)
@pytest.mark.parametrize("allowed", ["*", "view"])
def test_a_full_heap_takes_reboot_from_who_may(monkeypatch, place, allowed):
    """160 settings changed one after the other once took so much that nothing but pulling the plug restarted it."""
    device = Device()
    device.config.set_many({"mqtt.commands": allowed})
    made = Processor(device)
    monkeypatch.setattr(*_FULL_AT[place], _full)
    broker = Broker([b"AT^MTXTUNNEL=GETSTATUS", b" at^mtxtunnel = reboot\r\n"])

    async def main():
        task = asyncio.create_task(Remote(broker, made, lambda: "t").run())
        await asyncio.sleep(60)
        assert not task.done()
        task.cancel()

    virtual_time.run(main())
    assert device.restarts == (["command on mqtt"] if allowed == "*" else [])
    texts = [text for _, text in broker.replies]
    assert len(texts) == 2 and texts[0].endswith("ERROR\r\n"), texts
    assert texts[1].endswith("OK\r\n" if allowed == "*" else "ERROR\r\n")


@pytest.mark.parametrize("password, known, restarts", [("", False, 1), ("door", False, 0), ("door", True, 1)])
def test_a_full_heap_takes_reboot_from_the_console(monkeypatch, password, known, restarts):
    device = Device()
    device.config.set_many({"device.password": password})
    port = MemoryPort()
    console = Console(port, Processor(device), False)
    console.channel.known = known
    monkeypatch.setattr(Console, "_begin", _full)

    async def main():
        task = asyncio.create_task(console.run())
        for piece in (b"AT^MTXTUNNEL=GETSTATUS\r\n" * 4, b"AT^MTXTUN", b"NEL=REBOOT\r\n"):
            port.deliver(piece)
            await asyncio.sleep(1)
        assert not task.done()
        task.cancel()

    virtual_time.run(main())
    assert device.restarts == ["command on console"] * restarts


def test_a_right_that_was_taken_away_is_gone_in_a_full_heap_too():
    device = Device()
    device.config.set_many({"mqtt.commands": "view,REBOOT"})
    processor = Processor(device)
    channel = channel_of("mqtt")
    assert processor.rescue("AT^MTXTUNNEL=REBOOT", 19, channel)
    device.config.set_many({"mqtt.commands": "view"})
    processor.look_up()
    assert processor.rescue("AT^MTXTUNNEL=REBOOT", 19, channel) is None
