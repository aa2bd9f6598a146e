"""The core in C, compiled for this machine when it is first wanted."""

import fcntl
import hashlib
import importlib.util
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent.parent / "build" / "pico"
SOURCES = ("core.pyx", "core.h", "thumb.h", "memory.h")
_FLAGS = ["-O3", "-march=native", "-w", "-fno-strict-aliasing"]
_NAME = "lector102_core"  # the package's own name would be looked up in the package


def core():
    """The module with the class Core (core.pyx). Takes half a minute the first time."""
    digest = hashlib.sha256(sys.version.encode())
    for name in SOURCES:
        digest.update((HERE / name).read_bytes())
    folder = FOLDER / digest.hexdigest()[:16]
    path = folder / (_NAME + sysconfig.get_config_var("EXT_SUFFIX"))
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            _compile(folder)
    spec = importlib.util.spec_from_file_location(_NAME, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _compile(folder):
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    print("compiling the emulator's core (once) ...", file=sys.stderr, flush=True)
    extension = Extension(_NAME, [str(HERE / "core.pyx")], include_dirs=[str(HERE)], extra_compile_args=_FLAGS)
    made = cythonize([extension], build_dir=str(folder / "c"), quiet=True)
    build = Distribution({"ext_modules": made}).get_command_obj("build_ext")
    build.build_lib, build.build_temp = str(folder), str(folder / "o")
    build.ensure_finalized()
    build.run()
