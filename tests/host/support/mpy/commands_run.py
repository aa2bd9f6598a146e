"""Every command once on MicroPython, then all of them again: the heap must not grow. Prints `ok`."""

import asyncio
import gc

from tests.host.support.fake_device import Device


def heap():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


device = Device()
# More than anybody may send in a minute: nobody is waited for.
device.config.set_many({"limit.commands": 6000})
before = heap()
from firmware.commands.channels import console, mqtt, tags  # noqa: E402, F401
from firmware.commands.dispatcher import Channel, Processor  # noqa: E402

# Certificates would be kept below it; SETCERT alone tells what is there.
device.board = type("Board", (), {"root": "build/no-flash"})()
device.audit = None
processor = Processor(device)
channel = Channel("console", "console.commands", person=True)
OURS = "AT^MTXTUNNEL="
RANGE = ",0,0,1,07,22,0,0,13,07,22"
for kind in range(1, 14):
    device.lines[0].answers[kind] = [b'{"kind":%d}' % kind]


def ask(line):
    # Here, so that nothing holds its module, which is let go.
    from firmware.commands.executor import Collector

    collector = Collector()
    asyncio.run(processor.execute(line, channel, collector.write, collector))
    return collector.take()


def ask_all():
    from firmware.commands import grammar

    names = [row[0] for row in grammar.rows()]
    for name in names:
        args = {
            "GETPARAM": ",mqtt.qos",
            "GETRECORDS": ",1",
            "SETPARAM": ",mqtt.keepalive,30",
            "SETBAUDRATE": ",0,9600",
            "CONFIRM": ",ABCDEFGH",
            "UPDATE": ",http://a.b/c.rel",
        }.get(name, "")
        if "IEC102" in name:
            args = ",ID00000"
            if name in ("SETIEC102_CTAVM2", "SETIEC102_LC", "SETIEC102_EV"):
                args += RANGE
        if name == "LOGIN":
            args = ",x"
        line = name if name.startswith("AT") else OURS + name + args
        if name == "SAVECONFIG":
            line += "\nGPRS_apn: a.b"
        answer = ask(line)
        assert answer.endswith(b"\r\nOK\r\n"), (line, answer)
    for line in (
        "",
        "NOPE",
        "AT+CSQ",
        OURS + "NO",
        OURS + "SETPARAM,mqtt.qos,7",
        "AT" + "x" * 600,
        "\xff",
    ):
        assert ask(line).endswith(b"\r\nERROR\r\n"), line
    device.lines[0].asked = []
    device.updates = []


ask_all()
processor.release()
ask_all()
processor.release()
first = heap()
ask_all()
processor.release()
print("leaked", max(0, heap() - first))
print("resident", heap() - before)
print("ok")
