"""Versions of the firmware: two `slots` on the flash, a safe start, and the update over the air (docs/update.md).

`safestart` and `slots` run at each start; `update`, `download`, `release` and `signature` are imported when an update
is ordered. May import port and diag.
"""
