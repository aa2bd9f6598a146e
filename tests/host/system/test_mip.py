"""`mpremote mip install`, from files of this folder, onto MicroPython behind a pty."""

import http.server
import json
import sys
import threading
from pathlib import Path

import pytest

from tests.host.support import unix_board
from tools import micropython, package, patience
from tools.board.deploy import UNIX
from tools.board.unixboard import UnixBoard

pytestmark = pytest.mark.takes(30)

ROOT = Path(__file__).resolve().parents[3]


def mpremote(board, *words, folder=ROOT):
    command = [str(Path(sys.executable).parent / "mpremote"), "connect", board.path, *map(str, words)]
    done = patience.run(command, 120, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def index(tmp_path):
    """An index of packages with umqtt.simple as it was installed here; the address of it."""
    name, version = package.DEPENDENCIES[0]
    source = (ROOT / "lib" / "umqtt" / "simple.py").read_bytes()
    pages = {
        "/file/00/00000000": source,
        "/package/6/%s/%s.json" % (name, version): json.dumps({"hashes": [["umqtt/simple.py", "00000000"]]}).encode(),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path in pages else 404)
            self.end_headers()
            self.wfile.write(pages.get(self.path, b""))

        def log_message(self, *_):
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "http://127.0.0.1:%d" % server.server_port
    server.shutdown()
    server.server_close()


def test_the_list_is_that_of_the_files_there_are():
    assert package.PATH.read_text() == package.text(package.files()), "make docs writes package.json"
    found = json.loads(package.PATH.read_text())
    assert all((ROOT / path).is_file() and path == target for target, path in found["urls"])
    assert not [path for _, path in found["urls"] if Path(path).stem in UNIX]


@pytest.mark.timeout(300)
def test_the_firmware_comes_by_mip_and_starts(tmp_path, index):
    """With the boards of the unix port, which no real one needs."""
    with UnixBoard(tmp_path / "board", blocks=1024, heap=micropython.ROOMY) as board:
        said = mpremote(board, "mip", "install", "--target", "/", "--index", index, "package.json")
        assert "Done" in said and said.count("Installing:") == len(package.files()) + 1
        for name in UNIX:
            mpremote(board, "resume", "cp", "firmware/boards/%s.py" % name, ":firmware/boards/")
        mpremote(board, "resume", "exec", "with open('board.txt', 'w') as file: file.write('unix')")
        start = len(board.output)
        mpremote(board, "resume", "reset")
        board.wait_output(b"I start: lector102", 60, start)
        board.wait_output(b"bytes of heap in use", 60, start)
        assert b"Traceback" not in board.output[start:]


@pytest.mark.timeout(300)
def test_what_mip_installs_beside_a_deployed_version_lands_where_it_can_be_written(tmp_path):
    """It took the first folder of the path that ends in /lib: one within the version's packed file."""
    (tmp_path / "hello.py").write_text("WORD = 'installed'\n")
    (tmp_path / "hello.json").write_text(json.dumps({"urls": [["hello.py", "hello.py"]]}))
    with UnixBoard(tmp_path / "board", blocks=1024, heap=micropython.MIDDLE) as board:
        unix_board.deploy(board, ROOT)
        board.wait_output(b"bytes of heap in use", 60)
        said = mpremote(board, "mip", "install", "hello.json", folder=tmp_path)
        assert "Installing: /lib/hello.py" in said and "Done" in said
        told = mpremote(board, "exec", "import hello; from umqtt import simple; print(hello.WORD, simple.__file__)")
        # The version's own library comes before whatever lies there.
        assert told.split() == ["installed", "/app/lib//umqtt/simple.mpy"]
        start = len(board.output)
        mpremote(board, "resume", "reset")
        board.wait_output(b"bytes of heap in use", 60, start)
