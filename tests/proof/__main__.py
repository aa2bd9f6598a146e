"""`python -m tests.proof [NAME …]`: run the proofs one after another; exit code 1 when one of them fails."""

import importlib
import sys
import time
import traceback

from tools.options import Parser

NAMES = (
    "fuzz", "power_cuts", "upgrade_cuts", "root_cuts", "cmux_day", "months", "years", "full_heap", "many_commands",
    "weather", "soak", "soak_twin", "fault_samples", "mutations", "fleet_month", "fleet_cluster", "fleet_twins",
)  # fmt: skip


def main(argv=None):
    parser = Parser(prog="tests.proof", description=__doc__)
    parser.add_argument("name", nargs="*", help="which (default: all): %s" % ", ".join(NAMES))
    wanted = parser.parse_args(argv).name or NAMES
    for name in wanted:
        if name not in NAMES:
            parser.error("there is no proof %s" % name)
    failed = []
    for number, name in enumerate(wanted, 1):
        print("[%d/%d] %s ..." % (number, len(wanted), name), flush=True)
        start = time.monotonic()
        try:
            found = importlib.import_module("tests.proof." + name).proof()
        except Exception:  # whatever it is: the others have their turn all the same
            traceback.print_exc(file=sys.stdout)
            failed.append(name)
            continue
        for key, value in found.items():
            print("      %s: %s" % (key, value))
        print("[%d/%d] %s holds, %.0f s" % (number, len(wanted), name, time.monotonic() - start))
    print("FAILED: " + ", ".join(failed) if failed else "every proof holds")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
