"""What loads and changes the settings: each public function but put() is a method of Config, `config` being itself.

Changes that could cut the device off have yet to prove themselves: what is staged or on trial stands in a file of its
own, the settings' file keeps the old values until confirm().
"""

from firmware.config import files, settings
from firmware.core import overlay
from firmware.core.errors import ConfigError

# Settings whose defaults have changed (files.py), or are others on some boards.
_WRITTEN = const((
    "mqtt.commands", "sms.commands", "device.confirm", "update.verify", "mqtt.keepalive_max", "uplink.cmux",
))  # fmt: skip


def _checked(config, values):
    """[(full name, value, what the change needs, as in settings.py, whether it is the default)] of a dict of names and
    values; ConfigError. Rows are long, and of an order of all settings there is no room for so many at a time.
    """
    checked = []
    with overlay.use("check"):
        from firmware.config import check

        for name in values:
            found, index = settings.row_of(config, name)
            full = _same(settings.key(found, index), name)
            value = check.check(found, full, values[name])
            checked.append((full, value, found[5], value == settings.default(found)))
        elsewhere = "" if check.tls_is_here() else check.WHO_HAS_TLS
    news = {each[0]: each[1] for each in checked}

    def get(full):
        return news[full] if full in news else config.get(full)

    with overlay.use("check"):
        from firmware.config import usable

        usable.distinct(get, news)
        usable.usable(get, news, config.expansions, elsewhere)
    return checked


def _same(full, name):
    """`full`, as the object that is there already if `name` is the same."""
    return name if name == full else full


def put(config, full, value, default):
    """Take a value that has been checked. `default`: whether it is that.

    What has had another default before is written down even as it is now: a version that is taken back has the other.
    And so is what has another one on some boards: this may be none of them.
    """
    if default and full not in _WRITTEN:
        config.values.pop(full, None)
    else:
        config.values[full] = value


def set_many(config, values):
    """Take all of a dict or, with a ConfigError, none; returns a list of what each needs, as in settings.py."""
    return _set(config, _checked(config, values))


def _set(config, checked):
    unstaged = False
    for full, value, _, default in checked:
        unstaged = config.staged.pop(full, None) is not None or unstaged
        put(config, full, value, default)
    if unstaged:
        _keep(config)
    return [each[2] for each in checked]


def change(config, values, seconds, code):
    """Take all of `values` or none, and save. With `seconds` those that could cut the device off are staged:

    begin_trial() or the next load() puts them in force. `code`: what has to come over the new way before they stay;
    empty: nothing. Returns what the changes need. ConfigError, OSError.
    """
    checked = _checked(config, values)
    # All of it together may be more than this board can hold. What it has from before this was looked at it keeps.
    with overlay.use("check"):
        from firmware.config import needs

        needs.check(config, {each[0]: each[1] for each in checked})
    direct = []
    for each in checked:
        if seconds and each[2] in ("link", "way"):
            config.staged[each[0]] = each[1]
            config.trial_seconds = seconds
            config.code = code or config.code
        else:
            direct.append(each)
    if direct:
        _set(config, direct)
        save(config)
    if len(direct) < len(checked):
        _keep(config)
    return [each[2] for each in checked]


def save(config):
    """Write the file; the one before stays as the last good one. A power cut leaves one of the two. OSError."""
    if config.path:
        values = config.values
        values[files.NUMBER] = files.DEFAULTS
        try:
            files.write(config, "", values)
        finally:
            del values[files.NUMBER]


# --- trial


def _keep(config):
    """Bring the file of what is staged in line with it. OSError."""
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


def begin_trial(config):
    """Put what is staged in force; the file keeps the old values. A restart before confirm() takes it back."""
    if config.staged:
        config.trying = config.trial_seconds
        _keep(config)


def restage(config):
    """What is staged or on trial waits for the next load() and is on trial from then on. OSError."""
    config.trying = 0
    _keep(config)


def confirm(config):
    """What was on trial is good. OSError."""
    if not config.trying:
        return
    for full in config.staged:
        value = config.staged[full]
        put(config, full, value, value == settings.default(settings.row_of(config, full)[0]))
    save(config)
    expire(config)


def expire(config):
    """Take back what is staged or on trial; returns the names."""
    names = sorted(config.staged)
    config.staged = {}
    config.trying = 0
    _keep(config)
    return names


# --- load


def load(config):
    """Read the files. A damaged one costs its last change, a bad value itself only; `problems` tells.

    Values on trial that were waiting for a restart come into force, once: see change().
    """
    if config.path:
        with overlay.use("check"):
            _load(config)


def _load(config):
    stored = files.load(config)
    # A device whose file has no number was made under the first defaults; one without a file is new.
    number = files.DEFAULTS
    if stored is None:
        stored = {}
    else:
        number = stored.pop(files.NUMBER, 1)
    backup = None
    for name in list(stored):
        # Not twice in the heap.
        value = stored.pop(name)
        try:
            _take(config, name, value)
        except ConfigError as error:
            files.problem(config, str(error))
            if backup is None:
                backup = files.read(config, ".bak") or {}
            _take_old(config, name, backup)
    if not isinstance(number, int) or number < files.DEFAULTS:
        files.keep_defaults(config)
    _begin_stored(config)


def _take(config, name, value):
    # Our names only: a file full of rubbish must not cost a search of the whole table for each.
    found, index, error = settings.find(name, False)
    if error:
        raise ConfigError(error)
    full = _same(settings.key(found, index), name)
    with overlay.use("check"):
        from firmware.config.check import check

    value = check(found, full, value)
    put(config, full, value, value == settings.default(found))


def _take_old(config, name, backup):
    """Instead of a bad value the one the last good file has, if that one is good."""
    try:
        if name in backup:
            _take(config, name, backup[name])
    except ConfigError:
        pass  # the default then; the first problem has been told


def _begin_stored(config):
    """What was staged before the restart comes into force; what was in force then has failed."""
    stored = files.read(config, files.TRIAL)
    if stored is None:
        return
    try:
        values, seconds = dict(stored["values"]), int(stored["seconds"])
        config.code = str(stored.get("code", ""))
        if not stored["tried"] and 0 < seconds < 1 << 20:
            for each in _checked(config, values):
                config.staged[each[0]] = each[1]
            config.trial_seconds = seconds
            begin_trial(config)
            return
        files.problem(config, "not confirmed, taken back: " + ", ".join(sorted(values)))
    except (KeyError, TypeError, ValueError, ArithmeticError, OSError) as error:
        files.problem(config, "the settings on trial are not usable: %s" % error)
    expire(config)
