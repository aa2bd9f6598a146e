"""The power fails while a device that came from f77621f starts this version for the first time."""

from tests.host.support.upgrade import field
from tools.board.device import Device

# A setting of the way to the network that is on trial while the version is: in force, or taken back.
TRIED = ("uplink.ping_minutes", "MTX_ping", "45", "50")


def arranged(folder, key, data, name="fifo"):
    """(what the flash holds when f77621f has prepared the release `data`, settings before that, files that must stay,
    operations on the flash until the release is confirmed, which of them write settings)."""
    with field.Field(folder, name, key) as device:
        files = field.read(device.image, *field.AROUND, "m0_ledger.json")
        before = device.begun()
        assert device.at("SETPARAM,%s,%s" % (TRIED[0], TRIED[3])).endswith("OK\r\n")
        # The first operation of the next start is not carried out.
        device.board.cut = 1
        device.update(data)
        assert device.board.dead.wait(60), device.tail()
        flash = device.image.read_bytes()
        device.board.watch = "mqtt.broker"
        device.board.power_on()
        device.online(120, VERSION=field.NEW)
        device.until("start", "start.trial", "false")
        device.until("start", "start.pack", "right")
        with Device(device.board.path) as found:
            operations = found.eval("__import__('machine').flash.operations")
            writes = found.eval("__import__('machine').flash.seen")
    return flash, before, files, operations, writes


def cut(folder, key, made, number, name="fifo"):
    """Cut the power at operation `number` of the first start; returns whether it came to that. AssertionError."""
    flash, before, files = made[:3]
    with field.Field(folder, name, key, flash, number) as device:
        confirmed = False
        while not device.board.dead.is_set() and not confirmed:
            confirmed = b"the changed settings work and stay" in device.board.output
            device.board.dead.wait(0.2)
        hit = device.board.dead.is_set()
        if not hit:
            # It would come to that operation later, in the middle of what is looked at below.
            device.board.cut_power()
        while not device.states.empty():
            device.states.get()
        device.board.power_on()
        found = device.online(120, STATE="online")
        assert (found["VERSION"], found["LOG"]) == (field.NEW, 200), (number, found)
        assert "MODE" not in found, (number, found)
        device.until("start", "start.trial", "false")
        now = device.settings()
        assert now[TRIED[1]] in TRIED[2:], (number, now[TRIED[1]])
        differ = {key for key in before if now.get(key) != before[key]} - {TRIED[1], "MQTT_server"}
        assert not differ, (number, differ)
        device.all_arrived()
        device.board.cut_power()
        assert field.read(device.image, *files) == files, number
    return hit
