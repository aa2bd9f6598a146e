"""Errors are classes with codes, each code has words in one table, and nothing looks into an error's text."""

import ast
import functools
import re
from pathlib import Path

import pytest

from firmware.app import time_sync
from firmware.core import error_meter, error_network, error_services, error_texts, error_tls, errors
from firmware.iec102 import errors as meter_errors
from firmware.iec102.errors import NotAvailableError
from firmware.net import url
from firmware.net.modem.exchange import CommandError, NoAnswer
from firmware.net.modem.link import Failure
from firmware.update import source

ROOT = Path(__file__).resolve().parents[4]
FIRMWARE = sorted((ROOT / "firmware").rglob("*.py")) + [ROOT / "boot.py", ROOT / "main.py"]
TABLES = {1: error_meter, 2: error_network, 3: error_services, 4: error_services, 5: error_services}
ROWS = {
    int(line.split("|")[0]): line.split("|")[1:]
    for table in {*TABLES.values(), error_tls}
    for line in table.ROWS.strip().split("\n")
}
# Class -> code, for ever: what a device in the field says and what a page says mean the same.
CODES = {
    "NoAnswerError": 101, "GarbledError": 102, "WrongLinkError": 103, "NackError": 104, "BusyError": 105,
    "PasswordError": 106, "SessionDeadlineError": 107, "SessionClosedError": 108, "UnexpectedAsduError": 109,
    "NotAvailableError": 110, "TimeRefused": 281, "ConfigError": 411, "OrderError": 501,
    "DownloadError": 502, "ReleaseError": 503, "UpdateError": 504, "GiveWay": 505,
}  # fmt: skip
# Codes that are computed: a refusal's cause, the measuring point named in a login, CONNACK, a state of +CREG.
COMPUTED = {*range(113, 119), 126, *range(301, 306), *range(260, 270)}
# Classes outside of core/errors.py: local to one module, or to a room that keeps them as long as who catches them.
LOCAL = {
    "app/time_sync.py": ["TimeRefused"],
    "commands/executor.py": ["CommandError", "TooLong"],
    "iec102/errors.py": ["Iec102Error"],
    "net/modem/exchange.py": ["CommandError", "NoAnswer"],
    "net/modem/link.py": ["Failure"],
    "update/download.py": ["_Drop"],
    "net/url.py": ["DownloadError"],
    "update/source.py": ["GiveWay", "OrderError", "ReleaseError", "UpdateError"],
    "delivery/mqtt/packets.py": ["Pending"],
    "web/login.py": ["Wait"],
}
# What is made with a code as its first argument.
CODED = {"AsduError", "BrokerError", "Failure", "FrameError", "LogError", "NoAnswer", "NoLink"}
_MARK = re.compile(r"[Cc]odes? of (an error|errors|what was found)")


@functools.cache
def sources():
    """{path: syntax tree} of the firmware and the tools."""
    return {path: ast.parse(path.read_text()) for path in FIRMWARE + sorted((ROOT / "tools").rglob("*.py"))}


def constants(path):
    """{name: code} of the constants that a module marks as codes of errors."""
    found, marked = {}, False
    for line in path.read_text().split("\n"):
        comment = _MARK.search(line.partition("#")[2])
        numbers = [int(n) for n in re.findall(r"const\((\d+)\)", line)]
        coded = bool(numbers) and all(99 < number < 600 for number in numbers)
        if coded and (marked or comment):
            found.update(zip([name.strip() for name in line.split("=")[0].split(",")], numbers))
        marked = bool(comment) and line.startswith("#") or (marked and coded)
    return found


CONSTANTS = {path: constants(path) for path in FIRMWARE}


def classes(module):
    return {
        name: each
        for name, each in vars(module).items()
        if isinstance(each, type) and issubclass(each, Exception) and each.__module__ == module.__name__
    }


def names(node):
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


# --- the table


def test_codes_are_what_they_have_always_been():
    found = {**classes(errors), **classes(meter_errors), **classes(time_sync), **classes(source), **classes(url)}
    assert {name: each.code for name, each in found.items() if getattr(each, "code", 0)} == CODES


def test_every_code_has_words_and_every_word_a_code_that_can_be_raised():
    raised = {*CODES.values(), *COMPUTED, CommandError.code, *error_network.REFUSALS.values()}
    for path, found in CONSTANTS.items():
        for name, code in found.items():
            assert code in ROWS, (path.name, name, code)
            raised.add(code)
            uses = [node for node in ast.walk(sources()[path]) if isinstance(node, ast.Name) and node.id == name]
            assert len(uses) > 1, "%s: %s is not used" % (path.name, name)
    assert set(ROWS) == raised


def test_a_row_stands_where_it_is_looked_for_and_what_it_points_at_is_there():
    for hundred, table in [*TABLES.items(), (3, error_tls)]:
        codes = [int(line.split("|")[0]) for line in table.ROWS.strip().split("\n")]
        assert codes == sorted(set(codes)) and any(code // 100 == hundred for code in codes)
        assert all((error_tls if 341 <= code < 400 else TABLES[code // 100]) is table for code in codes)
    for code, (*_, fault, _) in ROWS.items():
        if fault.startswith("="):
            assert not ROWS[int(fault[1:])][-2].startswith("="), code


@pytest.mark.parametrize("code", sorted(ROWS))
def test_each_code_can_be_told(code):
    details = ("AT+X", "+CME ERROR", 10) if code == 219 else (-9, 1) if code == 226 else (1, 2, 3, 4)
    details = (14, 162) if 112 < code < 119 else (13,) if code == 263 else details
    told = error_texts.text((code, *details))
    fault, todo = error_texts.advice((code, *details))
    assert told and "{" not in told and fault.startswith("FAULT ") and len(fault) > 6 and "{" not in fault + todo


def test_the_names_that_records_have_are_those_of_the_classes():
    for code, row in ROWS.items():
        if len(row) == 4:
            assert issubclass(getattr(meter_errors, row[0]), meter_errors.Iec102Error), code
    for name, code in CODES.items():
        if code < 200:
            assert ROWS[code][0] == name


def given(node):
    """How many details stand behind the code in a call, None where that can't be seen."""
    arguments = node.args
    if arguments and isinstance(arguments[0], ast.Tuple):
        arguments = arguments[0].elts
    elif node.func_name == "Failure":
        arguments = arguments[:1]
    return None if any(isinstance(each, ast.Starred) for each in arguments) else len(arguments) - 1


def test_what_a_text_wants_is_given_where_the_error_is_raised():
    seen = 0
    for path in FIRMWARE:
        for node in ast.walk(sources()[path]):
            if not isinstance(node, ast.Call):
                continue
            node.func_name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if node.func_name not in CODED or not node.args:
                continue
            first = node.args[0].elts[0] if isinstance(node.args[0], ast.Tuple) else node.args[0]
            assert not isinstance(first, (ast.Constant, ast.JoinedStr)), (path.name, node.lineno)
            if not isinstance(first, ast.Name) or first.id not in CONSTANTS[path] or given(node) is None:
                continue
            row = ROWS[CONSTANTS[path][first.id]]
            wanted = [int(n) + 1 for n in re.findall(r"\{(\d)\}", "".join(row))]
            assert given(node) >= max(wanted, default=0), (path.name, node.lineno)
            seen += 1
    assert seen > 50


# --- nothing looks into a text


TEXTS = {"error", "last_error", "last_reason", "problem"}
LOOKS = {"startswith", "endswith", "find", "rfind", "index", "count", "partition", "split", "lower", "replace"}


def said(node, errors_, texts):
    """Whether `node` is the text of an error: str(error), an attribute that has one, a name that was given one."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("str", "repr") and node.args:
        return bool(names(node.args[0]) & errors_)
    if isinstance(node, ast.Attribute) and node.attr == "__name__":
        return isinstance(node.value, ast.Call) and bool(names(node.value) & errors_)
    if isinstance(node, ast.Attribute):
        return node.attr in TEXTS
    return isinstance(node, ast.Name) and node.id in texts


def looks(tree):
    """Line numbers where the text of an error is compared or searched."""
    caught = {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
    caught |= {"error", "failure"}
    found = []
    for function in [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]:
        texts = {
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and said(node.value, caught, set())
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(function):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
                strange = any(said(side, caught, texts) for side in sides)
                # "last_error" in a dict, or whether there is any, are no looks into it.
                numbered = any(isinstance(side, ast.Subscript) and ".args" in ast.unparse(side) for side in sides)
                strange |= numbered and any(isinstance(getattr(side, "value", None), str) for side in sides)
                if strange and not any(isinstance(side, ast.Constant) and side.value in ("", None) for side in sides):
                    found.append(node.lineno)
            # An error itself has no such methods: what has the name of one is a text.
            method = node.func if isinstance(node, ast.Call) else None
            if isinstance(method, ast.Attribute) and method.attr in LOOKS:
                found += [node.lineno] * said(method.value, caught, texts | caught)
    return found


@pytest.mark.parametrize(
    "line",
    [
        "if 'x' in str(error): pass",
        "text = str(error)\n  if text.startswith('x'): pass",
        "if type(error).__name__ == 'X': pass",
        "if error.args[0] == 'x': pass",
        "if not error.startswith(_ANSWERED): pass",
        "if result.error.startswith('NoAnswer'): pass",
        "if 'PUK' in link.problem: pass",
        "text = str(error)\n  at = text.rfind('Errno')",
    ],
)
def test_a_look_into_a_text_is_found(line):
    assert looks(ast.parse("def f():\n try:\n  g()\n except E as error:\n  %s" % line))


def test_nothing_compares_or_searches_the_text_of_an_error():
    found = {path.relative_to(ROOT).as_posix(): looks(tree) for path, tree in sources().items()}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_no_class_of_an_error_is_made_by_type():
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "type" and len(node.args) == 3:
                assert path.parts[-3:-1] in (("tools", "lwip"), ("firmware", "boards")), (path.name, node.lineno)


def test_classes_that_others_catch_are_always_in_memory():
    found = {}
    known = {"Exception", "BaseException", "OSError", "ValueError", "ModemError", *classes(errors)}
    for path in FIRMWARE:
        for node in sources()[path].body:
            bases = {each.id for each in getattr(node, "bases", []) if isinstance(each, ast.Name)}
            if isinstance(node, ast.ClassDef) and bases & known:
                found.setdefault(path.relative_to(ROOT / "firmware").as_posix(), []).append(node.name)
    del found["core/errors.py"]
    assert {path: sorted(each) for path, each in found.items()} == LOCAL
    assert issubclass(NoAnswer, errors.ModemError) and issubclass(Failure, errors.ModemError)


# --- what it was for


def test_a_sim_that_is_busy_is_no_wrong_pin():
    """`AT+CPIN: SIM busy` has the letters PIN in it."""
    why = Failure((208, CommandError("AT+CPIN?", "+CME ERROR: 14").why())).why()
    assert error_texts.text(why) == "SIM: AT+CPIN?: SIM busy"
    assert error_texts.advice(why)[0] == "FAULT the SIM does not work"


def test_a_host_that_does_not_answer_is_no_dead_modem():
    assert error_texts.advice((218,))[0] == "FAULT the keep-online host does not answer"


def test_a_build_without_ppp_is_no_wrong_access_point():
    """Its words have PPP in them."""
    assert "uplink.apn" not in error_texts.advice((252, "ESP32_GENERIC"))[1]


def test_an_error_tells_without_a_text_of_its_own():
    assert str(NotAvailableError(14, 162)) == "the meter does not know this ASDU type (cause 14, type 162)"
    assert str(errors.BrokerError(311, 20000)) == "no PUBACK within 20000 ms"
    assert meter_errors.NackError().args == ()


def test_without_memory_for_words_it_is_the_code(monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(error_texts, "text", full)
    assert str(meter_errors.NackError()) == "error 104"
    with pytest.raises(MemoryError):
        errors.words((104,))
