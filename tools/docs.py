"""Write docs/settings.md and docs/commands.md from the tables in the firmware.

`python -m tools.docs` writes them; `--check` writes nothing and ends with 1 when one of them is stale.
"""

import argparse
import sys
from pathlib import Path

from firmware.commands import answer, table
from firmware.commands import help as commands_help
from firmware.config import settings, settings_help

ROOT = Path(__file__).resolve().parent.parent
_MADE = "<!-- Made by `python -m tools.docs` from the tables in firmware/; changes here are lost. -->\n\n"

_GROUPS = {
    "device": "The device",
    "console": "The local console",
    "uplink": "The way to the network",
    "mqtt": "The broker",
    "ha": "Home Assistant ([how](integrations.md))",
    "sms": "Commands and status by SMS",
    "ntp": "The time",
    "port": "Serial ports: `port.1` and `port.2`",
    "meter": "Meters: `meter.0` to `meter.7`",
    "iec102": "Patience with all meters (IEC 60870-5-102)",
    "logger": "The log and the form of its records",
    "limit": "What a channel may take of the device",
}

_SETTINGS_HEAD = """# Settings

One line a setting. **Name** is ours; **heritage name** is the one TITAN or its predecessor MTX-Tunnel uses, and in
*italics* one in the same style that we made up because none is known. Commands take both, in any case:
`AT^MTXTUNNEL=SETPARAM,mqtt.keepalive,30` is `AT^MTXTUNNEL=SETPARAM,MQTT_keepalive,30`.

What exists several times has a number in its name: `port.2.baud` (heritage `COMM2_baudrate`), `meter.3.link`
(heritage `IEC102_linkAddress3`; the first meter, 0, has no number there).

**When** tells when a change is in force: *now*, after a *restart* (`AT^MTXTUNNEL=REBOOT`), or *link*: at once
(`uplink.*`: after a restart), but on trial. Such a change could cut the device off, so the old values come back by
themselves when the broker has not been reached within `device.trial` minutes, or the power fails before. A device that
has not reached its broker since it started has no connection to lose: it keeps what it is told. `mqtt.enabled` needs a
restart where it was off.

Types: *choice* is one of the allowed words; *word* has no blanks and none of `,;"+#/\\`; *topic* has no `+` and `#`;
*list* is words with commas between them; *secret* shows as `***` everywhere.

In client id, topics and `logger.id` these stand for something: `[IMEI]` the device's identity, `[P]` the expanded
`logger.id`, `[ID]` the ID of the first meter.

What may be done on a channel is a list (`*.commands`): names of commands, the roles of
[the command reference](commands.md), or `*` for all; a `-` before a word forbids it, and the last word that fits
counts. These lists and `device.password` can only be changed where `danger` is allowed, as on the console: a channel
cannot give itself leave.

The settings are kept in `config.json` on the flash, which holds what differs from the defaults. A damaged file costs
its last change: `config.json.bak`, the good one before it, is used then, and the start-up log says so.
"""

_COMMANDS_HEAD = """# Commands

Every channel takes the same commands: the local console line by line, MQTT (a message on `mqtt.at_topic` or
`mqtt.at_topic2`, the answer on `mqtt.atr_topic`), `<mtxtunnel>AT</mtxtunnel>` on a serial port with `port.N.at` (the
answer inside the same tags; `<mtxtunnelr>` with `port.N.at_remote`), and SMS.

Case does not matter, blanks around commas do not either; a line has at most 512 characters. Every line gets an answer,
in the order of the lines:

```
AT^MTXTUNNEL=GETIEC102,ID00000          the command (console: typed, with console.echo; MQTT: with mqtt.echo)
{"IMEI":"869101054287764",...}          data, if there is any
                                        an empty line
OK                                      or ERROR
```

Each of these lines ends with CR LF. With `device.mtxerr` on, a line `+MTXERR: code,"text"` before `ERROR` says why:

| code | meaning |
| --- | --- |
"""

_COMMANDS_ROLES = """
Lines that begin with `AT+`, `AT^` and the like and are not in this table go to the modem where there is one (role
`modem`), else the answer is `ERROR`. Those that would cut it off (`AT+IPR`, `+ICF`, `+IFC`, `+CMUX`, `+CGDATA`)
are refused, and so are those that wait for a text behind them (`AT+CMGS`). One command a line, its texts in quotes:
nothing may stand behind a semicolon. Passwords and other secrets show as `***` in every answer, also where the command
itself is repeated.

Roles: `view` looks, `meter` reads a meter or asks for the time, `setup` changes settings, `danger` interrupts the
service or deletes. The defaults allow: on the console everything, over MQTT
`view,meter,setup,modem,REBOOT,UPDATE`, by SMS `view,meter,REBOOT`, in tags `view,meter`.

| command | role | what it does |
| --- | --- | --- |
"""

_COMMANDS_TAIL = """
## Readings on demand

`SETIEC102...` answers `OK` at once and reads in the background; seconds later `GETIEC102...` gives the result, one
JSON record a line. What is read so is not logged and not delivered. Until a reading ends, `GET` gives the one before
it. Where there is nothing to give, the answer is a line
`{"IMEI":"...","TYPE":"IEC102","ID":"ID00000","ERR":"why"}` and `ERROR`: no such meter, nothing read yet, being read,
or the reading failed, with the reason.

The ten numbers of a period are hour, minute, day, month and year of its start and of its end, in the meter's local
time: `AT^MTXTUNNEL=SETIEC102_CTAVM2,ID00000,0,0,1,07,22,0,0,13,07,22`. Leading zeros do not matter; the year has two
digits.

## Settings

`SETPARAM` checks and keeps one setting. Several at a time, all or none, go behind `SAVECONFIG` in one MQTT message, as
`NAME: value` lines in the form of `GETCONFIG`, of TITAN or of MTX-Tunnel:

```
AT^MTXTUNNEL=SAVECONFIG
MQTT_server: tcp://broker.example:1883
MQTT_login: meter17
MQTT_password: secret
```

On the console `AT^MTXTUNNEL=SAVECONFIG,TEXT` begins such a text and a line `END` ends it. Names that this device does
not have are listed as `unknown:` and do no harm; one bad value and nothing is changed.
"""


def settings_text():
    """docs/settings.md."""
    parts = [_MADE, _SETTINGS_HEAD]
    for group, title in _GROUPS.items():
        parts.append("\n## %s\n\n" % title)
        parts.append("| name | heritage name | type | allowed | default | when | what for |\n")
        parts.append("| --- | --- | --- | --- | --- | --- | --- |\n")
        for row in settings.rows((group,)):
            parts.append("| %s |\n" % " | ".join(_setting(row)))
    return "".join(parts)


def _setting(row):
    heritage = settings.titan(row)
    known = row[1] and not row[1].startswith("~")
    kind = {"code": "secret number", "str": "text"}.get(row[2], row[2])
    return (
        "`%s`" % row[0],
        "`%s`" % heritage if known else "*`%s`*" % heritage,
        kind,
        settings_help.allowed(row),
        "`%s`" % row[4] if row[4] else "",
        row[5] or "now",
        settings_help.of(row[0]).replace("|", "\\|").replace("<", "&lt;"),
    )


def commands_text():
    """docs/commands.md."""
    parts = [_MADE, _COMMANDS_HEAD]
    for line in answer.CommandError.__doc__.splitlines():
        code, colon, meaning = line.strip().partition(": ")
        if colon and code.isdigit():
            parts.append("| %s | %s |\n" % (code, meaning))
    parts.append(_COMMANDS_ROLES)
    for row in table.rows():
        words = (table.form(row), row[4], commands_help.of(row[0]))
        parts.append("| `%s` | %s | %s |\n" % words)
    parts.append(_COMMANDS_TAIL)
    return "".join(parts)


def pages():
    """{path: text} of what this tool writes."""
    return {
        ROOT / "docs" / "settings.md": settings_text(),
        ROOT / "docs" / "commands.md": commands_text(),
    }


def stale():
    """Paths of the pages that are not as they should be."""
    return [
        path
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main(argv=None):
    parser = argparse.ArgumentParser(prog="tools.docs", description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a page is stale")
    args = parser.parse_args(argv)
    old = stale()
    for path in old:
        if not args.check:
            path.write_text(pages()[path], encoding="utf-8")
        print("%s %s" % ("stale:" if args.check else "written:", path.relative_to(ROOT)))
    sys.exit(1 if args.check and old else 0)


if __name__ == "__main__":
    main()
