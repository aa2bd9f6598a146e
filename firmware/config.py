"""The settings: what was set over the defaults, and changes that have yet to prove themselves.

The file holds flat names and only what differs from the defaults. Only what a running device needs stays in memory:
the table (settings.py), the checks (configcheck.py), all that changes settings (configedit.py), the files
(configfile.py) and TITAN's text form (configtext.py) are loaded when they are wanted and dropped afterwards.
"""

from firmware.port import unload

_EDIT = (
    "firmware.configedit",
    "firmware.configcheck",
    "firmware.configfile",
    "firmware.configtext",
)
_LOOK_UP = ("firmware.settings", "firmware.settings_help")


class ConfigError(ValueError):
    """A setting was refused; the text names it, the value and what is allowed."""


def use(name):
    """The module firmware.`name`, loaded if it is not."""
    return __import__("firmware." + name, None, None, (name,))


def number(text, least, most):
    """`text` as an int from `least` to `most`, or None. Nothing but digits: no sign, no blanks within."""
    if not 0 < len(text) <= 10 or any(c not in "0123456789" for c in text):
        return None
    value = int(text)
    return value if least <= value <= most else None


class Config:
    """`path` None keeps the settings in memory only.

    `problems`: what was wrong with the files, in words. `restart`: names whose new values wait for a restart.
    `trying`: seconds the values on trial have to prove themselves (0: none are in force); `staged`: names -> values
    on trial, whether in force or not yet.
    """

    def __init__(self, path=None):
        self.path = path
        self.values = {}  # full name -> value, where it is not the default
        self.staged = {}
        self.trying = 0
        self.trial_seconds = 0
        self.damaged = False  # the file; it must not become the last good one
        self.problems = []
        self.restart = []
        self.expansions = {}  # what [IMEI], [ID] and [P] stand for
        self._released = False
        self._seen = {}  # defaults that were asked for since release()

    def load(self):
        """Read the files. A damaged one costs its last change, a bad value itself only; `problems` tells.

        Values on trial that were waiting for a restart come into force, once: see change().
        """
        if self.path:
            self._edit("load")

    def release(self):
        """Take the table out of memory: called when start-up has looked up its settings, and after a command."""
        unload(*_EDIT)
        unload(*_LOOK_UP)
        self._released = True

    def _edit(self, what, *args):
        try:
            return getattr(use("configedit"), what)(self, *args)
        finally:
            unload(*_EDIT)

    def get(self, name, index=None):
        """The value in force of `name` ("mqtt.qos", "meter.3.id", or "meter.id" with its index)."""
        if index is not None:
            group, _, field = name.partition(".")
            name = "%s.%d.%s" % (group, index, field)
        if self.trying and name in self.staged:
            return self.staged[name]
        if name in self.values:
            return self.values[name]
        if name in self._seen:
            return self._seen[name]
        row, index = self.row(name)
        key = use("settings").key(row, index)
        if key != name:
            return self.get(key)
        value = use("settings").default(row)
        if self._released:
            # Few are asked for all the time; they must not cost a look at the table each.
            self._seen[name] = value
        return value

    def row(self, name, index=None):
        """(row of the table, index or None) of a setting given by any name. ConfigError."""
        row, index, error = use("settings").find(name, index)
        if error:
            raise ConfigError(error)
        return row, index

    def key(self, name):
        """Our full name of a setting given by any name. ConfigError."""
        return use("settings").key(*self.row(name))

    def is_secret(self, name):
        """Whether the value of `name` must not be shown. ConfigError."""
        return self.row(name)[0][2] in ("secret", "code")

    def text(self, name, masked=True):
        """The value as it was set last and as GETPARAM shows it; secrets as ***. ConfigError."""
        key = self.key(name)
        value = self.staged[key] if key in self.staged else self.get(key)
        if value and masked and self.is_secret(key):
            return "***"
        if isinstance(value, bool):
            return "on" if value else "off"
        return str(value)

    def expand(self, text, meter=None):
        """Put what they stand for in the place of [IMEI], [P] and [ID] (of the meter with that index)."""
        for name in self.expansions:
            value = self.expansions[name]
            if name == "ID" and meter is not None:
                value = self.get("meter.id", meter) or "ID%05d" % meter
            text = text.replace("[%s]" % name, value)
        return text

    def changed(self):
        """Names of the settings that differ from their defaults, sorted."""
        return sorted(self.values)

    # --- changes; the work is done in configedit.py

    def set(self, name, value, index=None):
        """Check and take one value; returns what the change needs ("", "restart" or "link"). ConfigError."""
        key = use("settings").key(*self.row(name, index))
        return self.set_many({key: value})[0]

    def set_many(self, values):
        """Take all of a dict or, with a ConfigError, none; returns the list of what the changes need."""
        return self._edit("set_many", values)

    def save(self):
        """Write the file; the one before stays as the last good one. A power cut leaves one of the two. OSError."""
        if self.path:
            self._edit("save")

    def change(self, values, seconds=0):
        """Take all of `values` or none, and save. With `seconds` those that could cut the device off are staged:

        begin_trial() or the next load() puts them in force. Returns what the changes need. ConfigError, OSError.
        """
        return self._edit("change", values, seconds)

    def trial(self, values, seconds):
        """Put `values` in force for `seconds`: then confirm() or expire(). ConfigError, OSError."""
        self._edit("trial", values, seconds)

    def begin_trial(self):
        """Put what is staged in force; the file keeps the old values. A restart before confirm() takes it back."""
        self._edit("begin_trial")

    def confirm(self):
        """The device is online: what was on trial is good. OSError."""
        if self.trying:
            self._edit("confirm")

    def expire(self):
        """Take back what is staged or on trial; returns the names."""
        return self._edit("expire")

    # --- as text; the work is done in configtext.py

    def dump(self, masked=True, prefix=""):
        """Yield `NAME: value` lines, heritage names; only names, ours or theirs, that begin with `prefix`."""
        return use("configtext").dump(self, masked, prefix)

    def import_text(self, text, seconds=0):
        """Take a text of `NAME: value` lines, all or nothing; returns the configtext.Importer. ConfigError."""
        return use("configtext").import_text(self, text, seconds)

    def mask(self, text):
        """`text` with the secrets this device knows as ***."""
        return use("configtext").mask(self, text)
