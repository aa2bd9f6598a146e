"""What DOCTOR says about what the services report: (what is, what to do next); loaded for that command only."""

# What a reading's error has in it, the fault, what to do; the first that fits counts. Texts take less RAM than tuples.
_METER = """
NoAnswer|the meter is mute|check its power and the wires: RX and TX, or A and B, may be exchanged
Garbled|noise, or wrong speed or parity|check port.N.baud and port.N.parity, cable and terminators
WrongLink|wrong link address: another one answers|correct meter.N.link
(cause 16|wrong measuring point (cause 16)|correct meter.N.point
PasswordError|wrong password|correct meter.N.password; do not guess, meters lock themselves
NackError|NACK: the meter refuses the frame|check the password; another reader may be at work: wait
BusyError|busy: the meter answers but has no data|another reader may be at work: try again later
(cause 13|the data record is not available (cause 13)|nothing is stored yet: try again later
(cause 14|the meter lacks this reading (cause 14)|switch it off, or go on: others may work
(cause 15|unknown record address (cause 15)|try the other meter.N.curve_record or meter.N.contract
(cause 17|the information object is not available (cause 17)|switch this reading off
(cause 18|no such integration period (cause 18)|fewer meter.N.curve_days, the other curve_record
SessionDeadline|the session took too long|raise iec102.session_deadline; is the line noisy?
MemoryError|not enough memory for a session just now|it is tried again by itself
"""
_NETWORK = """
no SIM|no SIM card|switch off, push the card in until it clicks
PUK|the SIM is blocked and wants its PUK|enter PUK and a new PIN with a telephone; set uplink.pin
none is set|the SIM wants a PIN and none is set|SETPARAM,uplink.pin,PIN
PIN|wrong PIN|correct uplink.pin; it is tried once only
SIM|the SIM does not work|clean it, try another one
denied|registration denied|is the card activated and paid? Ask the carrier
no network|no registration|antenna? bands? uplink.network auto
dialling|the network refuses the data connection|correct uplink.apn
user or password|the APN refuses user or password|correct uplink.user, .password, .auth
PPP|no address from the network|correct uplink.apn and uplink.auth
answer|the modem does not answer|its supply (2 A), power key, RX and TX
"""
# Numbers of errors as MicroPython's unix port, lwIP and getaddrinfo of the ports give them.
_BROKER = """
user or password|login refused: user or password|correct mqtt.user and mqtt.password
not authorised|login refused: not authorised|correct mqtt.user and mqtt.password, or the broker's rights
client id|login refused: client id|set another mqtt.id
refused: |login refused|ask whoever runs the broker
no network|no network|see DOCTOR,modem
REFUSED|TCP: the port is closed|check the port in mqtt.broker; is the broker running?
111|TCP: the port is closed|check the port in mqtt.broker; is the broker running?
no connection to|TCP: no answer from the broker|a firewall, or the broker is off
the broker does not answer|the broker is silent: no CONNACK|is it an MQTT broker? Wrong port? TLS?
no PUBACK|the broker does not confirm records (no PUBACK)|its log says why: disk full, rights
closed the connection|the broker hung up|another device with this mqtt.id? Its log says why
takes nothing|the broker takes nothing any more|weak signal, or the broker is overloaded
network is gone|the network went away|see DOCTOR,modem
nothing heard|the broker fell silent|weak signal, or mqtt.keepalive is too long for the carrier
no answer to a ping|the broker fell silent|weak signal, or the broker is overloaded
"""
# What getaddrinfo() of the ports raises: EAI_NONAME, _AGAIN, _NODATA and their kin.
_DNS = ("-2", "-3", "-4", "-5", "-6", "-202")


def _look(table, text):
    for line in table.strip().split("\n"):
        mark, fault, todo = line.split("|")
        if mark in text:
            return "FAULT " + fault, todo
    return "FAULT " + text, "note this line and tell whoever looks after the device"


def meter(error):
    if not error:
        return "ok, it was read", ""
    return _look(_METER, error)


def port(number, text):
    """`text`: why the serial port `number` is not in use."""
    if "can't be used" in text:
        return "FAULT " + text, "correct its pins (board.json) or its port.%d settings, then REBOOT" % number
    if "no commands" in text:
        return "FAULT " + text, "SETPARAM,port.%d.at,off, or the meters to another port, then REBOOT" % number
    return "FAULT " + text, "set meter.N.port to a port the board has, then REBOOT"


def probed(words, port, own):
    """What firmware/meterprobe.py found on `port` for a meter that is set to the link address `own`."""
    kind, _, what = words.partition(" ")
    if kind == "right":
        return "FAULT the meter answers now and then only", "plugs, cable, terminators"
    if kind == "line":
        return (
            "FAULT wrong speed or parity: the meter answers at " + what,
            "set port.%d.baud and port.%d.parity, then REBOOT" % (port, port),
        )
    if kind == "link":
        return (
            "FAULT wrong link address: %d is set, %s answers" % (own, what),
            "correct meter.N.link, then REBOOT",
        )
    return (
        meter("Garbled" if kind == "noise" else "NoAnswer") if kind in ("noise", "mute") else None
    )


def network(state):
    """`state`: status() of the link."""
    if state.get("up"):
        more = ["up (%s)" % state.get("uplink", "")]
        if state.get("operator"):
            more.append(state["operator"])
        if state.get("technology"):
            more.append(state["technology"])
        if state.get("signal") is not None:
            more.append(_signal(state["signal"]))
        return ", ".join(more), ""
    text = state.get("problem") or state.get("last_reason") or ""
    if not text:
        text = state.get("registration") or ""
        if "denied" not in text:
            words = "not up yet: %s%s" % (
                state.get("state") or "starting",
                ", " + text if text else "",
            )
            return words, "wait two minutes and ask again"
    if text.startswith("no network") and state.get("signal") is None:
        return (
            "FAULT no signal: no network is found",
            "antenna on MAIN? Out of the cabinet and try again",
        )
    return _look(_NETWORK, text)


def _signal(dbm):
    word = (
        "good" if dbm >= -85 else "fair" if dbm >= -95 else "weak" if dbm >= -105 else "very weak"
    )
    return "signal %s (%d dBm)" % (word, dbm)


def broker(state, url):
    """`state`: status() of the MQTT service, {} where there is none; `url`: mqtt.broker, "" where it is not in use."""
    if not state or not url:
        return "FAULT delivery is off", "set mqtt.enabled on and mqtt.broker tcp://host:port"
    if state.get("refused"):
        return (
            "FAULT subscription refused: " + state["refused"],
            "give the user the right to read this topic, or correct mqtt.at_topic",
        )
    error = state.get("last_error") or ""
    if state.get("connected"):
        words = "ok, online at %s, %d records delivered" % (url, state.get("delivered", 0))
        if not error or not state.get("since", 0) < 60:
            return words, ""
        # It comes and goes.
        fault, todo = _look(_BROKER, error)
        return "%s; before that: %s" % (words, fault[6:]), todo
    if not error:
        return "not online yet: %s" % state.get("state", ""), "ask again in half a minute"
    # "-202", "[Errno -2] …", "[addrinfo error -2]", as the ports have it.
    number = error.partition("]")[0].split(" ")[-1]
    if number in _DNS or "Name or service" in error:
        return (
            "FAULT DNS: the name in mqtt.broker is not known",
            "check mqtt.broker; the APN may have no DNS",
        )
    return _look(_BROKER, error)
