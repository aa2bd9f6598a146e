"""The settings as text: `NAME: value` lines with heritage names, as TITAN's predecessor writes them.

Out: Config.dump(). In: `Importer`, line by line, so that no large text ever has to be in memory.
"""

from firmware import settings
from firmware.config import ConfigError

_LONGEST = 512
_MOST_CHANGES = 300
_MOST_TOLD = 8


def dump(config, masked, prefix):
    """See Config.dump(). Of the meters only those that are set up, and always the first."""
    wanted = prefix.lower()
    for row in settings.rows():
        group = settings.GROUPS.get(row[0].split(".")[0])
        first, count = group or (None, 1)
        for index in range(first, first + count) if group else (None,):
            key = settings.key(row, index)
            if row[0].startswith("meter.") and index and not _set_up(config, index):
                continue
            name = settings.titan(row, index)
            if name.lower().startswith(wanted) or key.startswith(wanted):
                yield "%s: %s" % (name, config.text(key, masked))


def _set_up(config, index):
    start = "meter.%d." % index
    return any(key.startswith(start) for key in config.values)


def mask(config, text):
    """See Config.mask()."""
    for values in (config.values, config.staged):
        for key in values:
            if values[key] and config.is_secret(key):
                secret = str(values[key])
                # Short ones would hit numbers and words that mean something else.
                if len(secret) < 4:
                    secret = '"%s"' % secret
                text = text.replace(secret, "***")
    return text


def import_text(config, text, seconds):
    """See Config.import_text()."""
    importer = Importer(config)
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        importer.feed(text[at:end])
        at = end + 1
    config.change(importer.finish(), seconds)
    return importer


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
        if value == "***" and row[2] in ("secret", "code"):
            return
        self._check(row, settings.key(row, index), value)

    def _check(self, row, key, value):
        from firmware.configcheck import check

        try:
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
