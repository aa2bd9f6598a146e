"""What each setting is for, one line each: `name|help`. Loaded for HELP and for the reference only."""

TEXT = """
device.imei|identity in records and topics; empty: the modem's or the board's
device.zone|zone of the meters' clocks
device.password|password of the local console; empty: none
device.mtxerr|tell the reason of an ERROR in a line +MTXERR
device.trial|minutes a change that cuts the device off may stay without reaching the broker
console.enabled|AT commands on the console
console.echo|the console repeats what is typed
console.commands|commands the console may give; * = all
port.enabled|the port is used
port.type|RS-232, or RS-485 with its driver switched for each frame
port.baud|speed of the line
port.bits|data bits
port.parity|parity
port.stop|stop bits
port.flow|flow control
port.at|<mtxtunnel>AT</mtxtunnel> works on this port
port.at_remote|<mtxtunnelr>AT</mtxtunnelr> works on this port
port.commands|commands the tags on this port may give
uplink.type|way to the network
uplink.apn|APN of the SIM
uplink.user|user of the APN
uplink.password|password of the APN
uplink.auth|how the APN checks user and password
uplink.pin|PIN of the SIM
uplink.network|network to use
uplink.ssid|name of the WiFi
uplink.key|key of the WiFi
uplink.ping_host|host asked whether the link lives; empty: none
uplink.ping_minutes|minutes between two such questions
uplink.cmux|modem commands while online (CMUX)
uplink.model|profile of the modem; auto: it is asked
uplink.baud|speed of the line to the modem
sms.enabled|commands by SMS
sms.reply|answers by SMS
sms.all_phones|anybody may send commands
sms.phones|numbers that may, with commas between them
sms.alias|a word that stands for a command, as in READ>AT^MTXTUNNEL=FORCEREAD
sms.commands|commands an SMS may give
mqtt.enabled|deliver to an MQTT broker
mqtt.broker|tcp://host:port of the broker
mqtt.id|client id
mqtt.user|user at the broker
mqtt.password|password at the broker
mqtt.keepalive|seconds until silence means loss
mqtt.qos|quality of service of records and answers
mqtt.window|records that may be on the way at a time
mqtt.puback_timeout|seconds the broker may take to confirm a record
mqtt.at_topic|topic of AT commands; empty: none are taken
mqtt.at_topic2|a second one
mqtt.atr_topic|topic of the answers
mqtt.echo|an answer begins with the command
mqtt.commands|commands the broker may give
mqtt.online_topic|retained topic: online, offline
mqtt.status_topic|topic of readings that failed; empty: none
logger.enabled|deliver what is logged
logger.id|P in every record
logger.topic|topic of the records
logger.order|oldest or newest first
logger.time|form of TS; unix is 2022-07-13T09:42:06Z
logger.profile|form of the records
logger.extended_topic|topic of the extended form
logger.size|most bytes of a record; 0: no limit
logger.registers|most records kept; 0: what the flash takes
logger.segment|bytes after which the log begins a new file
logger.segments|files the log keeps
iec102.answer_timeout|ms until the first byte of an answer
iec102.gap_timeout|ms between two bytes of an answer
iec102.retries|repetitions of a frame
iec102.busy_limit|seconds a meter may say that it is busy
iec102.session_deadline|seconds a session may take
iec102.turnaround|ms of silence before each frame
iec102.totals|where VABA, VABRI and VABRC come from: object 192 or the current tariff values
meter.enabled|the meter is read
meter.id|ID in its records and in commands
meter.port|serial port it hangs on
meter.link|link address
meter.point|measuring point
meter.password|password, a number up to 4294967295
meter.interval|minutes between two reads; 0: none
meter.closing|read the daily closings
meter.closing_days|days the closings go back
meter.contract|contract whose tariff is read
meter.resend|deliver closings again every day
meter.logger|keep its readings for delivery
meter.curve|minutes between two reads of the load curve; 0: none
meter.curve_record|record of the curve: hourly, quarter-hourly
meter.curve_minutes|minutes of a period of the curve; 0: what the record stands for
meter.curve_days|days the first reading of the curve goes back
meter.tariff|minutes between two reads of the current tariff values
meter.events|minutes between two reads of the events
meter.clock|minutes between two looks at the meter's clock
meter.identity|minutes between two reads of the identity
meter.power|minutes between two reads of the contracted powers
meter.setup|minutes between two reads of the configuration
meter.set_clock|set the meter's clock when it is off
meter.max_step|seconds its clock may be set by at the most
ntp.server|NTP server; empty: none
ntp.server2|a second one
ntp.hours|hours between two questions for the time
"""


def of(name):
    """The help of a setting, by our name."""
    at = TEXT.find("\n" + name + "|")
    return TEXT[at + len(name) + 2 : TEXT.find("\n", at + 1)] if at >= 0 else ""


def allowed(row):
    """What a row of the table allows, in words."""
    kind, limits = row[2], row[3]
    if kind in ("int", "code"):
        return "%s to %s" % tuple(limits.split(","))
    if kind == "bool":
        return "on, off"
    if kind == "choice":
        return limits.replace(",", ", ")
    what = {
        "word": ", no blanks",
        "topic": ", no + and #",
        "list": ", words with commas",
        "broker": ", tcp://host:port or mqtt://host:port",
    }
    return "up to %s characters%s" % (limits, what.get(kind, ""))


def needs(row):
    """What a change of a row needs, in words."""
    if row[5] == "restart":
        return "in force after REBOOT"
    if row[5] == "link":
        return "in force at once, taken back after device.trial minutes without the broker"
    return "in force at once"
