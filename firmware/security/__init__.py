"""What looks after the device's safety beside its work: the audit log; whom the device believes: the roots it knows,
its own certificate, and what a certificate says (`der`).

Of it the base version (tools/pack.py) has the audit log alone. May import core, never what uses it.
"""
