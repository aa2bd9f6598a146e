"""The settings: what was set over the defaults, and changes that have yet to prove themselves.

The file holds flat names and only what differs from the defaults. Only what a running device needs stays in memory:
the tables (settings.py) and what reads, changes and shows settings (the other modules here) are loaded when they are
wanted and dropped afterwards.
"""

import json

from firmware.core import overlay
from firmware.core.errors import ConfigError

# Bytes; the buffers of a session with the broker are made for it.
LONGEST_TOPIC = const(250)
# Defaults that are kept at hand between two commands.
_MOST_SEEN = const(8)


class Config:
    """`path` None keeps the settings in memory only.

    `problems`: what was wrong with the files, in words.
    `trying`: seconds the values on trial have to prove themselves (0: none are in force); `staged`: names -> values
    on trial, whether in force or not yet; `code`: what has to come over the new way before they stay. `expansions`:
    what [IMEI], [ID] and [P] stand for. `own`: defaults of this board alone, by their names.

    What its methods do beside get(), expand() and release() stands in the modules changes and text.
    """

    def __init__(self, path=None, own={}):  # noqa: B006  only read
        self.path = path
        self.own = own
        self._values = {}
        # They while nobody works with them: a line `name value-as-JSON` each, in a third of the room. One is found
        # without reading the others.
        self._packed = "\n"
        self.staged = {}
        self.trying = 0
        self.trial_seconds = 0
        self.code = ""
        self.damaged = False  # the file; it must not become the last good one
        self.problems = []
        self.expansions = {}
        self._released = False
        self._seen = {}  # what was asked for since release()

    @property
    def values(self):
        """Full name -> value, where it is not the default; to be changed in place."""
        if self._values is None:
            values = {}
            for line in self._packed.strip().split("\n"):
                name, _, value = line.partition(" ")
                if name:
                    values[name] = json.loads(value)
            self._values = values
        self._seen = {}
        return self._values

    def get(self, name, index=None):
        """The value in force of `name` ("mqtt.qos", "meter.3.id", or "meter.id" with its index). ConfigError."""
        if index is not None:
            group, _, field = name.partition(".")
            name = "%s.%d.%s" % (group, index, field)
        if self.trying and name in self.staged:
            return self.staged[name]
        if name in self._seen:
            return self._seen[name]
        value = None
        if self._values is None:
            at = self._packed.find("\n%s " % name)
            if at >= 0:
                at += len(name) + 2
                value = json.loads(self._packed[at : self._packed.find("\n", at)])
        elif name in self._values:
            return self._values[name]
        if value is None:
            value = self.own.get(name)
        if value is None:
            with overlay.use("settings"):
                from firmware.config import settings

                row, index, error = settings.find(name)
                if error:
                    raise ConfigError(error)
                key = settings.key(row, index)
                if key != name:
                    return self.get(key)
                value = settings.default(row)
        if self._released and self._values is None:
            # Few are asked for all the time; they must not cost a look at the table each.
            self._seen[name] = value
        return value

    def expand(self, text, meter=None):
        """Put what they stand for in the place of [IMEI], [P] and [ID] (of the meter with that index)."""
        for name in self.expansions:
            value = self.expansions[name]
            if name == "ID" and meter is not None:
                value = self.get("meter.id", meter) or "ID%05d" % meter
            text = text.replace("[%s]" % name, value)
        return text

    def release(self):
        """Put the values aside, in little room: when start-up is over, and after each command."""
        self._released = True
        if self._values is not None:
            lines = ["\n"]
            for name in self._values:
                lines.append("%s %s\n" % (name, json.dumps(self._values[name])))
            self._packed = "".join(lines)
            self._values = None
        if len(self._seen) > _MOST_SEEN:
            self._seen = {}

    # --- what loads and changes them

    def _change(self, name, *arguments):
        with overlay.use("change"):
            from firmware.config import changes

            return getattr(changes, name)(self, *arguments)

    def load(self):
        self._change("load")

    def set_many(self, values):
        return self._change("set_many", values)

    def change(self, values, seconds=0, code=""):
        return self._change("change", values, seconds, code)

    def save(self):
        self._change("save")

    def begin_trial(self):
        self._change("begin_trial")

    def restage(self):
        self._change("restage")

    def confirm(self):
        self._change("confirm")

    def expire(self):
        return self._change("expire")

    # --- what shows them

    def _show(self, name, *arguments):
        with overlay.use("settings"):
            from firmware.config import settings

            return getattr(settings, name)(self, *arguments)

    def row(self, name):
        return self._show("row_of", name)

    def key(self, name):
        return self._show("key_of", name)

    def text(self, name, masked=True):
        return self._show("text", name, masked)

    def dump(self, masked=True, prefix=""):
        return self._show("dump", masked, prefix)

    def mask(self, words):
        return self._show("mask", words)
