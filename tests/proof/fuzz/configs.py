"""Settings as lines of text, as people and other devices write them, and as files: a ConfigError or good values."""

import contextlib
import json
import tempfile
from pathlib import Path

from firmware.config import settings
from firmware.config.check import check
from firmware.config.config import Config
from firmware.config.text_import import Importer
from firmware.core.errors import ConfigError
from tests.host.support.fake_device import Device
from tests.proof.fuzz.mutator import Mutator

# 32 KiB of JSON are some thirty times as much in the objects of CPython.
COUNT, SAMPLE, HEAP = 100_000, 150, 2_000_000
ROOT = Path(__file__).resolve().parents[3]
_FILES = ("", ".new", ".bak", ".trial")
_MOST_CHANGES = 301


def texts():
    """Files of the corpus, and all the settings of a device as it shows them itself."""
    found = []
    for path in sorted((ROOT / "tests" / "corpus" / "configs").glob("*.json")):
        found.append("\n".join(json.loads(path.read_text())["text"]))
    device = Device()
    for prefix in ("", "mqtt", "meter", "uplink"):
        found.append("\n".join(line for lines in device.config.dump(False, prefix) for line in lines))
        names = []
        for row in settings.rows():
            if row[0].startswith(prefix):
                index = settings.GROUPS.get(row[0].split(".")[0], (None,))[0]
                names.append("%s = %s" % (settings.key(row, index), row[4]))
        found.append("\n".join(names))
    return [text.encode() for text in found]


def files():
    """config.json and its kin as the firmware writes them."""
    values = {
        "mqtt.broker": "tcp://broker.example:1883", "mqtt.commands": "view,meter,setup,way", "device.confirm": True,
        "meter.0.enabled": True, "meter.0.id": "ID00000", "meter.3.enabled": True, "meter.3.link": 7, "mqtt.qos": "0",
        "uplink.apn": "movistar.es", "device.password": "secret99", "logger.id": "Calle Alcalá", "defaults": 2,
    }  # fmt: skip
    trial = {"seconds": 600, "tried": False, "values": {"mqtt.broker": "tcp://other.example", "uplink.apn": "x"}}
    found = [values, {"mqtt.qos": "0"}, {}, trial, dict(trial, code="123456", tried=True), dict(values, defaults=1)]
    return [json.dumps(each).encode() for each in found]


class Target:
    """An input is (text,), or {suffix: content} of files."""

    def __init__(self, generator):
        words = [
            b": ",
            b" = ",
            b"***",
            b"#",
            b"\n",
            b" - ",
            b"\xef\xbb\xbf",
            b"\xc2\xb2",
            b"on",
            b"IEC102_id3: x",
            b"=:",
        ]
        self._texts = Mutator(generator, texts(), words, 9000)
        lines = sorted({line for text in self._texts.seeds for line in text.split(b"\n") if line})
        self._lines = Mutator(generator, lines, words, 700)
        words = [
            b"null",
            b"true",
            b"[]",
            b"{}",
            b"1e999",
            b"NaN",
            b'"',
            b"[" * 2000,
            b'{"a":' * 1500,
            b"-1",
            b"\\u0000",
        ]
        words += [
            b'"\\ud800"',
            b'"seconds": 1e999',
            b'"mqtt.port": 99999999999999999999',
            b'"values": 7',
            b'"defaults": ""',
        ]
        self._files = Mutator(generator, files(), words, 40000)
        self._folder = tempfile.TemporaryDirectory()
        self._path = self._folder.name + "/config.json"

    def close(self):
        self._folder.cleanup()

    def make(self):
        below = self._texts.below
        way = below(10)
        if way == 0:
            return (self._texts.make(),)
        if way < 6:
            return (b"\n".join(self._lines.make() if below(2) else self._lines.make(long=True) for _ in range(4)),)
        found = {}
        for suffix in _FILES:
            if suffix == "" or below(3) == 0:
                seeds = self._files.seeds[3:5] if suffix == ".trial" and below(4) else self._files.seeds
                found[suffix] = self._files.make(self._files.one_of(seeds), long=below(2) == 0)
        return found

    def run(self, given):
        return self._loaded(given) if isinstance(given, dict) else self._taken(given[0])

    def _taken(self, raw):
        config = Config()
        importer = Importer(config)
        try:
            for line in raw.decode("utf-8", "replace").split("\n"):
                importer.feed(line)
            values = importer.finish()
            config.set_many(values)
        except ConfigError as error:
            assert len(str(error)) < 8 * 700
            return "refused"
        finally:
            assert len(importer._values) <= _MOST_CHANGES and len(importer.unknown) <= 8 and len(importer.notes) <= 24
        self._good(config)
        return "taken"

    def _loaded(self, given):
        for suffix in (*_FILES, ".bak.new", ".trial.new"):
            with contextlib.suppress(FileNotFoundError):
                Path(self._path + suffix).unlink()
        for suffix, content in given.items():
            Path(self._path + suffix).write_bytes(content)
        config = Config(self._path)
        config.load()
        assert len(config.problems) <= 20 and sum(map(len, config.problems)) < 20000
        self._good(config)
        # What was loaded is kept and comes again, and nothing is the matter with it.
        config.change({"mqtt.qos": "1"})
        again = Config(self._path)
        again.load()
        assert again.values == config.values and not again.damaged, again.problems
        return "with problems" if config.problems else "loaded"

    def _good(self, config):
        """Each value is one that its setting takes, as it takes it."""
        for name, value in {**config.values, **config.staged}.items():
            row, index = config.row(name)
            assert settings.key(row, index) == name and check(row, name, value) == value
        for lines in config.dump(False):
            assert all("\n" not in line for line in lines)
        config.release()
        assert str(config.get("mqtt.qos")) in "01"
