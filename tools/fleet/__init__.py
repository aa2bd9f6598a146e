"""The other end of the devices: records from the broker into a database, each exactly once, and what follows from it.

`python -m tools.fleet ingest|watch|backfill|rollout|aside|try` (docs/fleet.md), a module each (`trial` is `try`,
`updating` the one device of `rollout`). Below them: `records` (what a record is; `times`, `faults`), `store` (the
database; `sqlite`, `postgres`), `gaps` (what is missing), `link` (the way to the broker), `desk` (commands to
devices), `words` (what a person reads), `simulate` and `sending` (devices that are none, with the
firmware's own readers and record writers). May import firmware (zone, record writers) and tools; nothing in firmware
imports this.
"""
