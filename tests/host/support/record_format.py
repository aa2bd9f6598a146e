"""A device's RecordFormat for tests, as its settings are by default. Runs on MicroPython, too."""

from firmware.meters.records import RecordFormat


def record_format(imei, logger_id, time_form="unix", profile="titan"):
    form = RecordFormat()
    form.imei, form.logger_id, form.time_form, form.profile = imei, logger_id, time_form, profile
    form.tags, form.object_key = "summer", "DO"
    return form
