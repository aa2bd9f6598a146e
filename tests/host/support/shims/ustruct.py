"""MicroPython name of struct, for umqtt.simple 1.3.4 on CPython."""

from struct import *  # noqa: F403
