"""`python -m bench [NAME …]`: run the benchmarks, print a table, keep JSON in bench/results/."""

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path

import bench

RESULTS = Path(__file__).resolve().parent / "results"


def names():
    found = pkgutil.iter_modules(bench.__path__)
    return sorted(m.name for m in found if not m.name.startswith("_"))


def show(rows):
    for row in rows:
        reference = row.get("reference")
        text = "  %-44s %10.4g %-8s" % (row["name"], row["value"], row.get("unit", ""))
        if reference:
            text += " %s: %.4g" % (reference, row["reference_value"])
        if row.get("ratio") is not None:
            text += "  ratio %.3g" % row["ratio"]
        if row.get("target"):
            text += "  (target %s: %s)" % (row["target"], "met" if row["met"] else "MISSED")
        print(text, flush=True)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("name", nargs="*", help="which (default: all): %s" % ", ".join(names()))
    args = parser.parse_args(argv)
    RESULTS.mkdir(exist_ok=True)
    missed = 0
    for name in args.name or names():
        print("%s ..." % name, flush=True)
        rows = importlib.import_module("bench." + name).run()
        (RESULTS / (name + ".json")).write_text(json.dumps(rows, indent=1) + "\n")
        show(rows)
        missed += sum(1 for row in rows if row.get("target") and not row["met"])
    print("%d target(s) missed" % missed if missed else "every target met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
