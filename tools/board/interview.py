"""The questions of `make config`: Enter takes what is shown, and what was asked about is what is on."""

import getpass

from firmware.config import settings as table
from firmware.config.config import Config
from firmware.config.files import open_channels
from firmware.core.errors import ConfigError

# What an installer is asked, in this order; (name, question).
QUESTIONS = (
    ("uplink.type", "Way to the network"),
    ("uplink.apn", "APN of the SIM (modem)"),
    ("uplink.user", "User of the APN, if it wants one"),
    ("uplink.password", "Password of the APN"),
    ("uplink.pin", "PIN of the SIM"),
    ("uplink.ssid", "Name of the WiFi (without a modem)"),
    ("uplink.key", "Key of the WiFi"),
    ("mqtt.broker", "Broker, as tcp://host:1883, or mqtts://host:8883 with TLS"),
    ("mqtt.user", "User at the broker"),
    ("mqtt.password", "Password at the broker"),
    ("mqtt.at_topic", "Topic it takes commands from"),
    ("device.zone", "Time zone"),
    ("meter.0.id", "Name of the meter"),
    ("port.1.baud", "Baud rate of the meter's port"),
    ("port.1.parity", "Parity of the meter's port"),
    ("meter.0.link", "Link address (direccion de enlace)"),
    ("meter.0.point", "Measuring point (punto de medida)"),
    ("meter.0.password", "Password of the meter (clave)"),
    ("meter.0.interval", "Minutes between two readings"),
)
# What the broker may be granted beside the defaults: (word of mqtt.commands, in plain words).
GRANTS = (
    ("setup", "change the device's settings"),
    ("REBOOT", "restart it"),
    ("UPDATE", "install signed updates"),
)
# What is shown, and taken, where nothing is set yet: the usual choice, not the one that works least.
_USUAL = {"mqtt.at_topic": "lector102/[IMEI]/AT", "meter.0.id": "ID00000"}
# Nobody describes a broker or a meter to leave it off: before the first question about it one is asked whether there
# is one, and the switch follows. (setting asked about first, its switch, question)
_SWITCHES = (
    ("mqtt.broker", "mqtt.enabled", "Deliver the records to an MQTT broker?"),
    ("meter.0.id", "meter.0.enabled", "Read a meter?"),
)


def interview(current, ask=input, ask_secret=getpass.getpass, out=print):
    """Ask QUESTIONS; Enter takes what is shown, a dot empties it. Returns {name: value} of what is to be written."""
    config = Config()
    config.values.update(current)  # as they are stored, right or wrong
    values = {}
    out("Enter takes what is in brackets, a dot empties it, Ctrl-C leaves everything as it was.")
    for name, question in QUESTIONS:
        for first, switch, words in _SWITCHES:
            if name == first:
                values[switch] = "on" if yes_or_no(words, True, ask, out) else "off"
        if not _skipped(name, dict(current, **values)):
            value = _one(name, question, config, ask_secret if table.secret(config.row(name)[0]) else ask, out)
            if value is not None:
                values[name] = value
    both = dict(current, **values)
    if values["mqtt.enabled"] == "on" and not both.get("mqtt.broker"):
        out("note: no broker is named: nothing is delivered until mqtt.broker is set")
        values["mqtt.enabled"] = "off"
    if both.get("mqtt.broker") and values["mqtt.enabled"] == "on":
        grant(current, values, ask, out)
    return {name: value for name, value in values.items() if not _stands(config, name, value)}


def _stands(config, name, value):
    """Whether this is what the device does already; what was granted counts as settled only when it is written."""
    return name != "mqtt.commands" and not table.secret(config.row(name)[0]) and config.text(name) == value


def _one(name, question, config, ask, out):
    """The answer to one question, checked; None: as it is."""
    row = config.row(name)[0]
    choices = " (%s)" % row[3].replace(",", ", ") if row[2] == "choice" else ""
    shown = config.text(name) or _USUAL.get(name, "")
    if table.secret(row):
        shown = "as it is" if name in config.values else str(config.get(name) or "none")
    while True:
        answer = ask("%s%s [%s]: " % (question, choices, shown)).strip()
        if not answer:
            return _USUAL.get(name) if not config.text(name) else None
        value = "" if answer == "." else answer
        try:
            Config().set_many({name: value})
            return value
        except ConfigError as error:
            out("  " + str(error))


def yes_or_no(question, usual, ask, out):
    """The answer as a bool; Enter is `usual`."""
    while True:
        answer = ask("%s (yes, no) [%s]: " % (question, "yes" if usual else "no")).strip().lower()
        if answer in ("", "y", "n", "yes", "no", "s", "si", "s\u00ed"):
            return answer[0] != "n" if answer else usual
        out("  yes or no is wanted")


def grant(current, values, ask=input, out=print):
    """Ask what the broker may do, unless that was settled before; adds to `values`."""
    known = Config()
    known.set_many(current)
    now = [word.strip().upper() for word in known.get("mqtt.commands").split(",")]
    if "mqtt.commands" in current and "mqtt" not in open_channels(known):
        return
    out("Whoever may publish on mqtt.at_topic gives this device commands. It may look and read meters. May it also")
    answers = []
    for word, question in GRANTS:
        answers.append(yes_or_no("  %s?" % question, word.upper() in now, ask, out))
    granted = ["view,meter"] + [row[0] for row, yes in zip(GRANTS, answers) if yes]
    words = values["mqtt.commands"] = ",".join(granted)
    out("mqtt.commands = %s; to move it to another broker or network takes `way`, too" % words)
    if any(answers) and not dict(current, **values).get("mqtt.at_topic"):
        out("note: mqtt.at_topic is empty: no commands are taken until it is set")


def _skipped(name, values):
    """Questions that make no sense after the answers so far."""
    kind = values.get("uplink.type", "auto")
    modem = ("uplink.apn", "uplink.user", "uplink.password", "uplink.pin")
    wifi = ("uplink.ssid", "uplink.key")
    if name in modem:
        return kind in ("wifi", "ethernet", "host")
    if name in wifi:
        return kind in ("modem", "ethernet", "host")
    if name.startswith("mqtt."):
        return values.get("mqtt.enabled") == "off"
    return name.startswith(("meter.", "port.")) and values.get("meter.0.enabled") == "off"
