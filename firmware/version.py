"""The version of the project, in this place alone: pyproject.toml and tools/ read it here, CHANGES.md tells of it."""

VERSION = "0.1.0"
