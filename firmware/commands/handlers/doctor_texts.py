"""What DOCTOR says about the state of the services: (what is, what to do next).

What it says about errors stands in core/error_texts.py, what about the channels in doctor_access.py.
"""

from firmware.core.error_texts import advice

# Codes of errors (core/errors.py).
_NO_NETWORK = const(221)
_NO_SIGNAL = const(222)
_DENIED = const(263)
_NOT_SUBSCRIBED = const(326)


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


def delivery(state, url, why):
    """The same of a delivery over HTTP or FTP (sender.Sender)."""
    if not url:
        return "FAULT it has no address", "SETPARAM,http.server,http://host/path or ftp.server,ftp://host"
    if state["parked"]:
        text = "FAULT %d records are parked: the server answers %d" % (state["parked"], state["parked_for"])
        return text, "its log says why; SENDNOW tries them again"
    if why:
        return advice(why)
    if state["connected"]:
        return "ok, %s, %d records delivered, %d wait" % (url, state["delivered"], state["waiting"]), ""
    return "not reached yet: %s" % state["state"], "ask again in half a minute"
