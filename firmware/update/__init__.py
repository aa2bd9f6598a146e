"""Versions of the firmware: two `slots` on the flash, a safe start, and the update over the air (docs/update.md).

`safestart` is always there, `starts` and `slots` are loaded at each start and seldom afterwards; the others when an
update is ordered. May import net, config and core.
"""
