"""What DOCTOR says about the state of the services and about the channels: (what is, what to do next).

Of the channels: what could somebody do who has got at one of them? What it says about errors stands in
core/error_texts.py.
"""

from firmware.commands.grammar import allowed
from firmware.config.files import open_channels
from firmware.config.settings import MAX_PORTS
from firmware.core import overlay
from firmware.core.error_texts import advice

# Codes of errors (core/errors.py).
_NO_NETWORK = const(221)
_NO_SIGNAL = const(222)
_DENIED = const(263)
_NOT_SUBSCRIBED = const(326)
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


def network(state, why):
    """`state`: status() of the link; `why`: what is wrong with it (core/errors.py), None: nothing is known to be."""
    if state.get("up"):
        more = ["up (%s)" % state.get("uplink", "")]
        if state.get("operator"):
            more.append(state["operator"])
        if state.get("technology"):
            more.append(state["technology"])
        if state.get("signal") is not None:
            more.append("signal " + signal(state["signal"]))
        return ", ".join(more), ""
    if not why:
        text = state.get("last_reason") or state.get("registration")
        words = "not up yet: %s%s" % (
            state.get("state") or "starting",
            ", " + text if text else "",
        )
        return words, "wait two minutes and ask again"
    return advice(closer(why, state.get("signal")))


def closer(why, dbm):
    """`why` there is no network as exactly as it is known: no signal, or denied."""
    if why[0] == _NO_NETWORK:
        if dbm is None:
            return (_NO_SIGNAL,) + why[1:]
        if why[1][0] == _DENIED:
            return why[1]
    return why


def signal(dbm):
    """How good a signal of so many dBm (AT+CSQ) is."""
    word = "good" if dbm >= -85 else "fair" if dbm >= -95 else "weak" if dbm >= -105 else "very weak"
    return "%s (%d dBm)" % (word, dbm)


def data(found):
    """`found`: report.data()."""
    words = "%d of %d MB this month" % (found["month"] // 1000000, found["limit"])
    if not found["over"]:
        return "ok, " + words, ""
    return "FAULT " + words, "GETSTATUS,mqtt has reconnects and ping; docs/air.md says what costs; or set data.limit"


def broker(state, url, why):
    """`state`: status() of the MQTT service, {} where there is none; `url`: mqtt.broker, "" where it is not in use;
    `why`: what ended the last connection (core/errors.py), None: nothing did."""
    if not state or not url:
        return "FAULT delivery is off", "set mqtt.enabled on and mqtt.broker tcp://host:port"
    if state.get("refused"):
        return advice((_NOT_SUBSCRIBED, state["refused"]))
    if state.get("connected"):
        if state.get("unchecked"):
            return "FAULT tls.verify is none: anybody can be the broker at %s" % url, "SETPARAM,tls.verify,ca"
        words = "ok, online at %s, %d records delivered" % (url, state.get("delivered", 0))
        if not why or not state.get("since", 0) < 60:
            return words, ""
        # It comes and goes.
        fault, todo = advice(why)
        return "%s; before that: %s" % (words, fault[6:]), todo
    if not why:
        return "not online yet: %s" % state.get("state", ""), "ask again in half a minute"
    return advice(why)


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
