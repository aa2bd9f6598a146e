"""The password of a new board's page: made here, told once, kept on the board as its hash."""

import json
import secrets

from firmware.config import password
from firmware.config.files import DEFAULTS, NUMBER
from tools.board import settings
from tools.board.deploy import ROOMY_HEAP, heap

# What is neither mistaken for another sign nor makes a word, in three groups: 44 bits.
_SIGNS = "23456789bcdfghjkmnpqrstvwxyz"
_PAGE = "web/page.gz"


def make():
    """A password that is easily read off paper."""
    return "-".join("".join(secrets.choice(_SIGNS) for _ in range(3)) for _ in range(3))


def give(device, deployed, out=print):
    """Set page.password on a board that has just got its first firmware, where that has a page. Returns whether.

    A board that had one before keeps what it has: what nobody asked for must not listen after an update.
    """
    if not deployed.first or _PAGE not in deployed.files or settings.read(device).get("page.password"):
        return False
    if heap(device) < ROOMY_HEAP:
        return False
    text = make()
    # Nothing of the firmware can be imported yet: boot.py mounts it at the next start.
    values = settings.read(device) or {NUMBER: DEFAULTS}
    values["page.password"] = password.seal(text)
    device.write("/config.json", json.dumps(values).encode())
    out(
        "page: its password is %s; told this once, so write it down (docs/page.md). No page is wanted: "
        "AT^MTXTUNNEL=SETPARAM,page.password," % text
    )
    return True
