"""What the deliveries over HTTP and FTP want of the settings: the dict of a sender.Sender."""

from firmware.core import log, overlay


def options(app, name):
    """Of "http" or "ftp". `enabled` alone, False, where nothing is to be delivered or there is no address."""
    config = app.config
    get, expand = config.get, config.expand
    url = expand(get(name + ".server"))
    if not (get(name + ".enabled") and get("logger.enabled") and url):
        return {"enabled": False}
    scheme, _, rest = url.partition("://")
    rest, slash, path = rest.partition("/")
    host, _, port = rest.partition(":")
    secure, trust = scheme[-1:] == "s", None
    if secure:
        try:
            with overlay.use("trust"):
                from firmware.security import trust as believed

                trust = believed.of_server(app.board.root, app.clock, get)
        except ImportError:
            log.error("config", "%s.server: this version has no TLS", name)
            return {"enabled": False}
    usual = (443 if secure else 80) if name == "http" else 21
    found = {
        "enabled": True,
        # Nothing goes to where it has yet to be shown that it belongs there.
        "probe": bool(config.trying) and any(config.row(each)[0][5] == "way" for each in config.staged),
        "host": host,
        "port": int(port or usual),
        "path": slash + path or "/",
        "trust": trust,
        "user": get(name + ".user"),
        "password": get(name + ".password"),
        "form": get(name + ".form"),
        "timeout_ms": get(name + ".timeout") * 1000,
    }
    if name == "http":
        found["get"] = get("http.mode") == "get-json"
        found["batch"] = get("http.batch")
        found["order"] = get("http.order")
        found["tries"] = get("http.tries")
        found["headers"] = expand(get("http.header1")), expand(get("http.header2"))
    else:
        found["folder"] = expand(get("ftp.folder"))
        found["file"] = app.imei
        found["period_s"] = get("ftp.period") * 60
    return found


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
