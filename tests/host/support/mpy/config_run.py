"""Settings on MicroPython: kept, damaged, imported, on trial; and the heap they take. Prints `ok`."""

import gc
import sys

from firmware.core import overlay
from firmware.core.errors import ConfigError  # everybody's

gc.collect()
before = gc.mem_alloc()
from firmware.config.config import Config  # noqa: E402

path = sys.argv[1]
config = Config(path)
config.load()
config.set_many({"mqtt.id": "old", "meter.0.enabled": True, "meter.0.password": 7})
config.save()
config.set_many({"mqtt.id": "new"})
config.save()
with open(path, "wb") as file:
    file.write(b'{"mqtt.id": "\xff\xfe')
config = Config(path)
config.load()
assert config.get("mqtt.id") == "old" and len(config.problems) == 2, config.problems
for name, value in (
    ("mqtt.qos", "7"),
    ("no.such", "1"),
    ("meter.0.password", "x"),
    ("mqtt.id", "\n"),
):
    try:
        config.set_many({name: value})
        raise SystemExit("%s took %r" % (name, value))
    except ConfigError as error:
        assert str(error)


def take_over():
    """In a function, so that nothing holds a module that is let go."""
    from firmware.config.text_import import Importer

    report = Importer(config)
    for line in ("GPRS_apn: a.b", "COMM2_baudrate: 300", "NOPE: 1", "MQTT_password: ***"):
        report.feed(line)
    config.change(report.finish())
    assert report.unknown == ["NOPE"] and config.get("port.2.baud") == "300"


take_over()
text = [line for lines in config.dump() for line in lines]
assert "IEC102_password: ***" in text and len(text) > 80, text
config.change({"mqtt.broker": "tcp://new"}, 600)
again = Config(path)
again.load()
assert again.get("mqtt.broker") == "tcp://new" and again.trying == 600
again.confirm()
again = Config(path)
again.load()
assert again.get("mqtt.broker") == "tcp://new" and not again.trying
del again, text, file
config.release()
overlay.reclaim()
gc.collect()
print("resident", gc.mem_alloc() - before)
print("ok")
