"""`python -m tools.package`: write package.json, with which `mpremote mip install` brings the firmware onto a board.

It lists the sources, as they lie in a published repository; a board compiles them at its start, so it has to be one
with PSRAM. What is deployed over the cable or updated over the air is compiled and packed (tools/board/deploy.py).
`--check` writes nothing and ends with 1 when the file is stale.
"""

import json
import sys
from pathlib import Path

from firmware.core import VERSION
from tools.board.deploy import UNIX
from tools.options import Parser

ROOT = Path(__file__).resolve().parent.parent
PATH = ROOT / "package.json"
# From the index of micropython-lib; the tests run the firmware with what this version does.
DEPENDENCIES = [["umqtt.simple", "1.8.0"]]
# Opens packed versions: there is none.
_HELPER = "firmware/packfs.py"


def files(root=ROOT):
    """The paths (str) of what goes onto a board, as they lie here and there."""
    found = ["boot.py", "main.py"]
    for path in sorted((root / "firmware").rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if name != _HELPER and not (path.parent.name == "boards" and path.stem in UNIX):
            found.append(name)
    return found


def text(names, dependencies=DEPENDENCIES):
    """The content of a package.json."""
    lines = ",\n    ".join(json.dumps([name, name]) for name in names)
    head = json.dumps(dependencies)
    return '{\n  "version": "%s",\n  "deps": %s,\n  "urls": [\n    %s\n  ]\n}\n' % (VERSION, head, lines)


def main(argv=None):
    parser = Parser(prog="tools.package", description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if it is stale")
    args = parser.parse_args(argv)
    wanted = text(files())
    if PATH.exists() and PATH.read_text() == wanted:
        return 0
    if args.check:
        print("stale: package.json; make docs writes it")
        return 1
    PATH.write_text(wanted)
    print("written: package.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
