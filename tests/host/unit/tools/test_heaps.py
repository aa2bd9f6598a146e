"""Heap sizes stand in one place: tools/micropython.py."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
SOURCES = [
    path
    for folder in ("bench", "firmware", "make", "tests", "tools")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".mk", ".sh")
]


def test_nobody_else_starts_micropython_or_writes_a_heap_size():
    allowed = {ROOT / "tools" / "micropython.py", Path(__file__)}
    offence = re.compile(r"heapsize|parent / \"micropython\"|\"\d+[km]\"|heap=[\"'\d]")
    found = [
        "%s: %s" % (path.relative_to(ROOT), match.group())
        for path in SOURCES
        if path not in allowed
        for match in [offence.search(path.read_text())]
        if match
    ]
    assert not found
