"""What errors say, made from their codes; loaded while a person reads one.

The rows stand in error_meter.py (codes 1xx), error_network.py (2xx), error_tls.py (341 to 399) and error_services.py
(the others up to 5xx), one a line:
code, the class's name where logs and records tell it, what is told, DOCTOR's words for it, and what to do. {0} is the
first detail. Where DOCTOR has no words of its own it repeats what is told; =NNN stands for the words of another code.
docs/errors.md has them all, tools/doctor on the host says the same.
"""

from firmware.core import overlay

# Refusals of a meter, 100 more than their cause of transmission (protocol reference 3.1).
_FIRST_CAUSE = const(113)
_LAST_CAUSE = const(118)
_REFUSED_COMMAND = const(219)
_PPP = const(226)
_DENIED = const(263)
_FIRST_TLS = const(341)
# Faults of serial ports are told in so many letters: a list of meters may be long.
_FIRST_PORT = const(401)
_LAST_PORT = const(403)
_LONGEST = const(200)


def _table(code):
    """The module with the row of a code: one at a time is in memory, where that is short."""
    if code < 200:
        with overlay.use("meterwords"):
            from firmware.core import error_meter as table
    elif code < 300:
        with overlay.use("networds"):
            from firmware.core import error_network as table
    elif _FIRST_TLS <= code < _FIRST_PORT - 1:
        with overlay.use("tlswords"):
            from firmware.core import error_tls as table
    else:
        with overlay.use("devicewords"):
            from firmware.core import error_services as table
    return table


def _row(code):
    """[class name, if it has one; what is told, DOCTOR's words, what to do]"""
    rows = _table(code).ROWS
    mark = "\n%d|" % code
    at = rows.find(mark) + len(mark)  # it is there: tests/host/unit/core/test_errors.py
    return rows[at : rows.find("\n", at)].split("|")


def text(why, named=False):
    """A `why` (errors.py) in words; `named`: with the name of its class, as records have it."""
    code = why[0]
    row = _row(code)
    words = row[-3].format(*[text(each) if isinstance(each, tuple) else each for each in why[1:]])
    if _FIRST_CAUSE <= code <= _LAST_CAUSE and why[1:]:
        words += " (cause %d, type %d)" % why[1:]
    elif code in (_REFUSED_COMMAND, _PPP) or (code == _DENIED and why[1:]):
        with overlay.use("networds"):
            from firmware.core import error_numbers

            words += error_numbers.detail(why)
    elif _FIRST_PORT <= code <= _LAST_PORT:
        words = words[:_LONGEST]
    return row[0] + ": " + words if named and len(row) == 4 else words


def advice(why):
    """(what is wrong, what to do), as DOCTOR says it."""
    code, details = why[0], why[1:]
    if code == _REFUSED_COMMAND and why[2] == "+CME ERROR":
        code = _table(code).REFUSALS.get(why[3], code)
    row = _row(code)
    if row[-2][:1] == "=":
        code = int(row[-2][1:])
        row = _row(code)
    fault = row[-2].format(*details) if row[-2] else text((code,) + details, True)
    todo = row[-1].format(*details) if row[-1] else "note this line and tell whoever looks after the device"
    return "FAULT " + fault, todo
