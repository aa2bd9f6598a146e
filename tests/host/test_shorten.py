"""Shortened names must not change what the firmware does, and tracebacks must be readable again."""

import ast
import functools
import subprocess
import sys

import pytest

from firmware import names
from tools import build, constants, micropython, publicnames, sharednames
from tools.shorten import ROOT, Shortener, _Bare

FILES = {
    "firmware/__init__.py": "",
    "firmware/base.py": '''"""Holds _secret words."""
from firmware.other import summed_up
class Refusal(Exception):
    pass
class Base:
    def __init__(self, first, second=2):
        self._first = first
        self._shared = second
    def _private(self, value):
        return summed_up(value) + self._first
''',
    "firmware/child.py": """from firmware import other
from firmware.base import Base
from firmware.other import LIMIT
_TABLE = (1, 2)
class Child(Base):
    def __init__(self, number):
        super().__init__(number, second=5)
        self._mine = number * 10
    def run(self, value):
        _local = [value for value in _TABLE]
        def inner(step):
            return self._private(step) + value
        self.limit = LIMIT + other.STEP
        return inner(value), self._mine, self._shared, _local, getattr(self, "_named")
    def _named(self):
        return 1
""",
    "firmware/port.py": "def const(value): return value",
    "firmware/other.py": """from firmware.port import const
STEP = const(40)
LIMIT = const(7)
_calls = 0
def summed_up(value, _k=3):
    global _calls
    _calls += 1
    return value + _calls + _k
class Peer:
    def __init__(self, child):
        self._child = child
    def look(self):
        return self._child._open_to_peers
""",
    # Starts the app on a device: what it names stays.
    "main.py": """
from firmware.child import Child
c = Child(1)
print(c.run(7)[:4], c.run(8)[1:4], c.limit)
""",
}


@pytest.fixture
def tree(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@functools.cache
def ours():
    """The firmware's own: to look at, a few seconds' work."""
    return Shortener()


def texts(tree):
    shortener = Shortener(tree)
    return {name: shortener.text(tree / name) for name in FILES}


def run(folder):
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_shortened_modules_do_the_same(tree, tmp_path):
    short = tmp_path / "short"
    for name, text in texts(tree).items():
        (short / name).parent.mkdir(parents=True, exist_ok=True)
        (short / name).write_text(text)
    # The compiler of a device knows const() without an import.
    with (short / "main.py").open("r+") as file:
        text = file.read()
        file.seek(0)
        file.write("import builtins\nbuiltins.const = int\n" + text)
    assert run(short) == run(tree)


def test_what_is_private_is_short_and_the_rest_as_it_was(tree):
    made = texts(tree)
    child = made["firmware/child.py"]
    assert "_mine" not in child and "_TABLE" not in child
    assert "_named" in child  # a string says it
    assert "def run(self, _" in child and "def __init__" in child and "class Child(" in child
    assert (
        "summed_up" not in made["firmware/base.py"] + made["firmware/other.py"]
    )  # public, but the firmware's own
    assert "class Refusal(Exception)" in made["firmware/base.py"]  # messages name it
    assert "from ." in child and "firmware" not in child
    assert "7 + 40" in child and "import LIMIT" not in child  # the numbers themselves
    assert (
        "import const" not in made["firmware/other.py"]
        and "LIMIT" not in made["firmware/other.py"]
    )
    assert "second=5" in child and "second=2" in made["firmware/base.py"]
    assert "_calls" not in made["firmware/other.py"]
    assert "_open_to_peers" in made["firmware/other.py"]  # defined nowhere: somebody else's
    assert "secret" not in made["firmware/base.py"]


def test_a_constant_that_is_bound_twice_or_mentioned_stays_a_variable():
    sources = (
        "ONCE = const(1)\nTWICE = const(2)\nSAID = const(3)\nTEXT = const('a')\nSUM = const(1 + 1)",
        "def f(m):\n    m.TWICE = 4\n",
        "RENAMED = const(5)\nHAS_TWIN = const(6)\n_HAS_TWIN = const(7)",
        "from firmware.two import RENAMED as other",
    )
    trees = {number: ast.parse(text) for number, text in enumerate(sources)}
    assert constants.find(trees, {"SAID"}) == {"ONCE": 1}


def test_what_hardware_is_asked_for_keeps_its_name():
    """Of network.PPP the unix port knows nothing; the modem's modules ask a board's for these."""
    asked = "connect disconnect status isconnected ipconfig config poll irq readinto write"
    assert not set(asked.split()) & set(ours().public)


def test_inherited_and_own_names_do_not_collide(tree):
    shortener = Shortener(tree)
    base, child = (shortener.names[tree / "firmware" / name] for name in ("base.py", "child.py"))
    assert base is child  # one set of names for both
    assert len(set(base.values())) == len(base)


def test_a_traceback_from_a_device_gets_its_names_back():
    shortener = ours()
    path = ROOT / "firmware" / "meter" / "line.py"
    short = shortener.names[path]["_session"]
    line = '  File "firmware.meter.line", line 1, in %s\n' % short
    done = subprocess.run(
        [sys.executable, "-m", "tools.shorten"],
        cwd=ROOT,
        input=line,
        capture_output=True,
        text=True,
    )
    assert done.stdout == '  File "firmware.meter.line", line 1, in _session\n'
    assert shortener.restore("ValueError: _a\n") == "ValueError: _a\n"
    public = shortener.public["leave_session"]
    line = '  File "firmware.room", line 1, in %s\n'
    assert shortener.restore(line % public) == line % "leave_session"


def test_public_names_that_may_meet_are_distinct():
    """Names of one module, of one family of classes, or set by somebody else: each has a short name of its own."""
    text = """
class Base:
    def begin_work(self): self.shared_count = 0
class Child(Base):
    def end_work(self): return self.other_count
def work_on(child): child.set_outside = begin_here(child.far_away)
"""
    trees = {1: ast.parse(text), 2: ast.parse("class Elsewhere:\n    def far_away(self): pass")}
    inside = {"begin_work", "end_work", "shared_count", "other_count"}
    every = inside | {"set_outside", "far_away", "begin_here"}
    found = sharednames.meetings(trees, every)
    assert inside <= found["end_work"] | {"end_work"}
    assert found["set_outside"] == every - {"set_outside"}
    # An object is asked for it that no class here makes; a global of another module is no attribute of its classes.
    assert found["far_away"] == {"set_outside"}


def test_no_place_has_two_public_names_that_became_one():
    shortener = ours()
    trees = {path: _Bare().visit(ast.parse(path.read_text())) for path in shortener.trees}
    for name, others in sharednames.meetings(trees, set(shortener.public)).items():
        assert shortener.public[name] not in {shortener.public[other] for other in others}, name


def test_public_names_are_few_and_do_not_depend_on_each_other():
    """A name that comes or goes changes few others: each one changed is in files that must be sent again."""
    sources = {path: _Bare().visit(ast.parse(path.read_text())) for path in ours().trees}
    before = publicnames.plan(ROOT, sources)
    more = ast.parse("def some_new_function_of_the_firmware():\n    pass\n")
    after = publicnames.plan(ROOT, {**sources, ROOT / "firmware" / "new_module_of_it.py": more})
    assert len(before) > 250 and len(set(before.values())) < 100
    assert len(after) == len(before) + 1
    assert sum(after[name] != short for name, short in before.items()) < 10


def test_the_firmware_has_a_third_fewer_names_in_memory():
    shortener = ours()
    before = {name for names in shortener.names.values() for name in names}
    after = {short for names in shortener.names.values() for short in names.values()}
    assert len(before) > 500 and len(after) < 100


TAKE_IN = """
import micropython, sys
from firmware import names
if %r: names.%s(%r)
sys.path.insert(0, %r)
micropython.qstr_info()
for name in %r: __import__(name)
micropython.qstr_info()
"""


def new_names(device, modules, first, root=None):
    """How many names come into memory with `modules`, with or without having them taken in `first`."""
    take_in = ours().public["take_in"]
    script = TAKE_IN % (first, take_in, str(root or device), str(device / "lib"), modules)
    done = subprocess.run(
        micropython.command("-c", script, heap=micropython.HARNESS),
        cwd="/",  # not where the sources are
        env={"MICROPYPATH": str(device) + ":.frozen"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    before, after = (
        int(line.split("n_qstr=")[1].split(",")[0]) for line in done.stdout.splitlines()
    )
    return after - before


def test_every_name_the_app_may_meet_is_taken_in_at_the_start():
    build.build()
    modules = []
    for path in sorted(build.DEVICE.rglob("firmware/**/*.mpy")):
        below = "/" + path.relative_to(build.DEVICE / "firmware").with_suffix("").as_posix()
        if not below.startswith(names.LEFT_OUT) and path.stem != "__init__":
            modules.append("firmware" + below.replace("/", "."))
    assert len(modules) > 80
    # The path of each module is a name of its own, and some load what is left out.
    assert new_names(build.DEVICE, modules, True) <= 1.5 * len(modules)
    assert new_names(build.DEVICE, modules, False) > 5 * len(modules)


def test_short_texts_of_a_passing_module_are_no_names(tmp_path):
    (tmp_path / "firmware" / "modem").mkdir(parents=True)
    wake = tmp_path / "firmware" / "modem" / "wake.py"
    wake.write_text('ASKED = "AT+CGMM", "AT+CSQ", "word", f"a {1}", "é"\n')
    (tmp_path / "firmware" / "stays.py").write_text('ASKED = "AT+CSQ"\n')
    text = Shortener(tmp_path).text(wake)
    assert "b'AT+CGMM'.decode(), 'AT+CSQ', 'word'" in text and "'é'" in text
    found = {}
    exec(text, found)
    assert ("AT+CGMM", "AT+CSQ", "word", "a 1", "é") in found.values()


def test_behind_a_modem_the_names_need_no_further_table():
    """MicroPython's tables of names have room for 1260, the next one for as many again: 14 KB of the twin's heap."""
    build.build()
    modules = [
        "firmware." + path.relative_to(build.DEVICE / "firmware").with_suffix("").as_posix().replace("/", ".")
        for path in sorted((build.DEVICE / "firmware" / "modem").glob("*.mpy"))
        if path.stem != "__init__"
    ]
    modules += ["firmware.boards.modem_settings"]
    assert new_names(build.DEVICE, modules, True) < 250


def test_a_module_that_cannot_be_read_does_not_keep_the_app_from_starting(tmp_path):
    build.build()
    for name, data in {
        "cut": b"M\x06\x00\x1f\x05\x01\x14fi",
        "text": b"no module",
        "none": b"",
    }.items():
        (tmp_path / "firmware").mkdir(exist_ok=True)
        (tmp_path / "firmware" / (name + ".mpy")).write_bytes(data)
    assert new_names(build.DEVICE, [], True, tmp_path) == 0
    assert new_names(build.DEVICE, [], True, tmp_path / "nowhere") == 0
