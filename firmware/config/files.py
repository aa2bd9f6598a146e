"""The files of the settings: read with suspicion, written so that a power cut leaves the old one or the new one.

Beside the file itself: `.bak`, the good one before it; `.new`, one that is being written; and what edit.py
keeps with a suffix of its own. `config` gives `path`, `problems` and `damaged`.
"""

import json
import os

from firmware.core import overlay

# The name under which the settings' file has the number of the defaults it was made under, and today's number.
NUMBER = "defaults"
DEFAULTS = 2
# Where what is on trial stands.
TRIAL = ".trial"
_LARGEST = 32768
_MOST_PROBLEMS = 20


def problem(config, text):
    if len(config.problems) < _MOST_PROBLEMS:
        config.problems.append(text)


def load(config):
    """The newest good dict, or None."""
    found = read(config, "")
    if found is not None:
        return found
    if config.problems:
        config.damaged = True
        found = read(config, ".bak")
        which = "default" if found is None else "last good"
        problem(config, "the %s settings are used" % which)
        return found
    # No file: the power may have gone between the two renames of write(); then .new is complete.
    found = read(config, ".new")
    return read(config, ".bak") if found is None else found


def read(config, suffix):
    """The dict in a file, or None: there is no such file, or it is damaged, which `problems` tells."""
    path = config.path + suffix
    try:
        if os.stat(path)[6] > _LARGEST:
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
    path = config.path
    new = path + ".new"
    with open(new, "w") as file:
        json.dump(data, file)
    if not suffix and not config.damaged:
        try:
            os.rename(path, path + ".bak")
        except OSError:
            pass  # there was none yet
    os.rename(new, path + suffix)
    if not suffix:
        config.damaged = False


def remove(config, suffix):
    try:
        os.remove(config.path + suffix)
    except OSError:
        pass  # there is none
