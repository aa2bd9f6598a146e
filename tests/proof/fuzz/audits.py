"""Files of the audit log, damaged: what is whole is read as it was written, nothing else, and the next ones follow."""

import json
import tempfile
from pathlib import Path
from types import SimpleNamespace

from firmware.config.config import Config
from firmware.core import log
from firmware.security import audit
from tests.proof.fuzz.mutator import Mutator

COUNT, SAMPLE, HEAP = 100_000, 200, 400_000
_UTC = 1795000000
_FILE = 4096
_WHO = ("device", "console", "mqtt lector102/860000000000001/AT", "sms +34600123456")
_WHAT = ("start: 0.1.0", "AT^MTXTUNNEL=SETPARAM,mqtt.password,***", "clock +3600 s", "[x] \u20ac \x00", "REBOOT")


class App:
    """What the audit log takes of an app.device.App, in a folder."""

    restart_reason = ""
    audit = mqtt = None
    imei = "860000000000001"
    config = Config()

    def __init__(self, folder):
        self.board = SimpleNamespace(root=folder)
        self.clock = SimpleNamespace(utc=lambda: _UTC)


class Target:
    """An input is ({name: content} of the files, whether a line with a right check has content of its own)."""

    def __init__(self, generator):
        self._sink, log.sink = log.sink, lambda text: None
        self._clock, self._now = (log.monotonic_s, audit.monotonic_s), 1000
        log.monotonic_s = audit.monotonic_s = lambda: self._now
        App.config.set_many({"audit.size": 8})
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "audit"
        self._histories = [self._history(generator, count) for count in (1, 6, 35, 120)]
        self._entries = {}
        words = (b"[", b"]", b"\n", b"\xff", b"\0", b'"', b"null", b"1e999", b" 00000000\n")
        lines = sorted(
            {line for files in self._histories for data in files.values() for line in data.splitlines(True)}
        )
        self._mutator = Mutator(generator, lines, words, _FILE)
        self._texts = Mutator(generator, [line[:-10] for line in lines], (*words, b"[" * 300, b'{"a":' * 90), 900)

    def close(self):
        log.sink = self._sink
        log.monotonic_s, audit.monotonic_s = self._clock
        log.notes.clear()
        self._folder.cleanup()

    def _history(self, generator, count):
        """{name: content} of a log with so many entries, the oldest of which may have made way."""
        self._lay({})
        app = App(self._folder.name)
        for number in range(count):
            self._say(app, generator.choice(_WHO), "%d %s" % (number, generator.choice(_WHAT)))
        return {path.name: path.read_bytes() for path in self._path.iterdir()}

    def _say(self, app, who, what):
        log.note(who, what, "OK")
        self._now += 3600
        audit.write(app)

    def _lay(self, files):
        self._path.mkdir(exist_ok=True)
        for path in self._path.iterdir():
            path.unlink()
        for name, content in files.items():
            (self._path / name).write_bytes(content)

    def make(self):
        mutator = self._mutator
        files, forged = dict(mutator.one_of(self._histories)), mutator.below(6) == 0
        for _ in range(1 + mutator.below(2)):
            name = mutator.one_of(sorted(files))
            if forged:
                lines = files[name].splitlines(True)
                text = self._texts.make().replace(b"\n", b"")
                lines[mutator.below(len(lines))] = text + audit._crc(text)
                files[name] = b"".join(lines)
            else:
                files[name] = mutator.make(files[name], long=mutator.below(2) == 0)
        if mutator.below(10) == 0:
            # A file of somebody else, or a copy.
            files[mutator.one_of(("7", "notes", "999999999", "1.bak"))] = mutator.one_of(mutator.seeds)
        return files, forged

    def run(self, given):
        files, forged = given
        log.notes.clear()
        self._lay(files)
        app = App(self._folder.name)
        found = list(audit.read(app, 9999))
        lines = {line for data in files.values() for line in data.splitlines(True)}
        for entry in found:
            told = audit.told(entry)
            assert set(told) <= {"N", "TS", "WHO", "WHAT", "RESULT", "TIMES", "OF"} and "\n" not in told["TS"]
            json.dumps(told)
            if not forged:
                text = json.dumps(entry).encode()
                assert any((text + audit._crc(text)) in line for line in lines), entry
        last = app.audit[2] - 1
        for number in range(3):
            self._say(app, "device", "new %d" % number)
        again = [entry for entry in audit.read(App(self._folder.name), 9999) if str(entry[5]).startswith("new ")]
        assert [entry[5] for entry in again[-3:]] == ["new 0", "new 1", "new 2"], again
        assert [entry[0] for entry in again[-3:]] == [last + 1, last + 2, last + 3]
        sizes = [
            len(path.read_bytes()) for path in self._path.iterdir() if path.name.isdigit() and len(path.name) < 10
        ]
        assert len(sizes) <= max(2, len(files)) and sum(sizes) < sum(map(len, files.values())) + _FILE
        return "forged" if forged else "read" if found else "nothing left"
