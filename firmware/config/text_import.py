"""Settings from `NAME: value` lines, one line at a time, so that no large text ever has to be in memory."""

from firmware.config import settings
from firmware.core import overlay
from firmware.core.errors import ConfigError

_LONGEST = const(512)
_MOST_CHANGES = const(300)
_MOST_TOLD = const(8)
_MOST_NOTES = const(24)
# What ends a value in the files of the other product, as people note there what a line is for.
_REMARKS = const((" - ", " \u2013 ", " \u2014 ", " // ", " # ", " ; ", "\t"))
# What no name begins with, so that such a line is a remark as a whole; and kinds of values that are one word.
_REMARK = const("#;/[*=")
_WORDS = const("int choice bool code word broker")
_TAKEN = const("taken, without effect: ")
# Names of the other product (and those that end in timeout) for what is here always so, or not needed.
_NO_EFFECT = const("MTX_NUMGSMERRORS MTX_TPPROTOCOL MTX_ATMUX LOGGER_NUMREGISTERSRAM MQTT_DEFAULTIOQOS ")


class Importer:
    """`feed(line)` any number of times, then `finish()` gives the dict to change; ConfigError says what is wrong.

    Blank lines and those that begin with # are nothing; a value *** (a masked secret) leaves the setting alone.
    `unknown`: the first names there is no setting for; `unknowns`: how many there were; `notes`: what else is to be
    told. A line with a name of TITAN or MTX-Tunnel may have a remark behind its value and a value of that product's
    range: the nearest of ours is taken. One without a value leaves what cannot be empty as it is.
    """

    def __init__(self, config):
        self._config = config
        self._line = 0
        self._values = {}
        self._errors = []
        self.unknown = []
        self.unknowns = 0
        self.notes = []

    def feed(self, line):
        self._line += 1
        line = line.strip("\ufeff \t\r\n")
        if not line or line[0] in _REMARK:
            return
        mark = "=" if 0 < line.find("=") < (line + ":").find(":") else ":"
        name, colon, value = line.partition(mark)
        name = name.strip()
        # What the line says is not repeated: it may be a secret.
        if not colon or not name or len(line) > _LONGEST:
            self._wrong("line %d: NAME: value or name = value is wanted" % self._line)
            return
        try:
            row, index = self._config.row(name)
        except ConfigError:
            if name.upper() + " " in _NO_EFFECT or name.lower().endswith("timeout"):
                self._note(_TAKEN + name)
                return
            self.unknowns += 1
            if len(self.unknown) < _MOST_TOLD:
                self.unknown.append("".join(c if 32 < ord(c) < 127 else "?" for c in name[:40]))
            return
        theirs = "." not in name
        value = _value(row, value, theirs)
        if theirs and not value and row[2] in _WORDS[:20]:  # no word, no broker
            self._note(_TAKEN + name)
            return
        if value == "***" and settings.secret(row):
            return
        key = settings.key(row, index)
        if theirs:
            near = _near(row, value)
            if near != value:
                self._note("warning: %s: %s is not possible here, %s is taken" % (name, value, near))
                value = near
        self._check(row, key, value)

    def _check(self, row, key, value):
        try:
            with overlay.use("check"):
                from firmware.config.check import check

                self._values[key] = check(row, key, value)
        except ConfigError as error:
            self._wrong(str(error))
        if len(self._values) > _MOST_CHANGES:
            self._wrong("too many settings")

    def _note(self, text):
        if len(self.notes) < _MOST_NOTES:
            self.notes.append(text)

    def _wrong(self, text):
        if len(self._errors) < _MOST_TOLD:
            self._errors.append(text)

    def finish(self):
        """{full name: value}; ConfigError with everything that is wrong."""
        if self._errors:
            raise ConfigError("nothing was changed: " + "; ".join(self._errors))
        return self._values


def _value(row, text, theirs):
    """What is the value in what stands behind the name."""
    if theirs and row[0] != "sms.alias":
        for remark in _REMARKS:
            text = text.partition(remark)[0]
    text = text.strip()
    if theirs and text and (row[2] in _WORDS or row[0] == "uplink.pin"):
        text = text.split()[0].rstrip(";,")
    # These go between quotes to the modem and have none within: those around them are not theirs.
    return text.strip('"') if row[0][:7] == "uplink." else text


def _near(row, value):
    """The value of ours nearest to one of the other product's range, or what it is."""
    kind, limits = row[2], row[3].split(",")
    if kind == "bool" and value.lower()[:8] == "temporal":
        return "on"
    # Of QoS nobody has more than 2.
    # CPython's isdigit() takes a raised 2 for a digit, which int() does not.
    digits = value and not (value + limits[0]).strip("0123456789")
    if kind not in ("int", "choice") or not digits or (limits[-1] == "1" and value != "2"):
        return value
    found = int(value[:10])
    if kind == "choice":
        return min(limits, key=lambda limit: abs(int(limit) - found))
    nearest = max(int(limits[0]), min(found, int(limits[1])))
    return value if nearest == found else str(nearest)
