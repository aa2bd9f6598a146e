"""Passwords without a command line: from a file, from the environment, or asked for."""

import getpass
import os
import sys
from pathlib import Path


class NoSecret(Exception):
    """There is no way to get it; the text says what to do."""


def get(what, path, variable, needed=True):
    """The secret called `what`; "" where there is none and none is `needed`. NoSecret."""
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise NoSecret("%s: %s" % (path, error)) from None
    if variable in os.environ:
        return os.environ[variable]
    if not needed:
        return ""
    if not sys.stdin.isatty():
        raise NoSecret(
            "the %s is wanted: in a file (--password-file FILE) or in the environment (%s)" % (what, variable)
        )
    return getpass.getpass("%s: " % what)
