"""A backup's bytes under a password: what a board tells of its secrets lies on no disk in the clear.

The file: MAGIC, 16 bytes of salt, 12 of nonce, then AES-256-GCM, with the key that scrypt makes of the password
(n 2**15, r 8, p 1: 32 MiB and a tenth of a second a guess).
"""

import getpass
import os
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from tools.board.device import BoardError

MAGIC = b"lector102 backup 1\n"
VARIABLE = "LECTOR_BACKUP_PASSWORD"
LEAST = 8
_SALT = 16
_NONCE = 12


def seal(data, password):
    """`data` encrypted (bytes)."""
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    return MAGIC + salt + nonce + AESGCM(_key(password, salt)).encrypt(nonce, data, MAGIC)


def is_sealed(data):
    return data.startswith(MAGIC)


def unseal(data, password):
    """What was sealed. BoardError: it is another password, or somebody has changed the file."""
    at = len(MAGIC) + _SALT
    salt, nonce, data = data[len(MAGIC) : at], data[at : at + _NONCE], data[at + _NONCE :]
    try:
        return AESGCM(_key(password, salt)).decrypt(nonce, data, MAGIC)
    except (InvalidTag, ValueError):
        raise BoardError("that is not the password of this backup, or the file is damaged") from None


def _key(password, salt):
    return Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(password.encode())


def new(ask=getpass.getpass, out=print):
    """A new password, asked for twice at the terminal, or of LECTOR_BACKUP_PASSWORD. BoardError."""
    given = os.environ.get(VARIABLE)
    if given is not None:
        if len(given) < LEAST:
            raise BoardError("%s has to have %d characters or more" % (VARIABLE, LEAST))
        return given
    _terminal()
    out("The backup holds the passwords of broker, SIM and meters, so it is encrypted. Without this one it is lost.")
    while True:
        first = ask("password of the backup (%d characters or more): " % LEAST)
        if len(first) < LEAST:
            out("that is too short")
        elif ask("once more: ") != first:
            out("these are two different ones")
        else:
            return first


def known(ask=getpass.getpass):
    """The password of a backup that there is. BoardError."""
    given = os.environ.get(VARIABLE)
    if given is not None:
        return given
    _terminal()
    return ask("password of the backup: ")


def _terminal():
    if not sys.stdin.isatty():
        raise BoardError("a backup's password is asked for at a terminal; a script says it in %s" % VARIABLE)
