"""The settings: defaults, a JSON file over them, and a file that is never half written.

The file holds flat names and only what differs from the defaults (how it is kept: configfile.py). Beside it stands
`.trial`: changes that could cut the device off and have not proved themselves yet.
The table is in settings.py, the checks are in configcheck.py, TITAN's text form is in configtext.py.
"""

from firmware import settings
from firmware.configcheck import ConfigError, check, distinct, is_secret
from firmware.configfile import Files

__all__ = ("Config", "ConfigError")


def _split(name):
    """("meter.id", 3) of "meter.3.id"; index None where there is none."""
    parts = name.split(".")
    if len(parts) == 3 and len(parts[1]) == 1 and parts[1] in "0123456789":
        return parts[0] + "." + parts[2], int(parts[1])
    return name, None


def _row(name, index=None, heritage=True):
    """(row, index) of a full name, ours or the heritage one, in any case. ConfigError."""
    base, found = _split(name.lower())
    row = settings.row(base)
    if not row and heritage:
        row, found = settings.by_titan(name)
    if not row:
        shown = "".join(c if 32 < ord(c) < 127 else "?" for c in name[:40])
        raise ConfigError("there is no setting %s" % shown)
    index = found if index is None else index
    group = settings.GROUPS.get(row[0].split(".")[0])
    if group:
        first, count = group
        index = first if index is None else index
        if not first <= index < first + count:
            raise ConfigError(
                "%s: number %d is not %d to %d" % (row[0], index, first, first + count - 1)
            )
    elif index is not None:
        raise ConfigError("%s exists once; it has no number" % row[0])
    return row, index


def _key(row, index):
    if index is None:
        return row[0]
    group, field = row[0].split(".")
    return "%s.%d.%s" % (group, index, field)


def _default(row):
    if row[2] == "bool":
        return row[4] == "on"
    return int(row[4]) if row[2] == "int" else row[4]


class Config:
    """`path` None keeps the settings in memory only.

    `problems`: what was wrong with the files, in words. `restart`: names whose new values wait for a restart.
    `trying`: seconds the values on trial have to prove themselves (0: none are in force); `staged`: names -> values
    on trial, whether in force or not yet.
    """

    def __init__(self, path=None):
        self._files = Files(path) if path else None
        self._values = {}
        self.staged = {}
        self.trying = 0
        self._seconds = 0
        self.problems = self._files.problems if path else []
        self.restart = []
        self.expansions = {}  # what [IMEI], [ID] and [P] stand for

    # --- files

    def load(self):
        """Read the files. A damaged one costs its last change, a bad value itself only; `problems` tells.

        Values on trial that were waiting for a restart come into force, once: see change().
        """
        if not self._files:
            return
        stored = self._files.load() or {}
        backup = None
        for name in stored:
            try:
                self._take(name, stored[name])
            except ConfigError as error:
                self._files.problem(str(error))
                if backup is None:
                    backup = self._files.read(".bak") or {}
                self._take_old(name, backup)
        self._begin_stored_trial()

    def _take(self, name, value):
        row, index = _row(name, None, False)
        key = _key(row, index)
        self._put(self._values, row, key, check(row, key, value))

    def _take_old(self, name, backup):
        """Instead of a bad value the one the last good file has, if that one is good."""
        try:
            if name in backup:
                self._take(name, backup[name])
        except ConfigError:
            pass  # the default then; the first problem has been told

    def _put(self, values, row, key, value):
        if value == _default(row):
            values.pop(key, None)
        else:
            values[key] = value

    def save(self):
        """Write the file; the one before stays as the last good one. A power cut leaves one of the two. OSError."""
        if self._files:
            self._files.write(self._values)

    # --- values

    def get(self, name, index=None):
        """The value in force of `name` ("mqtt.qos", "meter.3.id", or "meter.id" with its index)."""
        row, index = _row(name, index)
        key = _key(row, index)
        if self.trying and key in self.staged:
            return self.staged[key]
        return self._values[key] if key in self._values else _default(row)

    def text(self, name, masked=True):
        """The value as it was set last and as GETPARAM shows it; secrets as ***."""
        row, index = _row(name)
        key = _key(row, index)
        value = self.staged[key] if key in self.staged else self.get(key)
        if masked and is_secret(row):
            return "***" if value else ""
        if row[2] == "bool":
            return "on" if value else "off"
        return str(value)

    def set(self, name, value, index=None):
        """Check and take one value; returns what the change needs ("", "restart" or "link"). ConfigError."""
        key = _key(*_row(name, index))
        return self.set_many({key: value})[0]

    def set_many(self, values):
        """Take all of a dict or, with a ConfigError, none; returns the list of what the changes need."""
        checked = self._checked(values)
        for row, key, value in checked:
            if key in self.staged:
                del self.staged[key]
                self._keep_trial()
            self._put(self._values, row, key, value)
        return [row[5] for row, _, _ in checked]

    def _checked(self, values):
        checked = []
        for name in values:
            row, index = _row(name)
            key = _key(row, index)
            checked.append((row, key, check(row, key, values[name])))
        news = {key: value for _, key, value in checked}
        distinct(lambda key: news[key] if key in news else self.get(key), news)
        return checked

    def key(self, name):
        """Our full name of a setting given by any name. ConfigError."""
        return _key(*_row(name))

    def row(self, name):
        """(row of the table, index or None) of a setting given by any name. ConfigError."""
        return _row(name)

    def changed(self):
        """Names of the settings that differ from their defaults, sorted."""
        return sorted(self._values)

    def is_secret(self, name):
        """Whether the value of `name` must not be shown. ConfigError."""
        return is_secret(_row(name)[0])

    def mask(self, text):
        """`text` with the secrets this device knows as ***."""
        for values in (self._values, self.staged):
            for key in values:
                if values[key] and is_secret(_row(key)[0]):
                    secret = str(values[key])
                    # Short ones would hit numbers and words that mean something else.
                    if len(secret) < 4:
                        secret = '"%s"' % secret
                    text = text.replace(secret, "***")
        return text

    def expand(self, text, meter=None):
        """Put what they stand for in the place of [IMEI], [P] and [ID] (of the meter with that index)."""
        for name in self.expansions:
            value = self.expansions[name]
            if name == "ID" and meter is not None:
                value = self.get("meter.id", meter) or "ID%05d" % meter
            text = text.replace("[%s]" % name, value)
        return text

    # --- changes on trial

    def change(self, values, seconds=0):
        """Take all of `values` or none, and save. With `seconds` those that could cut the device off are staged.

        Returns the list of what the changes need. ConfigError, OSError.
        """
        checked = self._checked(values)
        direct = {}
        for row, key, value in checked:
            if row[5] == "restart" and self.get(key) != value and key not in self.restart:
                self.restart.append(key)
            if seconds and row[5] == "link":
                self.staged[key] = value
                self._seconds = seconds
            else:
                direct[key] = value
        if direct:
            self.set_many(direct)
            self.save()
        self._keep_trial()
        return [row[5] for row, _, _ in checked]

    def trial(self, values, seconds):
        """Stage `values` and put them in force for `seconds`: then confirm() or expire(). ConfigError."""
        for _, key, value in self._checked(values):
            self.staged[key] = value
        self._seconds = seconds
        self.begin_trial()

    def begin_trial(self):
        """Put what is staged in force; the file keeps the old values. A restart before confirm() takes it back."""
        if self.staged:
            self.trying = self._seconds
            self._keep_trial()

    def confirm(self):
        """The device is online: what was on trial is good."""
        if not self.trying:
            return
        for key in self.staged:
            self._put(self._values, _row(key)[0], key, self.staged[key])
        self.save()
        self._drop_trial()

    def expire(self):
        """Take back what is staged or on trial; returns the names."""
        names = sorted(self.staged)
        self._drop_trial()
        return names

    def _drop_trial(self):
        self.staged = {}
        self.trying = 0
        self._keep_trial()

    def _keep_trial(self):
        """Bring the file in line with what is staged."""
        if self._files and self.staged:
            data = {"seconds": self._seconds, "tried": self.trying > 0, "values": self.staged}
            self._files.write(data, ".trial")
        elif self._files:
            self._files.remove(".trial")

    def _begin_stored_trial(self):
        """What was staged before the restart comes into force; what was in force then has failed."""
        stored = self._files.read(".trial")
        if stored is None:
            return
        try:
            values, seconds = dict(stored["values"]), int(stored["seconds"])
            if not stored["tried"] and 0 < seconds < 1 << 20:
                self.trial(values, seconds)
                return
            self._files.problem("not confirmed, taken back: " + ", ".join(sorted(values)))
        except (KeyError, TypeError, ValueError, ArithmeticError, OSError) as error:
            self._files.problem("the settings on trial are not usable: %s" % error)
        self._drop_trial()
