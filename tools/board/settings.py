"""Settings of a board over the cable: ask for them or read them from a file, check, write, read back.

Checked twice: here, by the same code the device has, so that a mistake is told while it is typed; and
on the device, by its own, because its version counts. Secrets never stand on a command line.
"""

import getpass
import json
import os
import stat
import sys
from pathlib import Path

from firmware.config import settings as table
from firmware.config.config import Config
from firmware.config.files import NUMBER, open_channels
from firmware.config.text_import import Importer
from firmware.core.errors import ConfigError
from tools.board.device import BoardError

# What an installer is asked, in this order; (name, question).
QUESTIONS = (
    ("uplink.type", "Way to the network"),
    ("uplink.apn", "APN of the SIM (modem)"),
    ("uplink.user", "User of the APN, if it wants one"),
    ("uplink.password", "Password of the APN"),
    ("uplink.pin", "PIN of the SIM"),
    ("uplink.ssid", "Name of the WiFi (without a modem)"),
    ("uplink.key", "Key of the WiFi"),
    ("mqtt.broker", "Broker, as tcp://host:1883"),
    ("mqtt.user", "User at the broker"),
    ("mqtt.password", "Password at the broker"),
    ("device.zone", "Time zone"),
    ("port.1.baud", "Baud rate of the meter's port"),
    ("port.1.parity", "Parity of the meter's port"),
    ("meter.0.id", "Name of the meter"),
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
# What follows from having answered: nobody configures a broker to leave it off.
_IMPLIED = {"mqtt.broker": "mqtt.enabled", "meter.0.link": "meter.0.enabled"}


def parse_file(path, out=print):
    """{name: value} of a settings file: JSON, or lines `name = value` or `NAME: value` with # comments.

    The latter may be those of a TITAN or MTX-Tunnel, as SAVECONFIG takes them; `out` hears what of that is not here.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8-sig")  # Windows editors begin with a mark
    except OSError as error:
        raise BoardError("%s: %s" % (path, error.strerror)) from None
    except UnicodeDecodeError:
        raise BoardError("%s is no text in UTF-8: save it as such" % path) from None
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError as error:
            raise BoardError("%s is not JSON: %s" % (path, error)) from None
    importer = Importer(Config())
    for line in text.splitlines():
        importer.feed(line)
    ours = [name for name in importer.unknown if "." in name]
    if ours:
        # Not of the other product but mistyped.
        raise BoardError("%s: there is no setting %s" % (path, ", ".join(ours)))
    try:
        values = importer.finish()
    except ConfigError as error:
        raise BoardError("%s: %s" % (path, error)) from None
    for note in importer.notes + ["unknown: " + name for name in importer.unknown]:
        out(note)
    if importer.unknowns > len(importer.unknown):
        out("unknown: %d more" % (importer.unknowns - len(importer.unknown)))
    return values


def open_to_others(path):
    return bool(os.stat(path).st_mode & (stat.S_IRGRP | stat.S_IROTH))


def pairs(words, ask=getpass.getpass):
    """{name: value} of `name=value` words; a secret is given by its name alone and asked for."""
    config = Config()
    values = {}
    for word in words:
        name, equals, value = word.partition("=")
        try:
            secret = table.secret(config.row(name)[0])
        except ConfigError as error:
            raise BoardError(str(error)) from None
        if secret and equals:
            raise BoardError(
                "%s is a secret: others see command lines, and the shell keeps them. Write only %s, "
                "and you will be asked" % (name, name)
            )
        if not secret and not equals:
            raise BoardError("%s wants a value: %s=VALUE" % (name, name))
        values[name] = ask("%s: " % name) if secret else value
    return values


def interview(current, ask=input, ask_secret=getpass.getpass, out=print):
    """Ask QUESTIONS; Enter keeps a value, a dot empties it. Returns {name: value} of what changed."""
    config = Config()
    config.values.update(current)  # as they are stored, right or wrong
    values = {}
    out("Enter keeps what is in brackets, a dot empties it, Ctrl-C leaves everything as it was.")
    for name, question in QUESTIONS:
        if _skipped(name, dict(current, **values)):
            continue
        row = config.row(name)[0]
        secret = table.secret(row)
        choices = " (%s)" % row[3].replace(",", ", ") if row[2] == "choice" else ""
        while True:
            answer = (ask_secret if secret else ask)("%s%s [%s]: " % (question, choices, config.text(name)))
            if not answer:
                break
            value = "" if answer.strip() == "." else answer.strip()
            try:
                Config().set_many({name: value})
            except ConfigError as error:
                out("  " + str(error))
                continue
            values[name] = value
            break
    for name, implied in _IMPLIED.items():
        if values.get(name) and implied not in values:
            values[implied] = "on"
    if dict(current, **values).get("mqtt.broker"):
        grant(current, values, ask, out)
    return values


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
        shown = "yes" if word.upper() in now else "no"
        while True:
            answer = ask("  %s? (yes, no) [%s]: " % (question, shown)).strip().lower() or shown
            if answer in ("y", "n", "yes", "no"):
                break
            out("  yes or no is wanted")
        answers.append(answer[0] == "y")
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
    return False


def check(values):
    """Check here, with the code the device has too; BoardError names the setting."""
    try:
        Config().set_many(values)
    except ConfigError as error:
        raise BoardError(str(error)) from None


def read(device):
    """The stored settings as {name: value}, secrets included."""
    data = device.read("/config.json")
    try:
        values = json.loads(data) if data else {}
    except ValueError:
        return {}
    values.pop(NUMBER, None)
    return values


def write(device, values, out=print):
    """Write through the device's own check; returns what it needs then (a set of words)."""
    check(values)
    if not device.exists("/current"):
        raise BoardError("there is no firmware on the board yet: make deploy first")
    # Over the paths of the version that runs, as boot.py sets them.
    device.exec(
        "import sys\n"
        "_f = open('/current').read().split()[0]\n"
        "for _p in ('/' + _f + '/lib', '/' + _f):\n"
        " if _p not in sys.path: sys.path.insert(0, _p)\n"
    )
    # The values travel in the raw REPL, not through any shell.
    device.exec(
        "from firmware.config.config import Config\n_c = Config('/config.json')\n_c.load()\n"
        "_needs = _c.change(%r)" % values
    )
    needs = set(device.eval("_needs")) - {""}
    out("%d settings written%s" % (len(values), "; they count from the next start" if needs else ""))
    return needs


def show(device, out=print):
    """Print what differs from the defaults; secrets as ***."""
    config = Config()
    values = read(device)
    try:
        config.set_many(values)
    except ConfigError as error:
        raise BoardError("the stored settings are not understood: %s" % error) from None
    for name in sorted(config.values):
        out("%s = %s" % (name, config.text(name)))
    if not values:
        out("all settings have their defaults")


def run(device, args, out=print):
    """`make config`: from a file, from words, or by asking."""
    if args.show:
        return show(device, out)
    if args.file:
        values = parse_file(args.file, out)
        check(values)
        config = Config()
        if any(table.secret(config.row(name)[0]) for name in values) and open_to_others(args.file):
            out("note: %s holds secrets and others may read it (chmod 600)" % args.file)
    elif args.set:
        values = pairs(args.set)
    elif sys.stdin.isatty():
        values = interview(read(device), out=out)
    else:
        raise BoardError("nobody to ask here: use --file FILE or name=value")
    if not values:
        out("nothing changed")
        return None
    write(device, values, out)
    return device.reset()
