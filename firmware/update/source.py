"""Where a release comes from, whose it has to be, whether there is room: what an order is checked for at once."""

import os

from firmware.update import slots

# Bytes littlefs needs to go on working, beside the two versions.
_RESERVE = const(65536)


class OrderError(Exception):
    """The order is not taken; the text is for who ordered it, `answer` the code of commands.executor.CommandError."""

    code = 501

    def __init__(self, answer, text):
        super().__init__(text)
        self.answer = answer


class ReleaseError(Exception):
    """Something is wrong with the file; the text says what, for the installer."""

    code = 503


class UpdateError(Exception):
    """The update did not happen; the device runs on as before. The text says why."""

    code = 504


class GiveWay(Exception):
    """Somebody else needs the heap: what was fetched stays for the next call."""

    code = 505


def read_key(root):
    """The public key's modulus in release.pub (hex on its last line); ReleaseError without one."""
    words = slots.read_text(root + "/release.pub", 2048).split()
    try:
        import binascii

        return binascii.unhexlify(words[-1])
    except (IndexError, ValueError):
        raise ReleaseError(
            "this device has no release key (release.pub): "
            "`python -m tools.release keygen` and `make deploy` give it one"
        ) from None


def lacking(root, size, folder=None):
    """Why there is no room for `size` bytes more, in figures; "" if there is, or the port cannot tell.

    `folder`: of a version that makes room for them.
    """
    try:
        facts = os.statvfs(root or "/")
    except (AttributeError, OSError):
        return ""
    free = facts[1] * facts[3] + (slots.used(root, folder) if folder else 0)
    needed = size + _RESERVE
    if free >= needed:
        return ""
    return "not enough room: %d KiB free, %d KiB needed; nothing was changed" % (free // 1024, needed // 1024)
