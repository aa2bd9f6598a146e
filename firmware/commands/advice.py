"""What to do about a fault of a reading, of the way out or of the broker; for DOCTOR and tools.doctor."""

# By cause of transmission (protocol reference 3.1).
CAUSES = {
    13: "nothing is stored there yet, or not in this period: ask again later or for another period",
    14: "this meter lacks the reading: switch it off in the settings of the meter",
    15: "set another record (meter.N.curve_record) or contract (meter.N.contract)",
    16: "correct meter.N.point (punto de medida); the distributor knows it",
    17: "the meter does not keep these values: switch the reading off in the settings of the meter",
    18: "the meter keeps no such period: try the other meter.N.curve_record, or fewer meter.N.curve_days",
}

# By the name an error of a session begins with (firmware/iec102/errorwords.py), one line each.
_ERRORS = """
NoAnswerError|check cable, power of the meter, port.P.baud and port.P.parity, meter.N.link; RS-485: exchange A and B
GarbledError|try port.P.parity even and other port.P.baud; shield the cable; an optical head must sit straight
WrongLinkError|correct meter.N.link: another link address answers
NackError|another reader may be connected, or the password is wrong: check meter.N.password, try again in two minutes
PasswordError|correct meter.N.password (clave de lectura); the distributor knows it; do not guess
BusyError|another reader may be at work on the meter: try again in some minutes
SessionDeadlineError|a larger iec102.session_deadline, or fewer days (meter.N.curve_days, meter.N.closing_days)
UnexpectedAsduError|correct meter.N.point; else note this line and tell us
AsduError|note this line and tell us
MemoryError|fewer meters on this device, or fewer readings at a time
OSError|the flash is full or worn: GETLOG; fewer logger.segments
"""


def of(error):
    """What to do about an error text such as `NoAnswerError: the meter does not answer`; empty if nobody knows."""
    at = error.find("(cause ")
    if at >= 0 and error.startswith("NotAvailableError"):
        digits = error[at + 7 :].split(",")[0].split(")")[0]
        return CAUSES.get(int(digits), "") if digits.isdigit() else ""
    at = _ERRORS.find("\n" + error.split(":")[0] + "|")
    return _ERRORS[at:].split("\n")[1].split("|")[1] if at >= 0 else ""


# By a word in what the modem or the network said, the first that fits.
_LINK = """
pin|correct uplink.pin; it is tried once only
puk|enter the PUK in a telephone
sim|switch off, push the SIM card in until it clicks
denied|is the card activated and paid? Ask the carrier
signal|antenna to the connector MAIN, out of the cabinet
regist|antenna, uplink.network auto; the first time may take minutes
dial|check uplink.apn, uplink.user, uplink.password
user or password|check uplink.user, uplink.password and uplink.auth
answer|power of the modem (2 A), its wires, uplink.baud
network|this board needs a modem, WiFi or Ethernet: uplink.type
"""


def of_link(text):
    """What to do when the way out fails with `text`."""
    text = text.lower()
    for line in _LINK.strip().split("\n"):
        word, todo = line.split("|")
        if word in text:
            return todo
    return "wait some minutes; then AT+CSQ and AT+CREG? tell what the modem knows"


# By a word in the last error of the connection to the broker (firmware/uplink).
_BROKER = """
user or password|correct mqtt.user and mqtt.password
not authorised|correct mqtt.user and mqtt.password, or the broker's list of rights
client id|set mqtt.id to one the broker takes, and no other device has
does not answer|is mqtt.broker the port of an MQTT broker? TLS is not part of this version
refused|check the port in mqtt.broker (1883 is usual); is the broker running?
no connection|a firewall or a wrong address in mqtt.broker; tools.doctor broker from a computer tells more
puback|the broker does not confirm: its log says why
closed|the broker closes the connection: another device with the same mqtt.id?
-2|the name in mqtt.broker is not known: check its spelling, or use a number
"""


def of_broker(text):
    """What to do when the broker is not reached and `text` is the last error."""
    text = text.lower()
    for line in _BROKER.strip().split("\n"):
        word, todo = line.split("|")
        if word in text:
            return todo
    return "check mqtt.broker; tools.doctor broker from a computer tells more"
