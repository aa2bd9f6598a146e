"""Whom the device believes: the roots it knows, its own certificate, and what a certificate says (`der`).

None of it is in the base version (tools/pack.py). May import core, never what uses it.
"""
