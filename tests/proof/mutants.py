"""Thirty places where a device must not be wrong, and a fault for each: what mutations.py breaks, one after another.

A piece stands exactly once in its file. The test files are those that most likely notice; they are run first.
"""

from collections import namedtuple

# `name`: what the place is for; `file`; `piece` of its source and the `fault` in its place; `tests` below tests/host.
Mutant = namedtuple("Mutant", "name file piece fault tests")

_TABLE = "firmware/commands/grammar.py"

MUTANTS = (
    # --- the meter's line
    Mutant(
        "checksum",
        "firmware/iec102/ft12.py",
        "if sum(self._view[at + 4 : at + 4 + length]) & 0xFF != buf[at + total - 2]:",
        "if False:",
        ("unit/iec102/test_codec.py", "unit/iec102/test_master.py"),
    ),
    Mutant(
        "second length",
        "firmware/iec102/ft12.py",
        "(have > 2 and buf[at + 2] != length)",
        "False",
        ("unit/iec102/test_codec.py", "unit/iec102/test_master.py"),
    ),
    Mutant(
        "FCB",
        "firmware/iec102/link.py",
        "self._fcb ^= _FCB",
        "self._fcb = _FCB",
        ("unit/iec102/test_master.py",),
    ),
    Mutant(
        "hour of the clock change",
        "firmware/core/zone.py",
        "summer = self.is_summer(base - 3600)",
        "summer = self.is_summer(base)",
        ("unit/iec102/test_timetag.py", "unit/meters/test_clock.py"),
    ),
    Mutant(
        "24:00",
        "firmware/iec102/timetag.py",
        "if hour == 24 and not",
        "if hour == 25 and not",
        ("unit/iec102/test_timetag.py",),
    ),
    Mutant(
        "IV",
        "firmware/meters/records/extended.py",
        'self.out.flag("meter_time_valid", not tag.iv and tag.possible())',
        'self.out.flag("meter_time_valid", tag.possible())',
        ("unit/meters/test_extended.py",),
    ),
    Mutant(
        "quadrant",
        "firmware/meters/records/instant.py",
        "(3 if lower else 2) if export",
        "(2 if lower else 3) if export",
        ("unit/meters/test_extended.py",),
    ),
    Mutant(
        "window of closings",
        "firmware/meters/readings/closings.py",
        'start = end - options.get("days", 31) * _DAY',
        "start = end - _DAY",
        ("unit/meters/test_readings.py",),
    ),
    Mutant(
        "curve mark",
        "firmware/meters/readings/curve.py",
        "mark = piece.newest if master.unended and piece.newest else end",
        "mark = end",
        ("unit/meters/test_readings.py", "unit/meters/test_field_meter.py"),
    ),
    # --- the log
    Mutant(
        "CRC of a record",
        "firmware/recordlog/format.py",
        "return len(payload) == length and _crc(kind, length, seq, utc, payload) == crc",
        "return len(payload) == length",
        ("unit/recordlog/test_log.py", "unit/recordlog/test_log_faults.py"),
    ),
    Mutant(
        "torn tail",
        "firmware/recordlog/mount.py",
        "ring.size = size if end == size and not gap else ring.limit",
        "ring.size = size",
        ("unit/recordlog/test_log.py", "unit/recordlog/test_log_faults.py"),
    ),
    Mutant(
        "order of segments",
        "firmware/recordlog/mount.py",
        "sorted(store.numbers())",
        "list(store.numbers())",
        ("unit/recordlog/test_log.py", "unit/recordlog/test_log_faults.py"),
    ),
    Mutant(
        "LIFO for FIFO",
        "firmware/recordlog/cursor.py",
        'seq = self._oldest() if self.order == "fifo" or',
        'seq = self._oldest() if self.order == "lifo" or',
        ("unit/recordlog/test_log.py",),
    ),
    # --- the broker
    Mutant(
        "acknowledgement before PUBACK",
        "firmware/delivery/mqtt/session.py",
        "if self.call(client.publish, topic, payload, retain, qos):",
        "if self.call(client.publish, topic, payload, retain, qos) and not qos:",
        ("unit/delivery/test_uplink_parts.py",),
    ),
    Mutant(
        "PUBACK of a foreign id",
        "firmware/delivery/mqtt/session.py",
        "flight = self.flying.pop(packet[2] << 8 | packet[3], None)",
        "flight = self.flying.pop(next(iter(self.flying), None), None)",
        ("unit/delivery/test_uplink_parts.py",),
    ),
    Mutant(
        "DUP",
        "firmware/delivery/mqtt/session.py",
        "kind = packet[0] & 0xF0\n        if kind == _PUBLISH:",
        "kind = packet[0] & 0xF8\n        if kind == _PUBLISH:",
        ("unit/delivery/test_uplink_parts.py",),
    ),
    Mutant(
        "retained command",
        "firmware/delivery/mqtt/session.py",
        "if cut or packet[0] & 1:",
        "if cut:",
        ("unit/delivery/test_uplink_parts.py",),
    ),
    Mutant(
        "ENOMEM taken for loss",
        "firmware/net/tcp.py",
        "AGAIN = const((2, 3, 11, 35, 36, 114, 115, 119, 120, 12, 105))",
        "AGAIN = const((2, 3, 11, 35, 36, 114, 115, 119, 120))",
        ("unit/delivery/test_uplink_pace.py", "unit/delivery/test_uplink_errors.py"),
    ),
    Mutant(
        "what lwIP may have taken sent again",
        "firmware/net/tcp.py",
        "if error.args[0] not in AGAIN or error.args[0] in FULL:",
        "if error.args[0] not in AGAIN:",
        ("unit/delivery/test_uplink_pace.py",),
    ),
    Mutant(
        "back-off without jitter",
        "firmware/delivery/mqtt/service.py",
        "return step + step * ((self._jitter + self._attempts * 617) % 1000) // 2000",
        "return step",
        ("unit/delivery/test_uplink_parts.py",),
    ),
    Mutant(
        "expanded topic",
        "firmware/delivery/mqtt/options.py",
        "ours = [online] + [expand(get(name)) for name in _OURS]",
        "ours = [online] + [get(name) for name in _OURS]",
        ("unit/app/test_no_topic.py",),
    ),
    # --- the update
    Mutant(
        "signature",
        "firmware/update/release.py",
        'return x.to_bytes(size, "big") == padded(digest, size)',
        "return True",
        ("unit/update/test_release.py",),
    ),
    Mutant(
        "hash",
        "firmware/update/release.py",
        "if binascii.hexlify(body.digest()).decode() != head.sha256:",
        "if False:",
        ("unit/update/test_release.py", "unit/update/test_update_hostile.py"),
    ),
    Mutant(
        "older serial",
        "firmware/update/updater.py",
        "if head.serial < have and not force:",
        "if False:",
        ("unit/update/test_update_room.py",),
    ),
    Mutant(
        "path in the pack",
        "firmware/update/release.py",
        "if key <= before or (value and not first <= value >> 1 < size):",
        "if key <= before:",
        ("unit/update/test_release.py",),
    ),
    Mutant(
        "trial not taken back",
        "firmware/update/starts.py",
        "elif up >= _TRIAL_S:",
        "elif False:",
        ("unit/update/test_safe_start.py", "unit/app/test_app_watch.py"),
    ),
    # --- who may
    Mutant(
        "permission of SETPARAM",
        _TABLE,
        "SETPARAM|name,value|1|0|setup|settings",
        "SETPARAM|name,value|1|0|view|settings",
        ("unit/commands/test_rights.py", "unit/commands/test_commands.py"),
    ),
    Mutant(
        "permission of SAVECONFIG",
        _TABLE,
        "SAVECONFIG|[TEXT]|0|1|setup|settings",
        "SAVECONFIG|[TEXT]|0|1|view|settings",
        ("unit/commands/test_rights.py", "unit/commands/test_commands.py"),
    ),
    Mutant(
        "permission of GETCONFIG",
        _TABLE,
        "GETCONFIG|[prefix]|0|1|view|settings",
        "GETCONFIG|[prefix]|0|1|meter|settings",
        ("unit/commands/test_rights.py", "unit/commands/test_commands.py"),
    ),
    Mutant(
        "secret masked",
        "firmware/config/settings.py",
        "if value and masked and secret(found):",
        "if False:",
        ("unit/config/test_config.py", "unit/commands/test_commands.py"),
    ),
    Mutant(
        "SMS sender",
        "firmware/net/modem/sms.py",
        'return any(same(number, known) for known in setting.get("numbers") or ())',
        "return True",
        ("unit/net/modem/test_modem_sms.py",),
    ),
    # --- what keeps the device alive
    Mutant(
        "watchdog fed by a dead task",
        "firmware/app/main.py",
        "if self.task is not None and self.task.done():",
        "if False:",
        ("unit/core/test_supervise.py",),
    ),
    Mutant(
        "PIN sent twice",
        "firmware/net/modem/setup.py",
        "if left != of or not left.isdigit():",
        "if False:",
        ("unit/net/modem/test_modem_pin.py",),
    ),
)
