"""The settings: one table of them, what was set, and what checks, changes, tries out and shows them.

`config` (Config) stays in memory, everything else is loaded for the moment. May import core and nothing else.
"""
