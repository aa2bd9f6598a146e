"""What the deliveries over HTTP and FTP want of the settings: the dict of a sender.Sender."""

from firmware.core import log, overlay
from firmware.delivery.mqtt.options import probe

_EXPANDED = const(("server", "folder", "header1", "header2"))


def options(app, name):
    """Of "http" or "ftp": the settings of that group by their names, its address in parts, `trust` (None: without
    TLS), `probe`. `enabled` alone, False, where nothing is to be delivered or there is no address."""
    config = app.config
    found = {}
    with overlay.use("settings"):
        from firmware.config import settings

        for row in settings.rows((name,)):
            field = row[0].partition(".")[2]
            found[field] = config.get(row[0])
            if field in _EXPANDED:
                found[field] = config.expand(found[field])
    if not (found["enabled"] and config.get("logger.enabled") and found["server"]):
        return {"enabled": False}
    scheme, _, rest = found["server"].partition("://")
    rest, slash, path = rest.partition("/")
    found["host"], _, port = rest.partition(":")
    found["path"] = slash + path or "/"
    usual, found["trust"] = 80 if name == "http" else 21, None
    if scheme[-1:] == "s":
        if name == "http":
            usual = 443
        try:
            with overlay.use("trust"):
                from firmware.security import trust

                found["trust"] = trust.of_server(app.board.root, app.clock, config.get)
        except ImportError:
            log.error("config", "%s.server: this version has no TLS", name)
            return {"enabled": False}
    found["port"] = int(port or usual)
    found["probe"] = probe(config)
    found["imei"] = app.imei
    return found


def apply(app):
    """Use the settings as they are now."""
    for each in app.deliveries:
        if each is not app.mqtt:
            found = options(app, each.name)
            if found != each.settings:
                each.reconfigure(found)


def make(app, number):
    """The senders that are switched on, each with its cursor; `number(n)`: the jitter of the n-th."""
    found = []
    alone = [] if overlay.tight() else None
    for place, name in enumerate(("http", "ftp")):
        if app.config.get(name + ".enabled"):
            with overlay.part:
                from firmware.delivery.sender import Sender
                from firmware.recordlog.kept import Kept

            cursor = Kept(app.ring, name, 3 * place)
            found.append(Sender(name, options(app, name), cursor, app, number(place + 1), alone))
    return found
