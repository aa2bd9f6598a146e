"""Write docs/settings.md, docs/commands.md and docs/errors.md from the tables in the firmware.

`python -m tools.docs` writes them; `--check` writes nothing and ends with 1 when one of them is stale.
"""

import re
import sys
from pathlib import Path

from firmware.commands import executor, grammar
from firmware.commands.handlers import help as commands_help
from firmware.config import help, settings
from firmware.core import error_meter, error_network, error_services, error_tls
from tools.options import Parser

ROOT = Path(__file__).resolve().parent.parent
_MADE = "<!-- Made by `python -m tools.docs` from the tables in firmware/; changes here are lost. -->\n\n"

_GROUPS = {
    "device": "The device",
    "console": "The local console",
    "uplink": "The way to the network",
    "mqtt": "The broker",
    "http": "Delivery over HTTP ([how](deliveries.md))",
    "ftp": "Delivery over FTP ([how](deliveries.md))",
    "tls": "TLS: whom the device believes ([how](tls.md))",
    "update": "Updates",
    "ha": "Home Assistant ([how](integrations.md))",
    "data": "What it costs ([air.md](air.md))",
    "sms": "Commands and status by SMS",
    "ntp": "The time",
    "page": "The page for a browser ([how](page.md)); in the full version",
    "port": "Serial ports: `port.1` and `port.2`",
    "meter": "Meters: `meter.0` to `meter.7`",
    "iec102": "Patience with all meters (IEC 60870-5-102)",
    "logger": "The log and the form of its records",
    "limit": "What a channel may take of the device",
    "audit": "The audit log ([what is in it](security.md#who-did-what-the-audit-log))",
}

_ERRORS = {
    "Meters": error_meter,
    "The way out: modem, SIM, network, WiFi": error_network,
    "Broker, device, update": error_services,
    "TLS": error_tls,
}

_ERRORS_HEAD = """# Errors and their words

What stands in the log, in `GETSTATUS` and in records of failed readings, what `DOCTOR` makes of it, and what to do;
`tools.doctor` on your computer says the same. … stands for what differs from case to case. A code names the same error
in every version of the firmware; it is for whoever changes the firmware, people read the words. More on the frequent
ones: [troubleshooting.md](troubleshooting.md). Where nothing stands under what to do: note the line and tell whoever
looks after the device.
"""
_ERRORS_ROW = "| code | what is told | what `DOCTOR` says | what to do |\n| --- | --- | --- | --- |\n"

_SETTINGS_HEAD = """# Settings

One line a setting. **Name** is ours; **heritage name** is the one TITAN or its predecessor MTX-Tunnel uses, and in
*italics* one in the same style that we made up because none is known. Commands take both, in any case:
`AT^MTXTUNNEL=SETPARAM,mqtt.keepalive,30` is `AT^MTXTUNNEL=SETPARAM,MQTT_keepalive,30`.

What exists several times has a number in its name: `port.2.baud` (heritage `COMM2_baudrate`), `meter.3.link`
(heritage `IEC102_linkAddress3`; the first meter, 0, has no number there).

**When** tells when a change is in force: *now*, after a *restart* (`AT^MTXTUNNEL=REBOOT`), or *link* and *way*: at
once (`uplink.*`: after a restart), but on trial. Such a change could cut the device off, so the old values come back
by themselves when the broker has not been reached within `device.trial` minutes, or the power fails before. A device
that has not reached its broker since it started has no connection to lose: it keeps what it is told. `mqtt.enabled`
needs a restart where it was off. What is *way* wants more, see [another broker or
network](#another-broker-or-network).

Types: *choice* is one of the allowed words; *word* has no blanks and none of `,;"+#/\\`; *topic* has no `+` and `#`;
*list* is words with commas between them; *secret* shows as `***` everywhere.

In client id, topics and `logger.id` these stand for something: `[IMEI]` the device's identity, `[P]` the expanded
`logger.id`, `[ID]` the ID of a meter: in the topics of records (`logger.topic`, `logger.extended_topic`,
`mqtt.status_topic`) that of the record's own, for consumers that keep one series a topic; elsewhere of the first.

The settings are kept in `config.json` on the flash, which holds what differs from the defaults, and under `defaults`
the number of these. A damaged file costs its last change: `config.json.bak`, the good one before it, is used then, and
the start-up log says so. `device.password` stands there salted and hashed.

## Who may do what

What may be done on a channel is a list (`*.commands`): names of commands, the roles of
[the command reference](commands.md), or `*` for all; a `-` before a word forbids it, and the last word that fits
counts. A new device allows over MQTT `view,meter` and by SMS `view`: the rest is granted by name, because whoever may
publish on one topic would have the device otherwise.

| the broker shall | `mqtt.commands` |
| --- | --- |
| look and read meters | `view,meter` |
| change settings, too | `view,meter,setup` |
| restart and update it, too | `view,meter,setup,REBOOT,UPDATE` |
| move it to another broker or network, too | `view,meter,setup,REBOOT,UPDATE,way` |
| give it lines for the modem, too | `view,meter,setup,REBOOT,UPDATE,way,modem` |

`AT^MTXTUNNEL=SETPARAM,mqtt.commands,view,meter,setup,REBOOT,UPDATE` on the console does it, `make config` asks for it,
and `AT^MTXTUNNEL=DOCTOR` tells what somebody could do who has got at a channel.

These lists, `device.password`, `device.confirm`, `console.enabled` and the numbers in `sms.*` are only changed where
`danger` is allowed, as on the console: a channel cannot give itself leave. `mqtt.password` takes `danger` or `way`.

## Another broker or network

What is *way* moves the device's way out. It takes the role `way`, which is in no default and not in `setup`, and then:

1. The secrets of the new destination come in the same message: `mqtt.password` with `mqtt.broker`; `uplink.password`
   and the passwords of all deliveries with `uplink.apn`; `uplink.key` and these with `uplink.ssid`; `http.password`
   and the headers with `http.server`; `ftp.password` with `ftp.server`; as far as the device has one. So no secret
   goes to a place that somebody gave who does not know it.
2. The answer, over the old way, has a code. The new way is tried once that answer is out; for `uplink.*` after a
   `REBOOT`.
3. Over the new way `AT^MTXTUNNEL=CONFIRM,code` makes it stay. Until then no record is delivered there. Without it the
   old values come back after `device.trial` minutes, whatever else is changed meanwhile and over a `REBOOT`, too.

While other settings are on trial such a change is refused (code 7): its code would go a way that has yet to prove
itself. What is only *link* needs no code: it stays as soon as the broker is reached with it.

```
AT^MTXTUNNEL=SAVECONFIG
MQTT_server: tcp://new.example:1883
MQTT_login: meter17
MQTT_password: secret
```

```
AT^MTXTUNNEL=SAVECONFIG
confirm: K7M2P9QX within 10 min over the new way: AT^MTXTUNNEL=CONFIRM,K7M2P9QX

OK
```

On the console neither the secrets nor the code are wanted: whoever is there holds the device; `CONFIRM` alone ends any
trial. With `device.confirm` off, for platforms that know nothing of codes, the change stays as soon as the broker is
reached; `DOCTOR` tells that.

## Devices of older defaults

A device whose `config.json` has no number of the defaults comes from the first release. At the first start of a newer
one the defaults of then are written down as its values, so that it keeps what it had: `mqtt.commands`
`view,meter,setup,modem,REBOOT,UPDATE`, `sms.commands` `view,meter,REBOOT`, `device.confirm` off,
`mqtt.keepalive_max` 0 (it announces and pings as before; 900 saves most of what pings cost, see [air.md](air.md)); and
every list that let a channel change settings gets `way`. As long as such a list stands as it was written down,
`DOCTOR` and the message on the online topic say `OPEN`. To end that set `mqtt.commands` to what is needed, and
`device.confirm` on.

That takes `danger`, which those lists have not: do it on the console (`make config` asks, too), or by SMS where
`sms.commands` was given `setup` and `danger`: `mtx AT^MTXTUNNEL=SETPARAM,mqtt.commands,view,meter`. Over MQTT an open
device cannot be closed: whoever else may publish there could close it for you.
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

Each of these lines ends with CR LF. With `device.mtxerr` on, and always on the console, a line
`+MTXERR: code,"text"` before `ERROR` says why. On the console it names the nearest command, `HELP` alone lists all,
and `AT^MTXTUNNEL=` may be left out:

| code | meaning |
| --- | --- |
"""

_COMMANDS_ROLES = """
Lines that begin with `AT+`, `AT^` and the like and are not in this table go to the modem where there is one (role
`modem`; `AT+CSQ`, `AT+CREG?`, `AT+CEREG?`, `AT+COPS?`, `AT+CGSN` and `AT+CCLK?` only look: role `view`), else the
answer is `ERROR`. Those that would cut it off (`AT+IPR`, `+ICF`, `+IFC`, `+CMUX`, `+CGDATA`) are refused, and so are
those that wait for a text behind them (`AT+CMGS`). One command a line, its texts in quotes: nothing may stand behind a
semicolon. Passwords and other secrets show as `***` in every answer, also where the command itself is repeated.

A channel takes `limit.commands` (120) lines a minute; what comes beyond is read when the minute is over, nothing of it
is lost. After ten lines in a minute that are no commands, or none for this channel, it pauses for 2 s, and twice as
long each time they go on, up to 300 s; the console never does. From 32 s on only eight messages over MQTT wait for the
end of a pause, `overrun` in `GETSTATUS,mqtt` counts the others: the broker's confirmations of records would stand
behind them.

Roles: `view` looks, `meter` reads a meter or asks for the time, `setup` changes settings, `way` those of the way out,
too, `danger` interrupts the service or deletes. The defaults allow: on the console everything, over MQTT `view,meter`,
by SMS `view`, in tags `view,meter`; [settings.md](settings.md#who-may-do-what) says how to grant more.

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

On the console `AT^MTXTUNNEL=SAVECONFIG,TEXT` begins such a text and a line `END` ends it. `make config FILE=` takes
the same text, and SAVECONFIG lines in the form of such files, `name = value`. A message has room for 4096 bytes: all
settings of a device, as `GETCONFIG` shows them, have 2,700. What is longer is answered with its first line and
`ERROR`; so is, on a small board, what its memory has no room for at that moment (`+MTXERR: 11`): send it in two parts
then.

Whole settings of another product need no work beforehand ([titan.md](titan.md)): names that this device does not have
are listed as `unknown:`, what has no meaning here as `taken, without effect:`, a value of that product's range gives
way to the nearest of ours with a `warning:`, and remarks behind a value are cut off. One value that belongs to
neither and nothing is changed. A text with an AT topic, as TITAN's has one, is answered with what the broker may not
do and the line that grants it. Another broker or network takes more:
[settings.md](settings.md#another-broker-or-network).

## Several platforms on one answer topic

All answers go to `mqtt.atr_topic`, those of the second AT topic, too, in the order of the commands. Which answer is
whose, its first line tells: it is the command, word for word (secrets as `***`). So each platform takes the answers
whose first line it has sent, and lets the others pass; two that send the very same line get the very same answer.
Leave `mqtt.echo` on for that; `ATE0` counts for its own message only. A command goes out without retain: a retained
one is not carried out. An empty message is none, and NUL and a byte order mark around a command are passed over.
"""

# Below the table of a group.
_BELOW = {
    "logger": """
A full log deletes its oldest file for the next new one. Smaller `logger.segments` (or larger `logger.segment` on a
small flash) never cost a record that waits: where more files lie there at the start than are kept, only those go in
which nothing waits, from the oldest on, as they are delivered. Until the rest fits, new records go into further files,
as many as the flash has room for. The start says: `30 files, 10 may be kept: the oldest go once they are delivered`.
With `logger.order` `lifo` the oldest are delivered last, so nothing goes before that. `logger.registers` is another
limit, of records that wait: what is beyond it goes with the next record.
""",
}


def settings_text():
    """docs/settings.md."""
    parts = [_MADE, _SETTINGS_HEAD]
    for group, title in _GROUPS.items():
        parts.append("\n## %s\n\n" % title)
        parts.append("| name | heritage name | type | allowed | default | when | what for |\n")
        parts.append("| --- | --- | --- | --- | --- | --- | --- |\n")
        for row in settings.rows((group,)):
            parts.append("| %s |\n" % " | ".join(_setting(row)))
        parts.append(_BELOW.get(group, ""))
    return "".join(parts)


def _setting(row):
    heritage = settings.titan(row)
    known = row[1] and not row[1].startswith("~")
    kind = {"code": "secret number", "str": "text"}.get(row[2], row[2])
    return (
        "`%s`" % row[0],
        "`%s`" % heritage if known else "*`%s`*" % heritage,
        kind,
        help.allowed(row),
        "`%s`" % row[4] if row[4] else "",
        row[5] or "now",
        help.of(row[0]).replace("|", "\\|").replace("<", "&lt;"),
    )


def commands_text():
    """docs/commands.md."""
    parts = [_MADE, _COMMANDS_HEAD]
    for line in executor.CommandError.__doc__.splitlines():
        code, colon, meaning = line.strip().partition(": ")
        if colon and code.isdigit():
            parts.append("| %s | %s |\n" % (code, meaning))
    parts.append(_COMMANDS_ROLES)
    for row in grammar.rows():
        words = (grammar.form(row), row[4], commands_help.of(row[0]))
        parts.append("| `%s` | %s | %s |\n" % words)
    parts.append(_COMMANDS_TAIL)
    return "".join(parts)


def errors_text():
    """docs/errors.md."""
    parts = [_MADE, _ERRORS_HEAD]
    for title, found in _ERRORS.items():
        parts.append("\n## %s\n\n%s" % (title, _ERRORS_ROW))
        rows = {row[0]: row for row in (line.split("|") for line in found.ROWS.strip().split("\n"))}
        for code, *name, told, fault, todo in rows.values():
            if fault.startswith("="):
                _, *_, meant, fault, todo = rows[fault[1:]]
                fault = fault or meant
            words = code, ": ".join((*name, told)), fault or "the same", todo
            parts.append("| %s | %s | %s | %s |\n" % tuple(re.sub(r"\{\d\}", "…", word) for word in words))
    return "".join(parts)


def pages():
    """{path: text} of what this tool writes."""
    return {
        ROOT / "docs" / "settings.md": settings_text(),
        ROOT / "docs" / "commands.md": commands_text(),
        ROOT / "docs" / "errors.md": errors_text(),
    }


def stale():
    """Paths of the pages that are not as they should be."""
    return [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def main(argv=None):
    parser = Parser(prog="tools.docs", description=__doc__.split("\n\n")[0])
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
