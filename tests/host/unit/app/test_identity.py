"""Who the device is: device.imei, else the modem's IMEI, else what it was before an update (applysettings)."""

import asyncio
from types import SimpleNamespace

import pytest

from firmware.app import apply_settings
from tests.host.support.record_format import record_format

_CHIP, _MODEM, _OTHER = "e66118604b", "861122334455667", "867000000000007"


class Store(dict):
    gate = None

    def set(self, key, value):
        self[key] = value


def told(tmp_path, imei=_MODEM, stored=None, setting="", slots=()):
    """The modem tells `imei` to a device that has begun as its chip; who it is then, and what its store has.

    `slots`: the folders that have a whole version, the first one runs.
    """
    for name in slots:
        (tmp_path / name).mkdir()
    from firmware.update.slots import PACK

    for name in slots:
        for file in (PACK, "manifest.json"):
            (tmp_path / name / file).write_text("{}")
    applied = []
    store = Store() if stored is None else Store(imei=stored)
    app = SimpleNamespace(
        modem=SimpleNamespace(store=store),
        guard=SimpleNamespace(root=str(tmp_path), folder=slots[0]) if slots else None,
        config=SimpleNamespace(get=lambda name: setting, expansions={"IMEI": _CHIP}),
        imei=_CHIP,
        format=record_format(_CHIP, "P"),
    )
    real, apply_settings._apply = apply_settings._apply, applied.append
    try:
        asyncio.run(apply_settings.known_as(app, imei))
    finally:
        apply_settings._apply = real
    assert app.format.imei == app.imei == app.config.expansions["IMEI"]
    assert bool(applied) == (app.imei != _CHIP)
    return app.imei, store.get("imei")


def test_a_new_device_is_its_modem(tmp_path):
    assert told(tmp_path) == (_MODEM, _MODEM)
    assert told(tmp_path, slots=("app.a",)) == (_MODEM, _MODEM)


def test_a_setting_stands_above_the_modem(tmp_path):
    assert told(tmp_path, setting=_OTHER) == (_CHIP, None)


def test_one_that_was_updated_in_the_field_stays_who_it_was(tmp_path):
    assert told(tmp_path, slots=("app.b", "app.a")) == (_CHIP, "")
    assert told(tmp_path, stored="") == (_CHIP, "")


@pytest.mark.parametrize("stored", [_MODEM, _OTHER])
def test_with_another_modem_it_is_another_device(tmp_path, stored):
    assert told(tmp_path, stored=stored) == (_MODEM, _MODEM)
