"""Config.load(): the settings from their files, whatever is in these."""

from firmware.config import files, older, settings
from firmware.config.edit import put
from firmware.config.trial import expire, trial
from firmware.core import overlay
from firmware.core.errors import ConfigError


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
    for name in stored:
        try:
            _take(config, name, stored[name])
        except ConfigError as error:
            files.problem(config, str(error))
            if backup is None:
                backup = files.read(config, ".bak") or {}
            _take_old(config, name, backup)
    if not isinstance(number, int) or number < files.DEFAULTS:
        older.keep(config)
    _begin_stored(config)


def _take(config, name, value):
    # Our names only: a file full of rubbish must not cost a search of the whole table for each.
    found, index, error = settings.find(name, None, False)
    if error:
        raise ConfigError(error)
    full = settings.key(found, index)
    with overlay.use("check"):
        from firmware.config.check import check

    put(config, found, full, check(found, full, value))


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
            trial(config, values, seconds)
            return
        files.problem(config, "not confirmed, taken back: " + ", ".join(sorted(values)))
    except (KeyError, TypeError, ValueError, ArithmeticError, OSError) as error:
        files.problem(config, "the settings on trial are not usable: %s" % error)
    expire(config)
