"""What shows the settings: each public function here is a method of Config, `config` being itself.

The text form are `NAME: value` lines with heritage names, as TITAN's predecessor writes them.
"""

from firmware.config import settings
from firmware.core.errors import ConfigError

# How the names of secrets end.
_SECRET = const(("password", "key", "pin"))


def row(config, name):
    """(row of the table, index or None) of a setting given by any name. ConfigError."""
    found, index, error = settings.find(name)
    if error:
        raise ConfigError(error)
    return found, index


def key(config, name):
    """Our full name of a setting given by any name. ConfigError."""
    return settings.key(*row(config, name))


def text(config, name, masked=True):
    """The value as it was set last and as GETPARAM shows it; secrets as ***. ConfigError."""
    found, index = row(config, name)
    full = settings.key(found, index)
    # Not through get(), which remembers what is asked for.
    value = config.values.get(full, config.own.get(full, settings.default(found)))
    value = config.staged.get(full, value)
    if value and masked and settings.secret(found):
        return "***"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def dump(config, masked=True, prefix=""):
    """Yield a list of `NAME: value` lines, heritage names, of each setting: to look at all takes a board a second.

    Only names, ours or theirs, that begin with `prefix`. Of the meters those that are set up, and always the first.
    """
    wanted = prefix.lower()
    numbers = {
        "port": range(1, settings.MAX_PORTS + 1),
        "meter": [index for index in range(settings.MAX_METERS) if not index or _set_up(config, index)],
    }
    for found in settings.rows():
        lines = []
        for index in numbers.get(found[0].split(".")[0], (None,)):
            full = settings.key(found, index)
            name = settings.titan(found, index)
            if name.lower().startswith(wanted) or full.startswith(wanted):
                lines.append("%s: %s" % (name, text(config, full, masked)))
        yield lines


def _set_up(config, index):
    start = "meter.%d." % index
    return any(key.startswith(start) for key in config.values)


def mask(config, words):
    """`words` with the secrets this device knows as ***."""
    for values in (config.values, config.staged):
        for full in values:
            # By their names: the tables need not be loaded for every line of an answer.
            if full.split(".")[-1] in _SECRET and values[full]:
                secret = str(values[full])
                # Short ones would hit numbers and words that mean something else.
                if len(secret) < 4:
                    secret = '"%s"' % secret
                words = words.replace(secret, "***")
    return words
