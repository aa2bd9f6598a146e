"""The rows that benches give, and the one table they are shown in.

A row is a dict with `name`, `value`, `unit`, `reference` and `reference_value` ("" and None where there is none),
`ratio` (None where there is none), `target` (text, "" for what is only told), `met` (bool) and `timed`: whether the
target hangs on how fast this machine is. Benches may add what they like.
"""

_HEADS = ("", "value", "unit", "reference", "", "ratio", "target", "")
_RIGHT = (1, 4, 5)  # columns of numbers


def row(name, value, unit="", reference=None, *, ratio=None, target="", met=True, timed=False, **more):
    """`reference`: (what it is, its value); the ratio is the value to it if nothing else is said."""
    what, against = reference or ("", None)
    if ratio is None and against:
        ratio = value / against
    found = {"name": name, "value": value, "unit": unit, "reference": what, "reference_value": against}
    found.update(ratio=ratio, target=target, met=bool(met), timed=timed, **more)
    return found


def at_most(name, value, unit, what, limit, **more):
    """A row against the most the value may be."""
    return row(name, value, unit, (what, limit), target="<= 1", met=value <= limit, **more)


def none(name, value, **more):
    """A row of what must not happen at all."""
    return row(name, value, target="none", met=not value, **more)


def verdict(found, quick=False):
    """The last word on a row: "met", "MISSED", "FAILED" (no row came), "not judged" or ""."""
    if found.get("failed"):
        return "FAILED"
    if not found.get("target"):
        return ""
    if quick and found.get("timed"):
        return "not judged"
    return "met" if found["met"] else "MISSED"


def failure(error):
    """What stands in the table for a bench that raised `error`."""
    lines = str(error).strip().splitlines() or [""]
    return {"name": "%s: %s" % (type(error).__name__, lines[-1][:80]), "value": None, "failed": True}


def table(benches, quick=False):
    """The text of the table of {bench: rows}."""
    lines = [_HEADS]
    for name, rows in benches.items():
        lines.append((name,) + ("",) * (len(_HEADS) - 1))
        lines += [_cells(found, quick) for found in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADS))]
    return "\n".join(_line(line, widths) for line in lines)


def _cells(found, quick):
    return (
        "  " + found["name"],
        _number(found.get("value")),
        found.get("unit", ""),
        found.get("reference") or "",
        _number(found.get("reference_value")),
        _number(found.get("ratio"), 3),
        found.get("target") or "",
        verdict(found, quick),
    )


def _number(value, digits=5):
    """Whole numbers in full, others with so many digits that count."""
    if value is None:
        return ""
    if value == int(value) or abs(value) >= 10**digits:
        return "%d" % round(value)
    return "%.*g" % (digits, value)


def _line(cells, widths):
    placed = [
        cell.rjust(width) if column in _RIGHT else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths))
    ]
    return "  ".join(placed).rstrip()
