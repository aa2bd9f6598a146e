"""`python -m bench [--quick] [NAME …]`: run the benchmarks, print one table, keep it and JSON in bench/results/.

Exit code 1 when a target was missed or a bench failed; the others run all the same.
"""

import importlib
import importlib.util
import json
import pkgutil
import sys
import time
import traceback
from pathlib import Path

import bench
from bench import _rows
from tools.options import Parser

RESULTS = Path(__file__).resolve().parent / "results"


def names():
    found = pkgutil.iter_modules(bench.__path__)
    return sorted(m.name for m in found if not m.name.startswith("_"))


def measure(name, quick):
    """The rows of one bench; of one that fails a row that says so, and its traceback is printed."""
    try:
        run = importlib.import_module("bench." + name).run
        return run(quick=True) if quick else run()
    except Exception as error:  # whatever it is: the others have their turn all the same
        traceback.print_exc(file=sys.stdout)
        return [_rows.failure(error)]


def main(argv=None):
    about, _, more = __doc__.partition("\n\n")
    parser = Parser(prog="bench", description=about, epilog=more)
    parser.add_argument("name", nargs="*", help="which (default: all): %s" % ", ".join(names()))
    parser.add_argument("--quick", action="store_true", help="little work: counts are judged, times are not")
    args = parser.parse_args(argv)
    wanted = args.name or names()
    for name in wanted:
        if not importlib.util.find_spec("bench." + name):
            parser.error("there is no bench %s" % name)
    RESULTS.mkdir(exist_ok=True)
    found = {}
    for number, name in enumerate(wanted, 1):
        print("[%d/%d] %s ..." % (number, len(wanted), name), flush=True)
        start = time.monotonic()
        found[name] = measure(name, args.quick)
        (RESULTS / (name + ".json")).write_text(json.dumps(found[name], indent=1) + "\n")
        took = time.monotonic() - start
        said = outcome(found[name], args.quick)
        print("[%d/%d] %s: %s, %.0f s" % (number, len(wanted), name, said, took), flush=True)
    text = _rows.table(found, args.quick)
    (RESULTS / "table.txt").write_text(text + "\n")
    every = outcome([row for rows in found.values() for row in rows], args.quick)
    print("\n%s\n\n%s" % (text, every))
    return 0 if every == "every target met" else 1


def outcome(rows, quick):
    """How the targets of some rows came out, in words."""
    verdicts = [_rows.verdict(row, quick) for row in rows]
    missed, failed = verdicts.count("MISSED"), verdicts.count("FAILED")
    words = ["%d target%s MISSED" % (missed, "s" * (missed > 1))] if missed else []
    if failed:
        words.append("%d bench%s FAILED" % (failed, "es" * (failed > 1)))
    return ", ".join(words) or "every target met"


if __name__ == "__main__":
    sys.exit(main())
