"""Who has logged in to the page: a challenge that is answered with the password, then a session.

Over plain HTTP the password must not travel, and a browser has no crypto of its own there: the page hashes it as
config/password.py seals it, and then that with a challenge of ours, which is good for one try. What the flash has of
the password is therefore as good as the password to whoever can read it. Five wrong ones are free, then each costs a
pause that doubles, for all together: whoever guesses has many addresses.
"""

import binascii
import hashlib
import os

from firmware.core import overlay
from firmware.core.compat import monotonic_s

_BYTES = const(16)
_IDLE_S = const(900)
_CHALLENGE_S = const(120)
_MOST = const(4)  # sessions, and challenges
_FREE = const(5)
_LONGEST_S = const(300)
_MARK = const(3)  # letters before the salt
_SALT = const(8)
ROUNDS = const(200)  # those of config/password.py
COOKIE = const("lector102")


class Wait(Exception):
    """Too many wrong passwords: `seconds` until the next try."""

    def __init__(self, seconds):
        super().__init__(seconds)
        self.seconds = seconds


class Logins:
    """`sealed()` gives the sealed password of the page; without one nobody gets in."""

    def __init__(self, sealed):
        self._sealed = sealed
        # [text, monotonic seconds], the oldest first: tokens and when each was used last, challenges and when given.
        self._sessions = []
        self._challenges = []
        self.wrong = 0
        self._until = 0

    def challenge(self):
        """(salt, challenge) for a try."""
        _drop(self._challenges, _CHALLENGE_S)
        text = _token()
        self._challenges.append((text, monotonic_s()))
        return self._sealed()[_MARK : _MARK + _SALT], text

    def enter(self, proof):
        """The token of a new session, or None: that is not the password. Wait."""
        now = monotonic_s()
        if now < self._until:
            raise Wait(self._until - now)
        _drop(self._challenges, _CHALLENGE_S, _MOST + 1)
        sealed, good = self._sealed(), None
        for each in self._challenges:
            text = each[0]
            wanted = binascii.hexlify(hashlib.sha256((text + sealed).encode()).digest()).decode()
            if sealed and _same(wanted, proof):
                good = each
        if not good:
            self.wrong += 1
            if self.wrong >= _FREE:
                self._until = now + min(2 << min(self.wrong - _FREE, 10), _LONGEST_S)
            return None
        self._challenges.remove(good)
        self.wrong = 0
        _drop(self._sessions, _IDLE_S)
        token = _token()
        self._sessions.append((token, now))
        return token

    def known(self, token):
        """Whether a session goes on; that it was asked for keeps it."""
        _drop(self._sessions, _IDLE_S, _MOST + 1)
        # Every token is compared, and each whole: how long it takes tells nothing.
        found = None
        for each in self._sessions:
            if _same(each[0], token):
                found = each
        if found:
            self._sessions.remove(found)
            self._sessions.append((token, monotonic_s()))
        return found is not None

    def leave(self, token):
        self._sessions[:] = [each for each in self._sessions if each[0] != token]

    def forget(self):
        """The password has changed."""
        del self._sessions[:]
        del self._challenges[:]


def _same(one, other):
    with overlay.use("password"):
        from firmware.config import password

        return password.same(one, other)


def _token():
    return binascii.hexlify(os.urandom(_BYTES)).decode()


def _drop(found, age, most=_MOST):
    """Make room for one more: what is too old goes, and the oldest."""
    now = monotonic_s()
    found[:] = [each for each in found if now - each[1] <= age]
    while len(found) >= most:
        del found[0]
