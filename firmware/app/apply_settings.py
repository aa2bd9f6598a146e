"""What the App (device.py) does with its settings: look at them, take new ones, try those that might cut it off."""

import json

from firmware.core import log, overlay
from firmware.core.compat import monotonic_s
from firmware.core.flash_gate import silence

IMEI = const("imei")  # in the modem's store
# A changed connection has to hold this long before it counts as good.
_SETTLE_S = const(10)
# The answer with the code of a changed way has so long to reach the broker that is left.
_ANSWER_S = const(300)


def mqtt_settings(app):
    """The dict MqttService wants: what the settings say, and what stands on the online topic."""
    found = _options().options(app.config, app.modem is not None)
    if found["enabled"]:
        found["online"] = app.online_text
        found["offline"] = json.dumps({"IMEI": app.imei, "STATE": "offline", "VERSION": app.version})
        if found["tls"]:
            with overlay.use("trust"):
                from firmware.security import trust

                found["tls"] = trust.of_broker(app.board.root, app.clock, app.config.get)
                found["tls"].gate = app.gate
            # Where it has to make way for others its commands wait at the broker (net/alone.py).
            found["clean"] = not overlay.tight()
    return found


def look_up_topics(app):
    """Keep the topics and limits at hand: a record on its way must not wait for a look at the settings."""
    write_format(app)
    config, get = app.config, app.config.get
    names = "logger.topic", "logger.extended_topic", "mqtt.status_topic"
    options = _options()
    topics = [options.topic(config, name, True) for name in names]
    app.topics = topics if get("logger.enabled") else ["", "", ""]
    others = len(getattr(app.ring, "every", ())) > 1
    if others:
        app.ring.wanted = get("mqtt.enabled")
    if not get("mqtt.status_topic") or (others and not app.ring.wanted):
        app.topics[2] = None  # nobody wants to know: what is not there yet is not kept
    profile = get("logger.profile")
    if app.format.profile != profile:
        # In this form they are there for others.
        app.topics[profile == "titan"] = False
    app.ring.release(0)
    app.answers = options.topic(config, "mqtt.atr_topic")
    app.limits = get("logger.size"), get("logger.registers")
    with overlay.use("files"):
        from firmware.config.files import open_channels

        app.open = ",".join(open_channels(config) + (["tls"] if get("tls.verify") == "none" else []))
    if app.tracer or (get("iec102.trace") != "off" and not app.safe):
        with overlay.use("trace"):
            from firmware.meters import frame_trace

            frame_trace.switch(app)


def change(app, values, code=""):
    """Take and keep settings, and use them at once where that is possible. ConfigError.

    What could cut the device off is on trial: when the broker is not reached again in `device.trial` minutes
    the old values come back. The way to the network changes with the restart, so the trial begins then. A device
    that has not been at its broker has no connection to lose: what it is told it keeps. With a `code` the change is
    on trial in any case: begin_trial() when the answer with the code is out, confirm() when it comes back.
    """
    config = app.config
    seconds = config.get("device.trial") * 60 if _logins(app) or code else 0
    needs = config.change(_sealed(app, values), seconds, code)
    if config.staged and ("link" in needs or "way" in needs):
        if any(name.startswith("uplink.") for name in config.staged):
            config.restage()
        elif not config.code or config.trying:
            if not (config.code and config.trying):
                # Else who has yet to confirm could have all the time there is.
                app.trial_since = monotonic_s()
            config.begin_trial()
    names = " ".join(values)
    if "commands" in names or "password" in names:
        app.processor.look_up()
    if app.page and "page.password" in values:
        app.page.forget()
    if "ntp." in names:
        app.sync()  # it may be hours until the next question
    _apply(app)


def _logins(app):
    """How often a delivery has been connected."""
    return sum([each.connections for each in app.deliveries])


def _on_trial(app):
    return bool(app.guard) and app.guard.state == "trial"


def _sealed(app, values):
    """`values` with the device's password as the flash may have it.

    An update that is on trial may be taken back, and the version before knows passwords only as they are typed.
    """
    values = dict(values)
    names = ["page.password"]  # no version without a page knows of it
    if values.get("device.password"):
        app.unsealed = True
        if not _on_trial(app):
            names.append("device.password")
    for name in names:
        if not values.get(name):
            continue
        with overlay.use("check"):
            from firmware.config.check import check

            values[name] = check(app.config.row(name)[0], name, values[name])
        with overlay.use("password"):
            from firmware.config import password

            values[name] = password.seal(values[name])
    return values


def _apply(app):
    """Use the settings as they are now."""
    look_up_topics(app)
    app.due = 0
    app.ring.order = app.config.get("logger.order")
    if app.mqtt:
        settings = mqtt_settings(app)
        if settings != app.mqtt.settings:
            app.mqtt.reconfigure(settings)
    with overlay.use("options"):
        from firmware.delivery import options as others

        others.apply(app)


def _options():
    """Loaded behind the check of what is changed, beside which it has no room."""
    with overlay.use("options"):
        from firmware.delivery.mqtt import options

        return options


def write_format(app):
    """How records are written, into the object that the lines have, too."""
    get, form = app.config.get, app.format
    form.imei = app.imei
    form.logger_id = app.config.expansions["P"] = app.config.expand(get("logger.id"))
    form.time_form = get("logger.time")
    form.profile = get("logger.profile")
    for each in app.deliveries:
        if each is not app.mqtt and get(each.name + ".form") != form.profile:
            form.profile = "both"
    form.tags = get("logger.tags")
    form.object_key = get("logger.object_key")


async def known_as(app, imei):
    """The modem's IMEI is the device's identity where no other is set.

    One that is in the field under its board's own number when this version comes over the air stays that: the platform
    knows it so. "" in the modem's store says that.
    """
    store, guard = app.modem.store, app.guard
    known = store.get(IMEI)
    if app.config.get("device.imei") or known == "" or known == imei == app.imei:
        return
    if known is None and guard:
        with overlay.use("guard"):
            from firmware.update import slots

            if slots.complete(guard.root, slots.other(guard.folder)):
                imei = ""
    await silence(store)
    store.set(IMEI, imei)
    if imei and imei != app.imei:
        log.info("config", "identity %s", imei)
        app.format.imei = app.imei = app.config.expansions["IMEI"] = imei
        with overlay.attempt:  # else it is so from the next start on
            _apply(app)


def watch_trial(app):
    """Begin a trial that waits for its answer, end one: its values stay or are taken back."""
    try:
        _watch(app)
    except OSError as error:
        log.error("config", "the flash does not take the settings: %s", error)


def _watch(app):
    config = app.config
    if app.unsealed and not _on_trial(app):
        # Once a start: a flash that does not take it now must not be worn out.
        app.unsealed = False
        with overlay.use("password"):
            from firmware.config import password

            password.keep(config)
    if app.way < 0:
        _begin(app)
        return
    if not config.trying:
        return
    passed = monotonic_s() - app.trial_since
    if app.reached() and passed > _SETTLE_S and not config.code:
        _stay(app)
    elif passed > config.trying:
        text = "not confirmed in time; taken back: %s"
        _take_back(app, text if config.code else "the broker was not reached; taken back: %s")


def _begin(app):
    """Try the new way, as soon as the code that confirms it has arrived over the old one."""
    config = app.config
    if app.mqtt and app.mqtt.replies_wait():
        if monotonic_s() - app.trial_since > _ANSWER_S:
            app.way = 0
            _take_back(app, "the answer with the code did not arrive; taken back: %s")
        return
    app.way = _logins(app)
    if config.staged and not any(name.startswith("uplink.") for name in config.staged):
        config.begin_trial()
        app.trial_since = monotonic_s()
        _apply(app)


def _stay(app):
    app.config.confirm()
    log.info("config", "the changed settings work and stay")
    log.note("device", "the changed settings work and stay")
    if app.mqtt and "window" in app.mqtt.settings:
        # Records may go there from now on; that needs no new connection.
        app.mqtt.settings["window"] = app.config.get("mqtt.window")
    for each in app.deliveries:
        if each.settings.get("probe"):
            each.settings["probe"] = False


def _take_back(app, text):
    names = ", ".join(app.config.expire())
    log.error("config", text, names)
    log.note("device", "settings", text % names)
    _apply(app)
    if "uplink." in names:
        app.restart("the way to the network was taken back")


def confirm(app, code, console):
    """What is on trial stays; "" or why it does not. On the console no code is needed. OSError."""
    config = app.config
    if not config.staged:
        return "nothing waits to be confirmed"
    if console:
        app.way = 0
        if not config.trying:
            config.begin_trial()
    elif not config.code:
        return "it needs no code: it stays when the broker is reached with it"
    elif app.way < 0 or not config.trying or not app.reached() or _logins(app) <= app.way:
        return "it has to come over the new way, when that is in force"
    elif not _is_code(config, code):
        return "that is not the code"
    _stay(app)
    _apply(app)
    return ""


def _is_code(config, code):
    with overlay.use("password"):
        from firmware.config import password

        return password.same(config.code, code.upper())
