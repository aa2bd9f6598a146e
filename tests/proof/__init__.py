"""What takes minutes of pure computing to prove: every power cut of the log, a day of CMUX, months, years.

Each module has `proof()`, which raises AssertionError, and returns its figures as a dict; `make proof` runs them all.
A seeded sample of most is a test in tests/host, through the same functions. `fault_samples` and `mutations` prove the
tests themselves: they break the source and see somebody notice.
"""
