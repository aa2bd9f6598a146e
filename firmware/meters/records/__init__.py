"""Readings to JSON: `titan` in TITAN's form, `extended` with `facts`, `instant` and `periods` in the second one
(docs/json.md), loaded for a session.

What they write into each record stands in the device's one RecordFormat. May import iec102 and core; where a record
goes is not known here.
"""


class RecordFormat:
    """How the records of this device are written: one object, which the lines have, too (app/apply_settings.py).

    `imei`, `logger_id`: texts of each record; `time_form` of TS, `profile` (titan, extended, both), `tags` (form of
    the meter's times: summer, offset, plain), `object_key` (DO, D0): the settings of the logger of these names.
    """
