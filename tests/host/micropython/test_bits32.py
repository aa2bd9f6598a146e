"""Code that a class of boards never lets go stays within its budget, in the bytes of a 32-bit board."""

import shutil

import pytest

from bench import _bits32
from tests.host.support.upgrade import field
from tools import build, micropython

pytestmark = pytest.mark.timeout(400)  # the first run fetches the interpreter
CLASSES = tuple(_bits32.CLASSES)


@pytest.fixture(scope="module")
def residents():
    build.build()
    return _bits32.residents()


@pytest.fixture(scope="module")
def sizes(residents):
    return {name: _bits32.taken(modules, _bits32.device(name)) for name, modules in residents.items()}


def test_each_class_has_a_budget():
    assert set(micropython.RESIDENT_CODE) == set(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_resident_code_fits_its_budget(residents, sizes, name):
    code, names = sizes[name]
    budget = micropython.RESIDENT_CODE[name]
    text = "%s boards keep %d modules: %d bytes of code and %d of names, allowed are %d (tools/micropython.py)"
    assert code + names <= budget, text % (name, len(residents[name]), code, names, budget)


@pytest.fixture
def grown(tmp_path):
    """Give a module, source that comes before its own, and a class: a copy of what that runs, in which the module has
    grown by the source."""

    def make(module, source, name="small"):
        folder = tmp_path / name
        shutil.copytree(_bits32.device(name), folder)
        path = folder / (module.replace(".", "/") + ".mpy")
        path.rename(path.with_stem("before"))
        source += "\nfrom %s.before import *\n" % module.rpartition(".")[0]
        build.compile_one(None, path.relative_to(folder), path, source, lines=name not in _bits32.BASE)
        return folder

    return make


# One that stays, one that is loaded for a command: that one costs nothing but the largest class, which keeps all.
@pytest.mark.parametrize(
    "module, over", [("firmware.core.overlay", CLASSES), ("firmware.commands.handlers.help", ("roomy",))]
)
def test_a_module_that_grows_is_noticed_where_it_stays(residents, sizes, grown, module, over):
    room = max(micropython.RESIDENT_CODE[name] - sum(sizes[name]) for name in CLASSES)
    # What is measured of it is up to 70 bytes less: the heap is counted in blocks, and the module is one of two now.
    more = "_more = b'%s'" % ("x" * (room + 128))
    found = {name: sum(_bits32.taken(residents[name], grown(module, more, name))) for name in CLASSES}
    assert {name for name in CLASSES if found[name] > micropython.RESIDENT_CODE[name]} == set(over)


def test_what_a_resident_module_begins_to_import_counts(residents, sizes, grown):
    folder = grown("firmware.core.overlay", "import firmware.config.help")
    assert sum(_bits32.taken(residents["small"], folder)) > sum(sizes["small"]) + 1000


def test_the_packages_are_all_the_code(sizes):
    packages = _bits32.packages(_bits32.device("roomy"))
    assert min(packages.values()) > 0 and {"firmware/net", "umqtt"} <= set(packages)
    code, _ = sizes["roomy"]
    # Beside them there are a board or two more, and no boot.py.
    assert 0.97 < sum(packages.values()) / code < 1.03


@pytest.mark.parametrize("which", ("new", "field"))
def test_of_boot_little_stays(residents, sizes, tmp_path, which):
    """It runs among the names of __main__, where each of its functions would stay."""
    folder = tmp_path / "device"
    shutil.copytree(build.DEVICE, folder)
    if which == "field":
        image = tmp_path / "flash.img"
        field.unpack("fifo", image)
        (folder / "boot.py").write_bytes(field.read(image, "boot.py")["boot.py"])
    with_boot, _ = _bits32.taken(residents["small"], folder)
    (folder / "boot.py").write_text('""""""')
    assert with_boot - _bits32.taken(residents["small"], folder)[0] < 800
