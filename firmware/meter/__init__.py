"""The meters: when to read what (`schedule`, `line`), one session (`session`), what was got (`meter`, `ledger`).

`session` is loaded for a session only, with what it needs of iec102, readings and record. May import clock, core, port
and diag; the log is handed in.
"""
