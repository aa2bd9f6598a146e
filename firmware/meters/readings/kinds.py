"""The one table of reading kinds. A new kind is a row here, its import in reader() and its module.

Everything else is made of the row: its schedule (app/build.py), its commands SET<TYPE> and GET<TYPE>
(commands/handlers/readings.py; test_kinds.py holds that they have rows in commands/grammar.py), TYPE and room of its
records, the names in log lines and in tools.log.
"""

from collections import namedtuple

from firmware.core import overlay

# Number|name|module with an `async def NAME(master, meter, job)`|TYPE|setting of a meter that schedules it|how|bytes
# of its longest record in TITAN's form. The setting counts minutes, or is on for once a day. How: `once` for what
# covers a slot and is tried until it succeeds (meters/schedule.py: Schedule). Of what is due together the first row is
# read first.
# Numbers lie on flashes, in logs and ledgers: they never change, and none is given twice.
_ROWS = const("""1|instant|instant|IEC102|interval||1024
2|closings|closings|IEC102_CTAVM2|closing|once|4096
3|curve|curve|IEC102_LC|curve|once|1024
4|tariff|closings|IEC102_TAVC|tariff||1024
5|events|facts|IEC102_EV|events|once|1024
7|meterclock|facts|IEC102_CLOCK|clock||1024
6|identity|facts|IEC102_ID|identity||1024
8|power|facts|IEC102_PC|power||1024
9|setup|facts|IEC102_CFG|setup||1024
15|error||IEC102_ERR|||1024""")


# A row; `once` is a bool. No class with functions: whoever has one must not keep this module.
Kind = namedtuple("Kind", ("number", "name", "module", "type", "setting", "once", "longest"))


def every():
    """Yield each Kind; the last one, `error`, is no reading but tells of one that was given up."""
    for row in _ROWS.split("\n"):
        number, name, module, kind, setting, once, longest = row.split("|")
        yield Kind(int(number), name, module, kind, setting, bool(once), int(longest))


def find(number=0, type=""):
    """The Kind of a number (bit 7 aside) or of a TYPE. KeyError: there is none."""
    for kind in every():
        if kind.number == number & 0x7F or kind.type == type:
            return kind
    raise KeyError(number or type)


def reader(kind):
    """Import the module that reads a Kind and return the function that does; within a session."""
    module = kind.module
    with overlay.use("session"):
        if module == "instant":
            from firmware.meters.readings import instant as found
        elif module == "closings":
            from firmware.meters.readings import closings as found
        elif module == "curve":
            from firmware.meters.readings import curve as found
        else:
            from firmware.meters.readings import facts as found
        return getattr(found, kind.name)
