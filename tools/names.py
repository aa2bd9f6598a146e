"""The names a device will ever meet, so that it can take them in at once, before anything else is in its heap.

MicroPython keeps each name it has loaded for ever, in small pieces where there just was room. Taken in one by one,
while sessions and commands come and go, those pieces lie all over the heap and no large block is left between them.
The build therefore writes modules that do nothing but mention names: `firmware/names` those of the app,
`firmware/modem/names` those of the modem. Whoever loads one lets go of it at once; the names stay, side by side.
"""

from keyword import iskeyword

MODEM = "firmware/modem/"
# Hardware of one board each, and what is seldom or never wanted.
_LEFT_OUT = (
    "firmware/boards/",
    "firmware/update",
    "firmware/config/takeover",
    "firmware/config/helptexts",
    "firmware/config/settings_help",
    "firmware/commands/help",
    "firmware/commands/doctor",
    "firmware/frametrace",
    "firmware/framewords",
    "firmware/meterprobe",
    "firmware/discovery",
    "firmware/homeassistant",
    "firmware/commands/tags",
    "firmware/clock/ntp",
    "firmware/clock/time",
)
GROUPS = ("firmware/names.py", MODEM + "names.py")


def table_of(data):
    """The names in a compiled module, without those every MicroPython has built in.

    `data`: a .mpy file of version 6 (docs.micropython.org, "MicroPython .mpy files"): a header of four bytes, the
    counts of names and objects, then the names: length * 2 and the text, or an odd number for a built-in one.
    ValueError: it is none.
    """
    if data[:2] != b"M\x06":
        raise ValueError("no .mpy file of version 6")
    at = 4

    def number():
        nonlocal at
        value = 0
        while True:
            byte = data[at]
            at += 1
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value

    count = number()
    number()  # objects
    found = []
    for _ in range(count):
        length = number()
        if not length & 1:
            found.append(data[at : at + length // 2].decode())
            at += length // 2 + 1
    return found


def group_of(relative):
    """Which of GROUPS the names of this module go to; None: nowhere."""
    path = relative.as_posix()
    if path.startswith(_LEFT_OUT):
        return None
    return GROUPS[path.startswith(MODEM)]


def source(names):
    """A module that mentions `names` and does nothing."""
    lines = ["def names(n):", "    pass"]
    for name in sorted(names):
        words = name.split(".")
        if not all(word.isidentifier() and not iskeyword(word) for word in words):
            lines.append("    n(%r)" % name)
        elif len(words) > 1:
            lines.append("    import %s" % name)
        else:
            lines.append("    n.%s" % name)
    return "\n".join(lines) + "\n"
