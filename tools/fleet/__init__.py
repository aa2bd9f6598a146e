"""The other end of the devices: records from the broker into a database, each exactly once, and what follows from it.

`python -m tools.fleet ingest|watch|backfill|rollout|aside|try` (docs/fleet.md). `records` knows what a record is,
`store` the database, `gaps` what is missing; `ingest`, `watch`, `backfill`, `rollout` are the commands; `link` is the
way to the broker; `simulate` makes devices that are none, with the firmware's own record writers. May import firmware
(zone, record writers) and tools; nothing in firmware imports this.
"""
