"""The meters: `meter` is always there; what is due and one reading (`reading`, `session`), what was got (`ledger`,
`result`) are loaded around a reading, `session` with what it needs of iec102, readings and record. May import clock,
core, port, gate and diag; the log is handed in.
"""
