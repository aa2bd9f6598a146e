"""What DOCTOR says about the channels: what could somebody do who has got at one of them?"""

from firmware.commands.grammar import allowed
from firmware.config.files import open_channels
from firmware.config.settings import MAX_PORTS
from firmware.core import overlay

# Name and role of a command, what it lets one do.
_RIGHTS = const("""
GETSTATUS|view|look
FORCEREAD|meter|read meters
SETPARAM|setup|change settings
WAY|way|move it to another broker or network
AT+|modem|talk to the modem
REBOOT|danger|restart it
UPDATE|danger|install signed updates
CLEARLOG|danger|delete records
DANGER|danger|give itself more rights
""")


def channels(config):
    """Yield (name of a channel, (what is, what to do or "")) for each that is in use."""
    get, old = config.get, open_channels(config)
    confirm = get("device.confirm")
    topics = [config.expand(get(name)) for name in ("mqtt.at_topic", "mqtt.at_topic2") if get(name)]
    if get("mqtt.enabled") and topics:
        who = "whoever may publish on %s" % " or ".join(topics)
        yield _channel("mqtt", who, get("mqtt.commands"), confirm, "mqtt" in old)
    if get("sms.enabled"):
        who = "any telephone" if get("sms.all_phones") else "who sends with a number of sms.phones"
        yield _channel("sms", who, get("sms.commands"), confirm, "sms" in old)
    for port in range(1, MAX_PORTS + 1):
        if get("port.enabled", port) and (get("port.at", port) or get("port.at_remote", port)):
            words = get("port.commands", port)
            yield _channel("port.%d" % port, "what hangs on port %d" % port, words, confirm)
    if get("console.enabled"):
        who = "whoever is at the console" + (" and has the password" if get("device.password") else "")
        yield _channel("console", who, get("console.commands"))
    if get("page.password"):
        yield _channel("page", "whoever has its password", get("page.commands"))
    if not get("update.verify"):
        with overlay.use("check"):
            from firmware.config.check import tls_is_here

            if tls_is_here():
                text = "https servers are not checked (update.verify off): only the signature of a release protects"
                yield "updates", (text, "SETPARAM,update.verify,on")


def _channel(name, who, whitelist, confirm=True, old=False):
    rights = [line.split("|") for line in _RIGHTS.strip().split("\n")]
    rights = [words for command, role, words in rights if allowed(command, role, whitelist)]
    text = "%s can %s" % (who, ", ".join(rights) or "do nothing")
    if not confirm and allowed("WAY", "way", whitelist):
        text += "; a new broker stays as soon as it is reached (device.confirm off)"
    todo = ""
    if old:
        text = "OPEN, with the rights of the older defaults: " + text
        todo = "on the console SETPARAM,%s.commands, and view with what is needed; SETPARAM,device.confirm,on" % name
    return "access by " + name, (text, todo)
