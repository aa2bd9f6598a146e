"""Makes the page of a device that has a password for it, where there is the memory and a way to it."""

from firmware.core import log, overlay

# Bytes of heap that have to be free at the start for the page: its code with microdot, three requests, the reserve.
_FREE = const(120000)


def page(app):
    """The service (server.Page), or None: there is too little memory."""
    if overlay.low(_FREE):
        log.error("start", "page.password is set, but this board has too little memory for the page")
        return None
    config = app.config
    with overlay.use("password"):
        from firmware.config import password

        # A file that was laid onto the board has it as it was typed.
        if not password.sealed(config.get("page.password")):
            config.values["page.password"] = password.seal(config.get("page.password"))
            try:
                config.save()
            except OSError as error:
                log.error("config", "the flash does not take the settings: %s", error)
    with overlay.part:
        from firmware.web.server import Page

    return Page(app.processor, config.get, lambda: place(app), lambda: traces(app))


def traces(app):
    """The files of the trace, where it goes there, the newest first."""
    tracer = app.tracer
    return tracer.files if tracer and tracer.setup[0] == "file" else ()


def place(app):
    """(address, port) the page listens on; None: the way out is not there, or its page is not wanted."""
    link, get = app.link.status(), app.config.get
    way = link.get("uplink")
    if not link.get("up") or (way == "modem" and not get("page.ppp")):
        return None
    return "127.0.0.1" if way == "host" else "0.0.0.0", get("page.port")
