"""The device's password as it lies on the flash: salted and hashed, in a form an older firmware can hold, too.

`$1$`, 8 letters of salt and 20 of a hash of 120 bits: 31 letters, a password may have 32.
"""

import binascii
import hashlib
import os

_MARK = const("$1$")
_SALT = const(6)
_DIGEST = const(15)
_LENGTH = const(31)
# So many that guessing costs, and that a board of 133 MHz is done within 100 ms.
_ROUNDS = const(200)


def seal(text, salt=None):
    """The sealed form of a password; `salt`: the letters of another one's."""
    salt = salt or _letters(os.urandom(_SALT))
    key = text.encode()
    digest = salt.encode()
    for _ in range(_ROUNDS):
        digest = hashlib.sha256(digest + key).digest()
    return _MARK + salt + _letters(digest[:_DIGEST])


def _letters(data):
    return binascii.b2a_base64(data).decode().strip()


def sealed(text):
    """Whether `text` is a sealed password."""
    return len(text) == _LENGTH and text.startswith(_MARK)


def fits(stored, text):
    """Whether `text` is the password that was stored, sealed or as it was typed; takes as long if it is not."""
    if not sealed(stored):
        stored = seal(stored)
    at = len(_MARK)
    return same(stored, seal(text, stored[at : at + _SALT * 4 // 3]))


def same(one, other):
    """Whether two texts are the same; how long that takes does not tell where they differ."""
    one, other = one.encode(), other.encode()
    differ = len(one) ^ len(other)
    for at in range(len(other)):
        differ |= other[at] ^ (one[at] if at < len(one) else 0)
    return not differ


def typed(config):
    """Whether the device's password lies on the flash as it was typed."""
    text = config.get("device.password")
    return bool(text) and not sealed(text)


def keep(config):
    """Put the sealed form in the place of a password that lies on the flash as it was typed. OSError."""
    if not typed(config):
        return
    config.values["device.password"] = seal(config.get("device.password"))
    # Twice: the first leaves the file of before as the last good one.
    config.save()
    config.save()
