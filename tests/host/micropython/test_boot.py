"""boot.py of devices in the field, from the flash of one."""

import types

import pytest

from firmware.update import safestart, slots
from tests.host.support.upgrade import field
from tests.host.unit.update.test_boot import flash  # noqa: F401


@pytest.fixture
def field_boot(tmp_path_factory):
    """boot.py of f77621f, from the flash of a device in the field."""
    image = tmp_path_factory.mktemp("field") / "flash.img"
    field.unpack("fifo", image)
    module = types.ModuleType("boot")
    exec(compile(field.read(image, "boot.py")["boot.py"], "boot.py", "exec"), vars(module))
    return module


def test_after_ctrl_c_the_boot_of_the_field_counts_what_is_no_start_and_the_version_sets_it_right(flash, field_boot):
    def begun():
        folder, starts = field_boot.choose()
        field_boot._counted(folder, starts)
        return folder, starts

    begun()
    guard = safestart.Guard(flash.root)
    guard.hold()
    for _ in range(16):
        assert begun()[0] == "app.b"
    folder, starts = begun()
    guard = safestart.Guard(flash.root)
    assert folder == "app.b" and starts < 0
    assert (guard.mode, guard.starts, slots.read_text("starts")) == ("normal", 1, "1")
    # From here on a start that fails counts as ever.
    assert [begun()[0] for _ in range(3)] == ["app.b", "app.b", "app.a"]
