"""The meters: `meter` is always there; what is due and one reading (`reading`, `session`), what was got (`ledger`,
`result`) are loaded around a reading, `session` with what it needs of iec102, `readings/` and `records/`; so are
`line_probe` for DOCTOR and `frame_trace` while it is on. May import iec102, recordlog, config and core; the log is
handed in.
"""
