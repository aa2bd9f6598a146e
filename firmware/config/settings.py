"""The table of every setting: one line each, and nothing else knows their names, ranges or defaults.

The lines are in settings_table.py: `name|heritage name|type|limits|default|when|help`, the name without its group,
`when` a change is in force: at once (nothing), after a `restart`, or it is a `link` change that could cut the
device off; one that moves the way out (`way`) is such a change, too, and has a role of its own. Types (checked in
check.py): `int` (limits: least, most), `bool`, `choice` (limits: the choices), and of at most `limits` characters
`str`, `secret`, `word` (no blanks, nothing that means something in a topic or a command), `topic` (no wildcards),
`list` (words and commas), `broker`, `url` and `ftp` (URIs); `code` is a secret number (limits as of an int).

The heritage name is the one of TITAN or of its predecessor, MTX-Tunnel, where one is known (TITAN reference 1.2).
One in its style that we made up has a `~` before it, or is not there at all: then `titan()` derives it.

Names that begin with `port.` exist twice and those that begin with `meter.` eight times: `port.1.baud`,
`meter.0.id`. Texts, not tuples: they cost a board a fifth of the RAM. The help is told by help.py, which is only
loaded when somebody asks; a board has it nowhere else (tools/columns.py).
"""

from firmware.config.settings_table import TABLES
from firmware.core.errors import ConfigError

MAX_METERS = const(8)
MAX_PORTS = const(2)
# How the names of secrets end.
_SECRET = const(("password", "key", "pin", "header1", "header2"))
# The groups in the order of the reference.
NAMES = [
    "device", "console", "uplink", "mqtt", "http", "ftp", "tls", "update", "ha", "data", "sms", "ntp", "page", "port",
    "meter", "iec102", "logger", "limit", "audit",
]  # fmt: skip
# Group -> (number of the first, how many).
GROUPS = {"meter": (0, MAX_METERS), "port": (1, MAX_PORTS)}
# Group -> what its derived heritage names begin with, where it is not the group's own name.
_PREFIX = const("meter=IEC102 port=COMM uplink=GPRS ntp=MTX_TP http=WEB ")
# What heritage names begin with -> the groups to look in.
_HOMES = const("comm=port gprs=uplink wifi=uplink web=http mtx=port,uplink,logger,ntp dns=mqtt iec102=meter,iec102 ")


def _map(text, name):
    """What stands behind `name=` in `text`, or the name itself."""
    at = (" " + text).find(" " + name + "=")
    return text[at + len(name) + 1 : text.find(" ", at)] if at >= 0 else name


def row(name):
    """[name, heritage name, type, limits, default, when] of a setting by our name in lower case, or None."""
    group, _, field = name.partition(".")
    if group not in NAMES or not field:
        return None
    table = TABLES[group]
    at = table.find("\n" + field + "|")
    if at < 0:
        return None
    found = table[at + 1 : table.find("\n", at + 1)].split("|", 6)
    if found[0] != field:
        return None
    found[0] = name
    return found


def rows(groups=NAMES):
    """Every row in the order of the table."""
    for group in groups:
        table = TABLES[group]
        at = 1
        while at < len(table):
            end = table.find("\n", at)
            found = table[at:end].split("|", 6)
            found[0] = group + "." + found[0]
            yield found
            at = end + 1


def find(name, heritage=True):
    """(row, index, "") of a full name, ours or the heritage one, in any case; or (None, None, what is wrong)."""
    base, index = _split(name.lower())
    line = row(base)
    if not line and heritage:
        line, index = by_titan(name)
    if not line:
        shown = "".join(c if 32 < ord(c) < 127 else "?" for c in name[:40])
        return None, None, "there is no setting " + shown
    group = GROUPS.get(line[0].split(".")[0])
    if group:
        first, count = group
        index = first if index is None else index
        if not first <= index < first + count:
            last = first + count - 1
            return None, None, "%s: number %d is not %d to %d" % (line[0], index, first, last)
    elif index is not None:
        return None, None, line[0] + " exists once; it has no number"
    return line, index, ""


def _split(name):
    """("meter.id", 3) of "meter.3.id"; index None where there is none."""
    parts = name.split(".")
    if len(parts) == 3 and len(parts[1]) == 1 and parts[1] in "0123456789":
        return parts[0] + "." + parts[2], int(parts[1])
    return name, None


def number(text, least, most):
    """`text` as an int from `least` to `most`, or None. Nothing but digits: no sign, no blanks within."""
    if not 0 < len(text) <= 10 or text.strip("0123456789"):
        return None
    value = int(text)
    return value if least <= value <= most else None


def key(found, index):
    """The full name: `meter.3.id` of its row and 3."""
    if index is None:
        return found[0]
    group, field = found[0].split(".")
    return "%s.%d.%s" % (group, index, field)


def secret(found):
    """Whether the value of a row must not be shown."""
    return found[2] in ("secret", "code")


def default(found):
    if found[2] == "bool":
        return found[4] == "on"
    return int(found[4]) if found[2] == "int" else found[4]


def titan(found, index=None):
    """The heritage name of a row: `COMM_baudrate`, `COMM2_baudrate`; `IEC102_id`, `IEC102_id1`."""
    name = found[1].lstrip("~")
    group, field = found[0].split(".")
    if not name:
        words = field.split("_")
        name = words[0] + "".join(word[0].upper() + word[1:] for word in words[1:])
        prefix = _map(_PREFIX, group)
        name = (group.upper() if prefix == group else prefix) + "_" + name
    if index is None or index == GROUPS[group][0]:
        return name
    return "COMM2_" + name[5:] if name.startswith("COMM_") else name + str(index)


def by_titan(name):
    """(row, index or None) of a heritage name in any case; (None, None) if there is no such setting."""
    wanted = name.lower()
    if wanted.startswith("comm2_"):
        return _by_titan("comm_" + wanted[6:], ["port"]), 2
    home = wanted.partition("_")[0]
    groups = _map(_HOMES, home).split(",")
    found = _by_titan(wanted, groups)
    if not found and wanted[-1:] in "0123456789":
        found = _by_titan(wanted[:-1], groups)
        if found and found[0].split(".")[0] in GROUPS:
            return found, int(wanted[-1])
        found = None
    return found, None


def _by_titan(wanted, groups):
    for group in groups:
        if group in NAMES:
            for found in rows((group,)):
                if titan(found).lower() == wanted:
                    return found
    return None


# --- what shows them: each public function is a method of Config, `config` being itself


def row_of(config, name):
    """(row of the table, index or None) of a setting given by any name. ConfigError."""
    found, index, error = find(name)
    if error:
        raise ConfigError(error)
    return found, index


def key_of(config, name):
    """Our full name of a setting given by any name. ConfigError."""
    return key(*row_of(config, name))


def text(config, name, masked=True):
    """The value as it was set last and as GETPARAM shows it; secrets as ***. ConfigError."""
    found, index = row_of(config, name)
    full = key(found, index)
    # Not through get(), which remembers what is asked for.
    value = config.values.get(full, config.own.get(full, default(found)))
    value = config.staged.get(full, value)
    if value and masked and secret(found):
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
        "port": range(1, MAX_PORTS + 1),
        "meter": [index for index in range(MAX_METERS) if not index or _set_up(config, index)],
    }
    for found in rows():
        lines = []
        for index in numbers.get(found[0].split(".")[0], (None,)):
            full = key(found, index)
            name = titan(found, index)
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
