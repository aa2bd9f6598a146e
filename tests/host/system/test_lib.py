"""`make lib`: each library at the version and hash of lib.lock, or a sentence and nothing; from an index that lies."""

import functools
import hashlib
import http.server
import io
import json
import tarfile
import threading
from pathlib import Path

import pytest

from tests.host.support.tcp_servers import end
from tools import lib

ROOT = Path(__file__).resolve().parents[3]
NAME = "micropython-small-1.0"


def archive(content):
    """A source archive as MicroPython's packages are: no setup.py, no pyproject.toml."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as packed:
        for name, data in (("small.py", content), ("PKG-INFO", b"Metadata-Version: 1.0\n")):
            entry = tarfile.TarInfo("%s/%s" % (NAME, name))
            entry.size = len(data)
            packed.addfile(entry, io.BytesIO(data))
    return made.getvalue()


class Index:
    """A package index with one file, whose page tells the hash of what is really there."""

    def __init__(self, folder):
        self._folder = folder
        handler = functools.partial(Quiet, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.endpoint = "http://127.0.0.1:%d/simple/" % self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def offer(self, data):
        page = self._folder / "simple" / "micropython-small" / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(data).hexdigest()
        page.write_text('<a href="/%s.tar.gz#sha256=%s">%s.tar.gz</a>' % (NAME, digest, NAME))
        (self._folder / (NAME + ".tar.gz")).write_bytes(data)

    def close(self):
        self._server.shutdown()
        end(self._server.socket)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """The test tells what went wrong."""


@pytest.fixture
def index(tmp_path):
    (tmp_path / "www").mkdir()
    made = Index(tmp_path / "www")
    yield made
    made.close()


def lock(tmp_path, data, **more):
    """A lib.lock (Path) that names the package with the hash of `data`."""
    pin = {"package": "micropython-small", "version": "1.0", "file": NAME + ".tar.gz"}
    pin.update(sha256=hashlib.sha256(data).hexdigest(), members={"small.py": "lib/small.py"}, **more)
    path = tmp_path / "lib.lock"
    path.write_text(json.dumps({"small": pin}))
    return path


def test_a_library_comes_to_its_place_once(tmp_path, index):
    data = archive(b"X = 1\n")
    index.offer(data)
    pins = lock(tmp_path, data)
    assert lib.install(tmp_path, pins, index.endpoint) == ["small 1.0"]
    assert (tmp_path / "lib" / "small.py").read_bytes() == b"X = 1\n"
    index.close()
    assert lib.install(tmp_path, pins, index.endpoint) == []


def test_another_file_than_the_one_of_the_lock_is_refused_whatever_the_index_says_of_it(tmp_path, index):
    good, other = archive(b"X = 1\n"), archive(b"X = 2\n")
    index.offer(other)
    with pytest.raises(lib.LibError) as caught:
        lib.install(tmp_path, lock(tmp_path, good), index.endpoint)
    for data in (good, other):
        assert hashlib.sha256(data).hexdigest() in str(caught.value)
    assert not (tmp_path / "lib").exists()


def test_what_the_index_does_not_have_is_told(tmp_path, index):
    pins = lock(tmp_path, b"")
    with pytest.raises(lib.LibError, match="does not know micropython-small"):
        lib.install(tmp_path, pins, index.endpoint)
    index.offer(archive(b""))
    pins.write_text(pins.read_text().replace(NAME + ".tar.gz", "micropython-small-1.1.tar.gz"))
    with pytest.raises(lib.LibError, match="not in the registry any more"):
        lib.install(tmp_path, pins, index.endpoint)
    index.close()
    with pytest.raises(lib.LibError, match="no connection"):
        lib.install(tmp_path, pins, index.endpoint)


def test_every_pin_names_one_file_of_its_version_and_a_hash():
    for pin in json.loads(lib.LOCK.read_text()).values():
        assert pin["file"] == "%(package)s-%(version)s.tar.gz" % pin
        assert len(bytes.fromhex(pin["sha256"])) == 32 and pin["members"]
