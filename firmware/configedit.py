"""What changes the settings: loading, checking, taking, and changes on trial. Works on a config.Config."""

from firmware import configfile, settings
from firmware.config import ConfigError
from firmware.configcheck import check, distinct

_TRIAL = ".trial"


def load(config):
    """See Config.load()."""
    stored = configfile.load(config) or {}
    backup = None
    for name in stored:
        try:
            _take(config, name, stored[name])
        except ConfigError as error:
            configfile.problem(config, str(error))
            if backup is None:
                backup = configfile.read(config, ".bak") or {}
            _take_old(config, name, backup)
    _begin_stored(config)


def _take(config, name, value):
    # Our names only: a file full of rubbish must not cost a search of the whole table for each.
    row, index, error = settings.find(name, None, False)
    if error:
        raise ConfigError(error)
    key = settings.key(row, index)
    _put(config, row, key, check(row, key, value))


def _take_old(config, name, backup):
    """Instead of a bad value the one the last good file has, if that one is good."""
    try:
        if name in backup:
            _take(config, name, backup[name])
    except ConfigError:
        pass  # the default then; the first problem has been told


def _put(config, row, key, value):
    if value == settings.default(row):
        config.values.pop(key, None)
    else:
        config.values[key] = value


def _checked(config, values):
    """[(row, key, value)] of a dict of names and values; ConfigError."""
    checked = []
    for name in values:
        row, index = config.row(name)
        key = settings.key(row, index)
        checked.append((row, key, check(row, key, values[name])))
    news = {key: value for _, key, value in checked}
    distinct(lambda key: news[key] if key in news else config.get(key), news)
    return checked


def set_many(config, values):
    """See Config.set_many()."""
    return _set(config, _checked(config, values))


def _set(config, checked):
    unstaged = False
    for row, key, value in checked:
        unstaged = config.staged.pop(key, None) is not None or unstaged
        _put(config, row, key, value)
    if unstaged:
        _keep(config)
    return [row[5] for row, _, _ in checked]


def change(config, values, seconds):
    """See Config.change()."""
    checked = _checked(config, values)
    direct = []
    for row, key, value in checked:
        if row[5] == "restart" and config.get(key) != value and key not in config.restart:
            config.restart.append(key)
        if seconds and row[5] == "link":
            config.staged[key] = value
            config.trial_seconds = seconds
        else:
            direct.append((row, key, value))
    if direct:
        _set(config, direct)
        save(config)
    if len(direct) < len(checked):
        _keep(config)
    return [row[5] for row, _, _ in checked]


def save(config):
    """See Config.save()."""
    if config.path:
        configfile.write(config, "", config.values)


def trial(config, values, seconds):
    """See Config.trial()."""
    for _, key, value in _checked(config, values):
        config.staged[key] = value
    config.trial_seconds = seconds
    begin_trial(config)


def begin_trial(config):
    if config.staged:
        config.trying = config.trial_seconds
        _keep(config)


def confirm(config):
    for key in config.staged:
        _put(config, config.row(key)[0], key, config.staged[key])
    save(config)
    expire(config)


def expire(config):
    names = sorted(config.staged)
    config.staged = {}
    config.trying = 0
    _keep(config)
    return names


def _keep(config):
    """Bring the file in line with what is staged."""
    if config.path and config.staged:
        data = {
            "seconds": config.trial_seconds,
            "tried": config.trying > 0,
            "values": config.staged,
        }
        configfile.write(config, _TRIAL, data)
    elif config.path:
        configfile.remove(config, _TRIAL)


def _begin_stored(config):
    """What was staged before the restart comes into force; what was in force then has failed."""
    stored = configfile.read(config, _TRIAL)
    if stored is None:
        return
    try:
        values, seconds = dict(stored["values"]), int(stored["seconds"])
        if not stored["tried"] and 0 < seconds < 1 << 20:
            trial(config, values, seconds)
            return
        configfile.problem(config, "not confirmed, taken back: " + ", ".join(sorted(values)))
    except (KeyError, TypeError, ValueError, ArithmeticError, OSError) as error:
        configfile.problem(config, "the settings on trial are not usable: %s" % error)
    expire(config)
