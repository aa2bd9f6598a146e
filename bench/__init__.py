"""Speed and memory as ratios against a named reference in the same run.

Each module has `run() -> list of rows`; a row is a dict with `name`, `value`, `unit`, `reference`,
`reference_value`, `ratio`, `target` (text) and `met` (bool). `python -m bench` runs them all.
"""
