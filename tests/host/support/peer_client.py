"""The AGPL client iec870ree, a peer of tests and of a bench alone."""

import sys
import types


def load_peer():
    """What of it is used, as attributes: Ip, AppLayer, LinkLayer."""
    try:
        import dateutil.relativedelta  # noqa: F401
    except ImportError:
        # iec870ree imports it without declaring it; its reading of events alone calls it, and nobody here.
        stand_in = types.ModuleType("dateutil.relativedelta")
        stand_in.relativedelta = None
        sys.modules.setdefault("dateutil", types.ModuleType("dateutil"))
        sys.modules["dateutil.relativedelta"] = stand_in
    from iec870ree.ip import Ip
    from iec870ree.protocol import AppLayer, LinkLayer

    return types.SimpleNamespace(Ip=Ip, AppLayer=AppLayer, LinkLayer=LinkLayer)
