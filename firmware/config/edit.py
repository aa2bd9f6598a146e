"""What changes the settings: each public function here is a method of Config, `config` being itself."""

from firmware.config import files, settings
from firmware.config.text import row
from firmware.core import overlay

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
    checked = []
    with overlay.use("check"):
        from firmware.config.check import check

        for name in values:
            found, index = row(config, name)
            full = settings.key(found, index)
            checked.append((found, full, check(found, full, values[name])))
    return checked


def _together(config, get, news):
    with overlay.use("check"):
        from firmware.config.usable import distinct, usable

        distinct(get, news)
        usable(get, news, config.expansions)


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
        keep(config)
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
        keep(config)
    return [found[5] for found, _, _ in checked]


def stage(config, values, seconds):
    """Check `values` and put them on trial, not yet in force. No method of Config."""
    for _, full, value in _checked(config, values):
        config.staged[full] = value
    config.trial_seconds = seconds


def save(config):
    """Write the file; the one before stays as the last good one. A power cut leaves one of the two. OSError."""
    if config.path:
        values = config.values
        values[files.NUMBER] = files.DEFAULTS
        try:
            files.write(config, "", values)
        finally:
            del values[files.NUMBER]


def keep(config):
    """Bring the file of what is staged in line with it. OSError. No method of Config."""
    if config.staged:
        if not config.path:
            return
        data = {
            "seconds": config.trial_seconds,
            "tried": config.trying > 0,
            "values": config.staged,
        }
        if config.code:
            data["code"] = config.code
        files.write(config, files.TRIAL, data)
        return
    config.code = ""
    if config.path:
        files.remove(config, files.TRIAL)
