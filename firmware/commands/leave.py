"""Who may change which setting, and what a change of the way out must bring along. Loaded for such a command only.

Roles, the device's password, telephone numbers and whether there is a console: only a channel that may do `danger`,
or it could give itself leave, or take it from those who could take it back. What moves the way out wants the role
`way`, and the secrets that would go there: else one who may change the broker's address would be sent the password of
the broker before.
"""

import os

from firmware.commands.executor import CommandError
from firmware.commands.grammar import allowed
from firmware.config.check import check
from firmware.core.errors import ConfigError

# Codes of CommandError.
_FORBIDDEN = const(3)
_BUSY = const(7)
_OWN = const((
    "device.password", "device.confirm", "sms.phones", "sms.all_phones", "sms.status_phone", "console.enabled",
    "audit.size", "audit.topic",
))  # fmt: skip
# A change of the first is only taken together with the others, as far as these are set.
_BRINGS = const(
    (
        ("mqtt.broker", "mqtt.password"),
        ("http.server", "http.password", "http.header1", "http.header2"),
        ("ftp.server", "ftp.password"),
        ("uplink.apn", "uplink.password", "mqtt.password", "http.password", "ftp.password"),
        ("uplink.ssid", "uplink.key", "mqtt.password", "http.password", "ftp.password"),
    )
)
# No letter that looks like another one.
_LETTERS = const("ABCDEFGHJKLMNPQRSTUVWXYZ23456789")


def code(call, values):
    """Look at a change of settings (full name -> value) on the channel of `call`: CommandError if it is not allowed.

    Returns the code with which it has to be confirmed, or "".
    """
    config, channel = call.device.config, call.channel
    whitelist = config.get(channel.whitelist)
    danger, way = allowed("DANGER", "danger", whitelist), allowed("WAY", "way", whitelist)
    moved = []
    for name in values:
        row = config.row(name)[0]
        if _stays(config, row, name, values[name]):
            continue
        if row[5] == "way":
            moved.append(name)
            if not way:
                _refuse(name, "way")
        # The password at the broker is one of the way's secrets, too.
        elif not danger and _own(name, row) and not (way and row[5] == "link"):
            _refuse(name, "danger")
    # Who stands before the device holds it and all that is in it.
    if not moved or channel.person:
        return ""
    for name, *secrets in _BRINGS:
        for secret in secrets if name in moved else ():
            if secret not in values and config.text(secret, False):
                text = "%s is only taken with %s in the same message: SAVECONFIG" % (name, secret)
                raise CommandError(_FORBIDDEN, text)
    if not config.get("device.confirm"):
        return ""
    if config.trying:
        # It would be in force at once, and its code go the way that has yet to prove itself.
        raise CommandError(_BUSY, "other settings are on trial: when they stay or are taken back")
    return "".join(_LETTERS[byte & 31] for byte in os.urandom(8))


def _own(name, row):
    """Whether a setting is about who may do what."""
    return name.endswith(".commands") or name in _OWN or row[2] == "secret"


def _stays(config, row, name, value):
    try:
        return name not in config.staged and check(row, name, value) == config.get(name)
    except ConfigError:
        return False  # the change itself will say what is wrong


def _refuse(name, role):
    text = "%s can't be changed on this channel, only where %s is allowed" % (name, role)
    raise CommandError(_FORBIDDEN, text)


def lacks(config):
    """What whoever takes over the settings of a platform should know of the rights of MQTT, in a line, or ""."""
    whitelist = config.get("mqtt.commands")
    wanted = (("change settings", "SETPARAM", "setup"), ("talk to the modem", "AT+", "modem"))
    wanted += (("restart", "REBOOT", "danger"), ("update", "UPDATE", "danger"))
    missing = [words for words in wanted if not allowed(words[1], words[2], whitelist)]
    if not missing:
        return ""
    grant = ",".join([whitelist] + [words[2] if words[2] != "danger" else words[1] for words in missing])
    text = "note: the broker may not %s; what grants it: AT^MTXTUNNEL=SETPARAM,mqtt.commands,%s"
    return text % (", ".join(words[0] for words in missing), grant.lstrip(","))
