"""What changes the settings: each public function here is a method of Config, `config` being itself."""

from firmware.config import settings
from firmware.config.text import row
from firmware.port import unload

# Settings whose defaults have changed (older.py).
_WRITTEN = ("mqtt.commands", "sms.commands", "device.confirm")


def _checked(config, values):
    """[(row, full name, value)] of a dict of names and values; ConfigError."""
    checked = _each(config, values)
    news = {full: value for _, full, value in checked}

    def get(full):
        return news[full] if full in news else config.get(full)

    _together(config, get, news)
    return checked


def _each(config, values):
    from firmware.config.check import check

    checked = []
    for name in values:
        found, index = row(config, name)
        full = settings.key(found, index)
        checked.append((found, full, check(found, full, values[name])))
    # What is looked at and written afterwards needs the room.
    unload("firmware.config.check")
    return checked


def _together(config, get, news):
    from firmware.config.usable import distinct, usable

    distinct(get, news)
    usable(get, news, config.expansions)
    unload("firmware.config.usable")


def put(config, found, full, value):
    """Take a value that has been checked. No method of Config.

    What has had another default before is written down even as it is now: a version that is taken back has the other.
    """
    if value == settings.default(found) and full not in _WRITTEN:
        config.values.pop(full, None)
    else:
        config.values[full] = value


def set(config, name, value, index=None):
    """Check and take one value; returns what the change needs ("", "restart", "link" or "way"). ConfigError."""
    full = settings.key(*row(config, name, index))
    return set_many(config, {full: value})[0]


def set_many(config, values):
    """Take all of a dict or, with a ConfigError, none; returns the list of what the changes need."""
    return _set(config, _checked(config, values))


def _set(config, checked):
    unstaged = False
    for found, full, value in checked:
        unstaged = config.staged.pop(full, None) is not None or unstaged
        put(config, found, full, value)
    if unstaged:
        _trial().keep(config)
    return [found[5] for found, _, _ in checked]


def change(config, values, seconds=0, code=""):
    """Take all of `values` or none, and save. With `seconds` those that could cut the device off are staged:

    begin_trial() or the next load() puts them in force. `code`: what has to come over the new way before they stay;
    empty: nothing. Returns what the changes need. ConfigError, OSError.
    """
    checked = _checked(config, values)
    direct = []
    for found, full, value in checked:
        if seconds and found[5] in ("link", "way"):
            config.staged[full] = value
            config.trial_seconds = seconds
            config.code = code or config.code
        else:
            direct.append((found, full, value))
    if direct:
        _set(config, direct)
        save(config)
    if len(direct) < len(checked):
        _trial().keep(config)
    return [found[5] for found, _, _ in checked]


def stage(config, values, seconds):
    """Check `values` and put them on trial, not yet in force. No method of Config."""
    for _, full, value in _checked(config, values):
        config.staged[full] = value
    config.trial_seconds = seconds


def save(config):
    """Write the file; the one before stays as the last good one. A power cut leaves one of the two. OSError."""
    if config.path:
        from firmware.config import files

        values = config.values
        values[files.NUMBER] = files.DEFAULTS
        try:
            files.write(config, "", values)
        finally:
            del values[files.NUMBER]


def _trial():
    from firmware.config import trial

    return trial
