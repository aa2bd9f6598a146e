"""Speed and memory as ratios against a named reference in the same run.

Each module has `run(quick=False) -> list of rows` (_rows.py says what a row holds). `quick` is the same way from end
to end with little work, for tests: its counts and bytes are judged, its times are not. `python -m bench` runs all.
Scripts for MicroPython: device/ runs with the firmware as compiled for a board, sources/ with its sources.
"""
