"""docs/soak.svg and docs/soak_twin.svg from what the soaks have counted: `python -m tests.proof.curves`.

docs/soak.json is of tests/proof/soak.py, docs/soak_twin.json of tests/proof/soak_twin.py; both run this at their end.
"""

import json
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
MONTH, TWIN = DOCS / "soak.json", DOCS / "soak_twin.json"
_WIDTH, _HEIGHT, _LEFT, _TALL = 720, 165, 70, 100


def drawn(panels, unit):
    """SVG with a curve below the other: (title, [(time, value)], how a value is written) each; `unit` of the time."""
    pieces = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">'
        % (_WIDTH, len(panels) * _HEIGHT + 10),
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, (title, points, words) in enumerate(panels):
        pieces += _panel(number * _HEIGHT + 25, title, points, words, unit)
    return "\n".join([*pieces, "</svg>\n"])


def _panel(top, title, points, words, unit):
    last, most = points[-1][0], 1.1 * max(value for _, value in points) or 1
    wide = _WIDTH - _LEFT - 20
    places = " ".join(
        "%.1f,%.1f" % (_LEFT + at * wide / last, top + _TALL - _TALL * value / most) for at, value in points
    )
    bottom = top + _TALL
    return (
        '<text x="%d" y="%d">%s</text>' % (_LEFT, top - 8, title),
        '<path d="M%d %dv%dh%d" stroke="gray" fill="none"/>' % (_LEFT, top, _TALL, wide),
        '<text x="%d" y="%d" text-anchor="end">%s</text>' % (_LEFT - 6, top + 10, words % most),
        '<text x="%d" y="%d" text-anchor="end">0</text>' % (_LEFT - 6, bottom),
        '<text x="%d" y="%d" text-anchor="end">%s %d</text>' % (_WIDTH - 20, bottom + 16, unit, round(last)),
        '<polyline points="%s" stroke="#06c" stroke-width="1.5" fill="none"/>' % places,
    )


def month(found):
    """The picture of a month: bytes after each day."""
    panels = []
    for key, title in (
        ("heap", "what the app holds after a collection"),
        ("files", "files of log, ledgers and settings"),
        ("audit", "files of the audit log"),
    ):
        values = found[key]
        text = "%s, day by day: %d to %d bytes from the second on" % (title, min(values[1:]), max(values[1:]))
        panels.append((text, [(day, value / 1024) for day, value in enumerate(values, 1)], "%d KiB"))
    return drawn(panels, "day")


def twin(found):
    """The picture of 48 hours of the twin."""
    heap, waiting = found["heap"], found["waiting"]
    lowest = {}
    for at, count in heap:
        lowest[int(at)] = min(count, lowest.get(int(at), count))
    values = lowest.values()
    text = "heap in use after a collection, each ten seconds: %d to %d bytes"
    low = "the lowest of each hour: %d to %d bytes" % (min(values), max(values))
    return drawn(
        (
            (
                text % (min(count for _, count in heap), max(count for _, count in heap)),
                [(at, count / 1024) for at, count in heap],
                "%d KiB",
            ),
            (low, [(at + 0.5, count / 1024) for at, count in lowest.items()], "%d KiB"),
            ("records that wait: %d at most" % max(count for _, count in waiting), waiting, "%d"),
        ),
        "hour",
    )


def main():
    for path, picture in ((MONTH, month), (TWIN, twin)):
        if path.exists():
            path.with_suffix(".svg").write_text(picture(json.loads(path.read_text())))


if __name__ == "__main__":
    main()
