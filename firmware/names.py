"""Takes in every name the app may meet, before anything else is in the heap; loaded at the start and let go.

MicroPython keeps each name it has loaded for ever, in small pieces where there just was room. Taken in one by one,
while sessions and commands come and go, those pieces lie all over the heap and no large block is left between them.
A compiled module begins with its names (docs.micropython.org, "MicroPython .mpy files"): a header of four bytes, the
counts of names and of objects, then for each name length * 2 and the text, or an odd number for a built-in one.
"""

import gc
import os
import sys

# Hardware of one board each, and what is seldom or never wanted, begins so; a folder's modules follow a "/". A packed
# version has it marked (tools/pack.py).
LEFT_OUT = (
    "/boards",
    "/modem",
    "/update",
    "/config/takeover",
    "/config/password",
    "/config/helptexts",
    "/config/settings_help",
    "/commands/help",
    "/commands/doctor",
    "/commands/leave",
    "/frametrace",
    "/framewords",
    "/meterprobe",
    "/discovery",
    "/homeassistant",
    "/commands/tags",
    "/commands/update",
    "/safemode",
    "/clock/ntp",
    "/clock/time",
)
_FOLDER = 0x4000


def take_in(top):
    """Take in the names of the compiled modules of the packed version that runs or, where there is none, below the
    folder `top`; what cannot be read is left to its import."""
    packed = getattr(sys.modules.get("packfs"), "mounted", None)
    if packed:
        for stream in packed:
            _take(stream)
    elif hasattr(os, "ilistdir"):
        for folder in ("/firmware", "/lib"):
            try:
                _walk(top + folder, "")
            except OSError:
                pass  # it is not there
            gc.collect()


def _walk(folder, path):
    for item in os.ilistdir(folder + path):
        below = path + "/" + item[0]
        if below.startswith(LEFT_OUT):
            continue
        if item[1] & _FOLDER:
            _walk(folder, below)
        elif below.endswith(".mpy"):
            with open(folder + below, "rb") as file:
                _take(file)


def _take(stream):
    try:
        _module(stream)
    except (OSError, IndexError, ValueError):
        pass
    gc.collect()


def _module(file):
    if file.read(4)[:2] != b"M\x06":
        return
    count = _number(file)
    _number(file)
    for _ in range(count):
        length = _number(file)
        if not length & 1:
            # Whoever is asked for a name has it from then on.
            hasattr(gc, str(file.read(length // 2), "utf-8"))
            file.read(1)


def _number(file):
    value = 0
    while True:
        byte = file.read(1)[0]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value
