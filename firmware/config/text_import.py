"""Settings from `NAME: value` lines, one line at a time, so that no large text ever has to be in memory."""

from firmware.config import settings
from firmware.core import overlay
from firmware.core.errors import ConfigError

_LONGEST = const(512)
_MOST_CHANGES = const(300)
_MOST_TOLD = const(8)


class Importer:
    """`feed(line)` any number of times, then `finish()` gives the dict to change; ConfigError says what is wrong.

    Blank lines and those that begin with # are nothing; a value *** (a masked secret) leaves the setting alone.
    `unknown`: the first names there is no setting for; `unknowns`: how many there were.
    """

    def __init__(self, config):
        self._config = config
        self._line = 0
        self._values = {}
        self._errors = []
        self.unknown = []
        self.unknowns = 0

    def feed(self, line):
        self._line += 1
        line = line.strip("\ufeff \t\r\n")
        if not line or line[0] == "#":
            return
        name, colon, value = line.partition(":")
        name = name.strip()
        # What the line says is not repeated: it may be a secret.
        if not colon or not name or len(line) > _LONGEST:
            self._wrong("line %d: NAME: value is wanted" % self._line)
            return
        try:
            row, index = self._config.row(name)
        except ConfigError:
            self.unknowns += 1
            if len(self.unknown) < _MOST_TOLD:
                self.unknown.append("".join(c if 32 < ord(c) < 127 else "?" for c in name[:40]))
            return
        value = value.strip()
        if value == "***" and settings.secret(row):
            return
        self._check(row, settings.key(row, index), value)

    def _check(self, row, key, value):
        try:
            with overlay.use("check"):
                from firmware.config.check import check

                self._values[key] = check(row, key, value)
        except ConfigError as error:
            self._wrong(str(error))
        if len(self._values) > _MOST_CHANGES:
            self._wrong("too many settings")

    def _wrong(self, text):
        if len(self._errors) < _MOST_TOLD:
            self._errors.append(text)

    def finish(self):
        """{full name: value}; ConfigError with everything that is wrong."""
        if self._errors:
            raise ConfigError("nothing was changed: " + "; ".join(self._errors))
        return self._values
