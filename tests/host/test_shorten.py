"""Shortened names must not change what the firmware does, and tracebacks must be readable again."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import build, names
from tools.shorten import ROOT, Shortener

FILES = {
    "firmware/__init__.py": "",
    "firmware/base.py": '''"""Holds _secret words."""
from firmware.other import helper
class Base:
    def __init__(self, first, second=2):
        self._first = first
        self._shared = second
    def _private(self, value):
        return helper(value) + self._first
''',
    "firmware/child.py": """from firmware.base import Base
_TABLE = (1, 2)
class Child(Base):
    def __init__(self, number):
        super().__init__(number, second=5)
        self._mine = number * 10
    def run(self, value):
        _local = [value for value in _TABLE]
        def inner(step):
            return self._private(step) + value
        return inner(value), self._mine, self._shared, _local, getattr(self, "_named")
    def _named(self):
        return 1
""",
    "firmware/other.py": """_calls = 0
def helper(value, _k=3):
    global _calls
    _calls += 1
    return value + _calls + _k
class Peer:
    def __init__(self, child):
        self._child = child
    def look(self):
        return self._child._open_to_peers
""",
}


@pytest.fixture
def tree(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def texts(tree):
    shortener = Shortener(tree)
    return {name: shortener.text(tree / name) for name in FILES}


SCRIPT = """
from firmware.child import Child
c = Child(1)
print(c.run(7)[:4], c.run(8)[1:4])
"""


def run(folder):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_shortened_modules_do_the_same(tree, tmp_path):
    short = tmp_path / "short"
    for name, text in texts(tree).items():
        (short / name).parent.mkdir(parents=True, exist_ok=True)
        (short / name).write_text(text)
    assert run(short) == run(tree)


def test_what_is_private_is_short_and_the_rest_as_it_was(tree):
    made = texts(tree)
    child = made["firmware/child.py"]
    assert "_mine" not in child and "_TABLE" not in child
    assert "_named" in child  # a string says it
    assert "def run(self, _" in child and "def __init__" in child and "class Child(Base)" in child
    assert "second=5" in child and "second=2" in made["firmware/base.py"]
    assert "_calls" not in made["firmware/other.py"] and "def helper(" in made["firmware/other.py"]
    assert "_open_to_peers" in made["firmware/other.py"]  # defined nowhere: somebody else's
    assert "secret" not in made["firmware/base.py"]


def test_inherited_and_own_names_do_not_collide(tree):
    shortener = Shortener(tree)
    base, child = (shortener.names[tree / "firmware" / name] for name in ("base.py", "child.py"))
    assert base is child  # one set of names for both
    assert len(set(base.values())) == len(base)


def test_a_traceback_from_a_device_gets_its_names_back():
    shortener = Shortener()
    path = ROOT / "firmware" / "meter" / "line.py"
    short = shortener.names[path]["_session"]
    line = '  File "firmware.meter.line", line 1, in %s\n' % short
    done = subprocess.run(
        [sys.executable, "-m", "tools.shorten"], cwd=ROOT, input=line, capture_output=True, text=True
    )
    assert done.stdout == '  File "firmware.meter.line", line 1, in _session\n'
    assert shortener.restore("ValueError: _a\n") == "ValueError: _a\n"


def test_the_firmware_has_a_third_fewer_names_in_memory():
    shortener = Shortener()
    before = {name for names in shortener.names.values() for name in names}
    after = {short for names in shortener.names.values() for short in names.values()}
    assert len(before) > 500 and len(after) < 100


def test_every_name_the_app_may_meet_is_taken_in_at_the_start():
    device = build.DEVICE
    build.build()
    for group in names.GROUPS:
        mine = set(names.table_of((device / group).with_suffix(".mpy").read_bytes()))
        for path in device.rglob("*.mpy"):
            relative = path.relative_to(device)
            if names.group_of(relative) == group:
                missing = set(names.table_of(path.read_bytes())) - mine
                assert not missing or group != names.GROUPS[0], (relative, missing)


def test_a_module_of_names_takes_any_name_and_does_nothing(tmp_path):
    wanted = {"alpha", "firmware.log.ring", "class", "a b", "%s: %s", "", "x-1"}
    out = tmp_path / "names.mpy"
    build.compile_one(out, Path("firmware/names.py"), out, names.source(wanted))
    assert set(names.table_of(out.read_bytes())) >= wanted - {"", "class"}
    done = subprocess.run(
        [str(Path(sys.executable).parent / "micropython"), "-c", "import names; print(len(dir(names)))"],
        cwd=tmp_path,
        env={"MICROPYPATH": "."},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with pytest.raises(ValueError, match="no .mpy"):
        names.table_of(b"\x7fELF")
