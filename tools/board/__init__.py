"""Flash, deploy to, configure and speak with a board: `python -m tools.board --help`."""
