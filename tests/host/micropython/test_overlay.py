"""Code comes and goes on MicroPython."""

import subprocess

from tools import build, micropython, pack

SCRIPT = """
import gc, sys
from firmware.core import overlay

def there():
    return "firmware.net.modem.profiles" in sys.modules

def get():
    with overlay.use("profiles"):
        from firmware.net.modem import profiles
        assert there()
        return profiles.get("sim7600")["name"]

print(get(), there())
fill = []
while gc.mem_free() > 100000:
    fill.append(bytearray(2000))
print(get(), there())
with overlay.use("profiles"):
    get()
    print(there())
print(there(), overlay._users)
fill = None
gc.collect()
get()
overlay.reclaim()
print(there())
taken = []
with overlay.attempt:
    while True:
        taken.append(bytearray(1000))
taken = None
print("after")
"""


def ran(script):
    """What a script came to on MicroPython with the heap of the middle class."""
    build.build()
    command = micropython.command("-c", script, heap=micropython.MIDDLE)
    path = {"MICROPYPATH": "%s:.frozen" % build.DEVICE}
    return subprocess.run(command, cwd="/", env=path, capture_output=True, text=True)


def test_on_micropython_a_group_stays_where_there_is_room_and_goes_where_not():
    done = ran(SCRIPT)
    assert done.stdout.split("\n")[:-1] == [
        "sim7600 True", "sim7600 False", "True", "False {}", "False", "after",
    ], done.stdout + done.stderr  # fmt: skip


# Between two commands the heap is full for a moment: the one group goes, that above it was idle in memory.
FORGOTTEN = """
import gc
from firmware.core import overlay

def one(size=0):
    with overlay.use("command"):
        from firmware.commands import executor
        with overlay.use("grammar"):
            from firmware.commands import grammar
            same = grammar.CommandError is executor.CommandError
        grammar = executor = None
        fill = []
        while size and gc.mem_free() > size:
            fill.append(bytearray(2000))
    fill = None
    gc.collect()
    return same

print(one(100000))
print(one(), sorted(overlay._users))
"""


def test_on_micropython_what_uses_a_group_goes_with_it():
    """Its classes would be those of a module that is not there any more: a refused command was one that had failed."""
    done = ran(FORGOTTEN)
    assert [line.split(" ")[0] for line in done.stdout.split("\n")[:-1]] == ["True", "True"], done.stdout + done.stderr


TRACED = """
import sys
import packfs
packfs.mount("v.pack")
from firmware.config.config import Config, ConfigError
try:
    Config().text("no.such")
except ConfigError as error:
    sys.print_exception(error)
"""


def test_a_traceback_of_a_packed_version_has_the_names_of_the_source(tmp_path):
    build.build()
    files = {path: (build.DEVICE / path).read_bytes() for path in build.sizes() if path != "packfs.mpy"}
    (tmp_path / "v.pack").write_bytes(pack.build(files)[0])
    (tmp_path / "packfs.mpy").write_bytes((build.DEVICE / "packfs.mpy").read_bytes())
    (tmp_path / "run.py").write_text(TRACED)
    done = subprocess.run(
        micropython.command("run.py"), cwd=tmp_path, env={"MICROPYPATH": ":.frozen"}, capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    # The names of modules in short, as in the base version.
    assert 'File "config", line' in said and ", in text" in said, said
    assert 'File "settings", line' in said and ", in row_of" in said, said
