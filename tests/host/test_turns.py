"""Commands leave the loop to the others: what one does in a turn of it is bounded, in modules loaded and in lines.

A Pico W loads a module in 20 to 90 ms and makes a line of GETSTATUS in 10; nothing may hold its loop up for 200.
"""

from pathlib import Path

from tools import micropython, patience

ROOT = Path(__file__).resolve().parents[2]
_MOST_MODULES = 4
# Each with the least turns it takes; GETCONFIG looks at a hundred settings to show none.
_COMMANDS = {
    "AT": 5,
    "VERSION": 5,
    "GETSTATUS": 10,
    "GETLOG": 10,
    "HELP": 40,
    "GETCONFIG": 100,
    "GETCONFIG,no.such": 100,
    "GETPARAM,mqtt.qos": 5,
    "DOCTOR": 10,
    "SETIEC102,ID00000": 5,
    "GETIEC102,ID00000": 5,
}


def test_a_command_takes_many_turns_of_the_loop():
    done = patience.run(
        micropython.command("tests/host/mpy/turns_run.py", *_COMMANDS), 100, cwd=ROOT, env={"MICROPYPATH": ".:.frozen"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = [line.split(" ") for line in done.stdout.splitlines()]
    assert [words[0] for words in found] == list(_COMMANDS)
    for name, modules, lines, turns in found:
        assert 0 < int(modules) <= _MOST_MODULES and int(lines) <= 1 and int(turns) >= _COMMANDS[name], done.stdout
