"""MicroPython name of binascii, for umqtt.simple 1.3.4 on CPython."""

from binascii import *  # noqa: F403
