"""The files of the settings: read with suspicion, written so that a power cut leaves the old one or the new one.

Beside the file itself: `.bak`, the good one before it; what changes.py keeps with a suffix of its own; and with `.new`
behind either, one that is being written. `config` gives `path`, `problems` and `damaged`.

A device that was made under older defaults keeps them: they become values of its file at the first start.
"""

import json
import os
from binascii import crc32

from firmware.core import overlay
from firmware.core.compat import copy, renew

# The name under which the settings' file has the number of the defaults it was made under, and today's number.
NUMBER = const("defaults")
DEFAULTS = const(2)
# How the names of secrets end, as in settings.py.
_SECRETS = const(("password", "key", "pin", "header1", "header2"))
# Where what is on trial stands.
TRIAL = const(".trial")
_LARGEST = const(32768)
_MOST_PROBLEMS = const(20)
# Setting and its default as long as config.json had no number.
_FIRST = const(
    (
        ("mqtt.commands", "view,meter,setup,modem,REBOOT,UPDATE"),
        ("sms.commands", "view,meter,REBOOT"),
        ("device.confirm", False),
        ("update.verify", False),
        ("mqtt.keepalive_max", 0),
    )
)
_LISTS = const(("console.commands", "port.1.commands", "port.2.commands", "mqtt.commands", "sms.commands"))
# What let a channel move the way out, before that had a role of its own.
_CHANGES = const((("SETPARAM", "SETUP"), ("SAVECONFIG", "SETUP")))
_WAY = const(",way")
# What a list may have of letters, with `way` in it as well.
_LONGEST = const(200)


def problem(config, text):
    if len(config.problems) < _MOST_PROBLEMS:
        config.problems.append(text)


def load(config):
    """The newest good dict, or None."""
    found = read(config, "")
    if found is not None:
        return found
    config.damaged = True
    told = len(config.problems)
    # None, or an empty one: the power may have gone when it was to be made, or between two renames of the first
    # release; then .new is complete. Half of one: .bak was complete before that.
    for suffix in (".bak", ".new") if told else (".new", ".bak"):
        found = read(config, suffix)
        if found is not None:
            break
    if not told:
        if found is None or suffix == ".new":
            return found
        problem(config, "%s is damaged" % config.path)
    problem(config, "the %s settings are used" % ("default" if found is None else "last good"))
    return found


def read(config, suffix):
    """The dict in a file, or None: there is no such file, it is empty, or it is damaged, which `problems` tells."""
    path = config.path + suffix
    try:
        size = os.stat(path)[6]
        if not size:
            return None
        if size > _LARGEST:
            raise ValueError("too large")
        with overlay.attempt, open(path) as file:
            stored = json.load(file)
            if isinstance(stored, dict):
                return stored
    except OSError:
        return None
    except (ValueError, RuntimeError):
        pass  # told below: whatever the parser stumbles over, the file is no good
    problem(config, "%s is damaged" % path)
    return None


def write(config, suffix, data):
    """OSError when the flash does not take it; the old file is then still there."""
    path = config.path + suffix
    with open(path + ".new", "w") as file:
        json.dump(data, file)
    if not suffix and not config.damaged:
        try:
            copy(path, path + ".bak")
        except OSError:
            pass  # there was none yet
    renew(path)
    if not suffix:
        config.damaged = False


def digest(config):
    """Eight hexadecimal digits that change with the settings in force, secrets aside; the same for equal ones."""
    packed = config._values is None
    values = dict(config.values)
    if packed:
        config.release()  # else somebody works with them
    if config.trying:
        values.update(config.staged)
    found = [[name, values[name]] for name in sorted(values) if name.split(".")[-1] not in _SECRETS]
    return "%08x" % crc32(json.dumps(found).encode())


def remove(config, suffix):
    try:
        os.remove(config.path + suffix)
    except OSError:
        pass  # there is none


def keep_defaults(config):
    """Write the old defaults down where the file had nothing of its own, or nothing of use.

    What the flash does not take is in force all the same, and tried again at the next start.
    """
    for name, value in _FIRST:
        if name not in config.values:
            config.values[name] = value
    for name in _LISTS:
        words = config.get(name)
        if any(_last(words, fits) for fits in _CHANGES) and not _last(words, ("WAY",)):
            if len(words) + len(_WAY) > _LONGEST:
                words = words.replace(" ", "")
            if len(words) + len(_WAY) > _LONGEST:
                problem(config, "%s has no room for the right %s" % (name, _WAY[1:]))
            else:
                config.values[name] = words + _WAY
    try:
        config.save()
    except OSError as error:
        problem(config, "the settings could not be written anew: %s" % error)


def _last(words, fits):
    """Whether a list of rights lets one of `fits` pass, as firmware.commands.grammar.allowed() reads such a list."""
    good = False
    for word in words.upper().split(","):
        word = word.strip()
        bare = word.lstrip("-").strip()
        if bare == "*" or bare in fits:
            good = bare == word
    return good


def open_channels(config):
    """Names ("mqtt", "sms") of the channels that take commands with the rights of the older defaults."""
    found = []
    for name, words in _FIRST[:2]:
        channel = name.split(".")[0]
        if config.get(name) not in (words, words + _WAY):
            continue
        switches = ("sms.enabled",) if channel == "sms" else ("mqtt.at_topic", "mqtt.at_topic2")
        if any(config.get(switch) for switch in switches):
            found.append(channel)
    return found
