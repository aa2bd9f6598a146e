"""What is let go is gone: nothing that stays has a function or an object of a module that does not (core/overlay.py).

A function keeps the module it is from, with all that this one has, and so does an object with its class. On a board
that is heap for good, which nothing that looks at sys.modules sees.
"""

import importlib
import json
import sys
import types

import pytest

from firmware.app import starting
from tests.host.support.fake_machine import Chip, board_of
from tests.host.unit.core.test_overlay import GROUP

_SETTINGS = {
    "meter.0.enabled": True, "meter.0.id": "A", "mqtt.enabled": True, "mqtt.broker": "tcp://one", "ha.enabled": True,
    "uplink.type": "modem", "uplink.apn": "internet", "sms.enabled": True, "sms.status": 24,
    "sms.status_phone": "+34600111222",
}  # fmt: skip
# Made at the first login, or held on purpose for as long as there is CMUX (net/modem/prepare.py).
_HELD = {"firmware.net.modem.cmux"}
_WIRES = {"power_key": 14, "reset": 15, "reset_low": True, "dcd": 18}


def let_go(module):
    return module in GROUP and module not in _HELD


def kept(root):
    """Yield (way, module) of each function and object of a module that is let go, from what `root` leads to."""
    seen, todo = set(), [("app", root)]
    while todo:
        way, each = todo.pop()
        if id(each) in seen or isinstance(each, (str, bytes, int, float, type(None), types.ModuleType)):
            continue
        seen.add(id(each))
        if isinstance(each, types.MethodType):
            todo += [(way + "()", each.__self__), (way, each.__func__)]
        elif isinstance(each, types.FunctionType):
            if let_go(each.__module__):
                yield way, each.__module__
            todo += [(way + ".closure", cell.cell_contents) for cell in each.__closure__ or ()]
        elif isinstance(each, dict):
            todo += [("%s[%r]" % (way, key), value) for key, value in each.items()]
        elif isinstance(each, (list, tuple, set)):
            todo += [("%s[%d]" % (way, at), value) for at, value in enumerate(each)]
        elif type(each).__module__.startswith("firmware."):
            if let_go(type(each).__module__):
                yield way, type(each).__module__
            for names in (vars(each), vars(type(each))):
                todo += [("%s.%s" % (way, name), value) for name, value in names.items() if name[:2] != "__"]


@pytest.fixture(params=["pico_w", "generic_esp32"])
def app(request, monkeypatch, tmp_path):
    """The app on a board with a modem and all of its wires, after the start."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(_SETTINGS))
    (tmp_path / "board.json").write_text(json.dumps({"modem": _WIRES}))
    Chip("rp2" if request.param == "pico_w" else "esp32").install(monkeypatch)
    kind = board_of(request.param, monkeypatch, tmp_path)
    monkeypatch.setattr(kind, "console", lambda self: None)
    umqtt = types.ModuleType("umqtt")
    umqtt.simple = types.ModuleType("umqtt.simple")
    monkeypatch.setitem(sys.modules, "umqtt", umqtt)
    found = starting.make(kind())
    assert found.modem and found.lines and found.mqtt and found.discovery
    return found


def test_the_running_app_keeps_nothing_of_what_is_let_go(app):
    assert not sorted(set(kept(app)))


def test_the_search_finds_a_function_of_the_start(app):
    from firmware.boards import wiring

    app.modem.tell = lambda: wiring
    app.modem.dcd = wiring.ident
    app.board.keys = [importlib.import_module("firmware.net.modem.exchange").Asked("AT", False)]
    assert {module for _, module in kept(app)} == {"firmware.boards.wiring", "firmware.net.modem.exchange"}
