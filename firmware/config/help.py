"""What each setting is for and what it allows, in words. Loaded for HELP and for the reference only."""

# Group -> lines `name|help`.
_TEXTS = {
    "device": """
imei|identity in records and topics; empty: the modem's or the board's
zone|zone of the meters' clocks
password|password of the local console; empty: none
mtxerr|tell the reason of an ERROR in a line +MTXERR
separator|what stands between the arguments of a command: a comma, or both comma and semicolon
trial|minutes a change that cuts the device off may stay without reaching the broker
confirm|another broker or network stays when CONFIRM,code comes over the new way; off: as soon as the broker is reached
""",
    "console": """
enabled|AT commands on the console
echo|the console repeats what is typed
commands|commands the console may give; * = all
""",
    "logger": """
enabled|deliver what is logged
id|P in every record
topic|topic of the records
order|oldest or newest first
time|form of TS; unix is 2022-07-13T09:42:06Z
profile|form of the records
tags|end of the meter's times in the titan form: -1 in summer time, +02:00, or nothing
object_key|key of the object address in tariff records
extended_topic|topic of the extended form
size|most bytes of a record, a longer one is not kept; 0: no limit
registers|most records that may wait, the oldest goes; 0: what the flash takes
segment|bytes after which the log begins a new file
segments|files the log keeps; fewer where the flash is small; more until what waits fits
""",
    "limit": """
commands|most commands in a minute on each channel; those beyond wait
""",
    "uplink": """
type|way to the network
apn|APN of the SIM
user|user of the APN
password|password of the APN
auth|how the APN checks user and password
pin|PIN of the SIM
network|network to use
ssid|name of the WiFi
key|key of the WiFi
ping_host|host asked whether the link lives; empty: none
ping_minutes|minutes between two such questions
cmux|modem commands while online (CMUX); off by default on a Pico W
model|profile of the modem; auto: it is asked
baud|speed of the line to the modem
""",
    "sms": """
enabled|commands by SMS
reply|answers by SMS
all_phones|anybody may send commands
phones|numbers that may, with commas between them
alias|words that stand for commands, as in READ>AT^MTXTUNNEL=FORCEREAD|LOG>AT^MTXTUNNEL=GETLOG
commands|commands an SMS may give
status|hours between two SMS that tell how things stand; 0: none
status_phone|number that gets them; empty: the first of sms.phones
""",
    "mqtt": """
enabled|deliver to an MQTT broker
broker|tcp://host:port of the broker
id|client id
user|user at the broker
password|password at the broker
keepalive|seconds until silence means loss
qos|quality of service of records and answers
window|records that may be on the way at a time
puback_timeout|seconds the broker may take to confirm a record
at_topic|topic of AT commands; empty: none are taken
at_topic2|a second one
atr_topic|topic of the answers
echo|an answer begins with the command
lines|what ends the lines of an answer
commands|commands the broker may give
online_topic|retained topic: online, offline
status_topic|topic of readings that failed; empty: none
""",
    "ha": """
enabled|announce the meters to Home Assistant
prefix|what the topics of the announcements begin with
""",
    "ntp": """
server|NTP server; empty: none
server2|a second one
hours|hours between two questions for the time
""",
    "port": """
enabled|the port is used
type|RS-232, or RS-485 with its driver switched for each frame
baud|speed of the line
bits|data bits
parity|parity
stop|stop bits
flow|flow control
at|<mtxtunnel>AT</mtxtunnel> works on this port
at_remote|<mtxtunnelr>AT</mtxtunnelr> works on this port
commands|commands the tags on this port may give
""",
    "iec102": """
answer_timeout|ms until the first byte of an answer
gap_timeout|ms between two bytes of an answer
retries|repetitions of a frame
busy_limit|seconds a meter may say that it is busy
session_deadline|seconds a session may take
turnaround|ms of silence before each frame
totals|where VABA, VABRI and VABRC come from: object 192 or the current tariff values
trace|show every frame with its meaning: on the console, in trace.txt and trace.old.txt on the flash, or on a topic
trace_topic|topic of the frames
trace_minutes|minutes after which the trace ends by itself; 0: never
invalid|instantaneous values the meter calls invalid: as they are, left out, or told in a key Q
align|readings on the clock, as xx:00 and xx:15; off: counted from the start
unread|how a GET ends that has nothing to give; why stands in a line before
""",
    "meter": """
enabled|the meter is read
id|ID in its records and in commands
port|serial port it hangs on
link|link address
point|measuring point
password|password, a number up to 4294967295
interval|minutes between two reads; 0: none
closing|read the daily closings
closing_days|days the closings go back
contract|contract whose tariff is read
resend|deliver closings again every day
logger|keep its readings for delivery
curve|minutes between two reads of the load curve; 0: none
curve_record|record of the curve: hourly, quarter-hourly
curve_minutes|minutes of a period of the curve; 0: what the record stands for
curve_days|days the first reading of the curve goes back
tariff|minutes between two reads of the current tariff values
events|minutes between two reads of the events
clock|minutes between two looks at the meter's clock
identity|minutes between two reads of the identity
power|minutes between two reads of the contracted powers
setup|minutes between two reads of the configuration
set_clock|set the meter's clock when it is off
max_step|seconds its clock may be set by at the most
""",
}


def of(name):
    """The help of a setting, by our name."""
    group, _, field = name.partition(".")
    text = _TEXTS[group]
    at = text.find("\n" + field + "|")
    return text[at + len(field) + 2 : text.find("\n", at + 1)] if at >= 0 else ""


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
    if row[5] in ("link", "way"):
        when = "after REBOOT" if row[0].startswith("uplink.") else "at once"
        words = "in force " + when + ", taken back after device.trial minutes without "
        return words + ("CONFIRM; wants the role way" if row[5] == "way" else "the broker")
    return "in force at once"
