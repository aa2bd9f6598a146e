"""The table of every setting: one line each, and nothing else knows their names, ranges or defaults.

A line: `name|heritage name|type|limits|default|what a change needs`. Types (checked in configcheck.py): `int` (limits:
least, most), `bool`, `choice` (limits: the choices), and of at most `limits` characters `str`, `secret`, `word` (no
blanks, nothing that means something in a topic or a command), `topic` (no wildcards), `list` (words and commas),
`broker` (a URI); `code` is a secret number (limits as of an int). A change needs nothing, a `restart`, or it is a
`link` change that could cut the device off.

The heritage name is the one of TITAN or of its predecessor, MTX-Tunnel, where one is known (TITAN reference 1.2).
One in its style that we made up has a `~` before it, or is not here at all: then `titan()` derives it.

Names that begin with `port.` exist twice and those that begin with `meter.` eight times: `port.1.baud`,
`meter.0.id`. One text, not tuples: it costs a board 6 KB of RAM instead of 30. What each setting is for stands in
settings_help.py, which is only loaded when somebody asks.
"""

MAX_METERS = 8
MAX_PORTS = 2
# Group -> (number of the first, how many).
GROUPS = {"meter": (0, MAX_METERS), "port": (1, MAX_PORTS)}
# Group -> what its derived heritage names begin with, where it is not the group's own name.
_PREFIX = {"meter": "IEC102", "port": "COMM", "uplink": "GPRS", "ntp": "MTX_TP"}

TABLE = """
device.imei||word|15||restart
device.zone||choice|Europe/Madrid,Africa/Ceuta,Atlantic/Canary,Europe/Lisbon,Europe/Dublin,Europe/Paris,\
Europe/Berlin,Europe/Rome,Europe/Athens,Europe/Helsinki,UTC|Europe/Madrid|restart
device.password||secret|32||
device.mtxerr||bool||off|
device.trial||int|2,1440|10|
console.enabled||bool||on|restart
console.echo||bool||on|
console.commands||list|200|*|
port.enabled||bool||on|restart
port.type||choice|rs232,rs485|rs232|restart
port.baud|COMM_baudrate|choice|300,600,1200,2400,4800,9600,19200,38400,57600,115200|9600|restart
port.bits|COMM_bitsperchar|choice|7,8|8|restart
port.parity|COMM_parity|choice|none,even,odd|none|restart
port.stop|COMM_stopbits|choice|1,2|1|restart
port.flow|~COMM_flowControl|choice|none,hardware|none|restart
port.at|MTX_ATEmbedded|bool||off|restart
port.at_remote|~MTX_ATRemote|bool||off|restart
port.commands||list|200|view,meter|
uplink.type||choice|auto,modem,wifi,ethernet,host|auto|link
uplink.apn|GPRS_apn|str|64||link
uplink.user|GPRS_login|str|64||link
uplink.password|GPRS_password|secret|64||link
uplink.auth||choice|none,pap,chap|none|link
uplink.pin|MTX_PIN|secret|8||link
uplink.network|GPRS_mode|choice|auto,4g,3g,2g,nbiot,catm|auto|link
uplink.ssid|~WIFI_ssid|str|32||link
uplink.key|~WIFI_key|secret|63||link
uplink.ping_host|MTX_pingIP|word|64||link
uplink.ping_minutes|MTX_ping|int|1,1440|30|link
uplink.cmux||bool||on|link
uplink.model||word|20|auto|link
uplink.baud||choice|9600,19200,38400,57600,115200,230400,460800,921600|115200|link
sms.enabled|SMS_ATEnabled|bool||off|restart
sms.reply|SMS_ATResponse|bool||on|restart
sms.all_phones|SMS_allPhones|bool||off|restart
sms.phones||list|200||restart
sms.alias|SMS_alias1|str|160||restart
sms.commands||list|200|view,meter,REBOOT|
mqtt.enabled|MQTT_enabled|bool||off|link
mqtt.broker|MQTT_server|broker|120||link
mqtt.id|MQTT_id|str|64|[IMEI]|link
mqtt.user|MQTT_login|str|64||link
mqtt.password|MQTT_password|secret|128||link
mqtt.keepalive|MQTT_keepalive|int|10,3600|60|link
mqtt.qos|MQTT_qos|int|0,1|1|link
mqtt.window||int|1,16|8|
mqtt.puback_timeout||int|1,120|20|
mqtt.at_topic|MQTT_attopic1|topic|120||link
mqtt.at_topic2|MQTT_attopic2|topic|120||link
mqtt.atr_topic|MQTT_atrtopic|topic|120|lector102/[IMEI]/ATR|
mqtt.echo||bool||on|
mqtt.commands||list|200|view,meter,setup,modem,REBOOT|
mqtt.online_topic||topic|120|lector102/[IMEI]/ONLINE|link
mqtt.status_topic|DNS_mqttTopic|topic|120|lector102/[IMEI]/STATUS|
logger.enabled|LOGGER_enabled|bool||on|
logger.id|LOGGER_password|topic|64|ID-[IMEI]|
logger.topic|~LOGGER_mqttTopic|topic|120|lector102/[IMEI]/LOGGER|
logger.order||choice|fifo,lifo|fifo|
logger.time|MTX_TPFormat|choice|unix,seconds,milliseconds,classic|unix|
logger.profile||choice|titan,extended,both|titan|
logger.extended_topic||topic|120|lector102/[IMEI]/READINGS|
logger.size|LOGGER_registerSize|int|0,16384|0|
logger.registers|LOGGER_numRegistersFlash|int|0,1000000|0|restart
logger.segment||int|4096,65536|16384|restart
logger.segments||int|2,4096|64|restart
iec102.answer_timeout||int|50,60000|2000|
iec102.gap_timeout||int|5,10000|200|
iec102.retries||int|0,10|3|
iec102.busy_limit||int|1,600|20|
iec102.session_deadline||int|1,3600|60|
iec102.turnaround||int|0,1000|0|
iec102.totals||choice|object192,tariff|object192|restart
meter.enabled||bool||off|restart
meter.id||word|32||restart
meter.port||int|1,2|1|restart
meter.link|~IEC102_linkAddress|int|0,65535|1|restart
meter.point|~IEC102_pointAddress|int|0,65535|1|restart
meter.password||code|0,4294967295|1|restart
meter.interval|~IEC102_period|int|0,10080|15|restart
meter.closing|~IEC102_fiscalClose|bool||off|restart
meter.closing_days|~IEC102_fiscalDays|int|1,400|31|restart
meter.contract||int|1,3|1|restart
meter.resend||bool||off|
meter.logger||bool||on|restart
meter.curve||int|0,10080|0|restart
meter.curve_record||choice|11,12|11|restart
meter.curve_minutes||choice|0,5,10,15,30,60|0|restart
meter.curve_days||int|1,400|1|restart
meter.tariff||int|0,10080|0|restart
meter.events||int|0,10080|0|restart
meter.clock||int|0,10080|0|restart
meter.identity||int|0,10080|0|restart
meter.power||int|0,10080|0|restart
meter.setup||int|0,10080|0|restart
meter.set_clock||bool||off|restart
meter.max_step||int|2,3600|60|restart
ntp.server|MTX_TPServer|word|64|pool.ntp.org|
ntp.server2|MTX_TPServer2|word|64||
ntp.hours||int|1,168|12|
"""


def find(name, index=None, heritage=True):
    """(row, index, "") of a full name, ours or the heritage one, in any case; or (None, None, what is wrong)."""
    base, found = _split(name.lower())
    line = row(base)
    if not line and heritage:
        line, found = by_titan(name)
    if not line:
        shown = "".join(c if 32 < ord(c) < 127 else "?" for c in name[:40])
        return None, None, "there is no setting " + shown
    index = found if index is None else index
    group = GROUPS.get(line[0].split(".")[0])
    if group:
        first, count = group
        index = first if index is None else index
        if not first <= index < first + count:
            return (
                None,
                None,
                "%s: number %d is not %d to %d" % (line[0], index, first, first + count - 1),
            )
    elif index is not None:
        return None, None, line[0] + " exists once; it has no number"
    return line, index, ""


def _split(name):
    """("meter.id", 3) of "meter.3.id"; index None where there is none."""
    parts = name.split(".")
    if len(parts) == 3 and len(parts[1]) == 1 and parts[1] in "0123456789":
        return parts[0] + "." + parts[2], int(parts[1])
    return name, None


def key(found, index):
    """The full name: `meter.3.id` of its row and 3."""
    if index is None:
        return found[0]
    group, field = found[0].split(".")
    return "%s.%d.%s" % (group, index, field)


def default(found):
    if found[2] == "bool":
        return found[4] == "on"
    return int(found[4]) if found[2] == "int" else found[4]


def row(name):
    """[name, heritage name, type, limits, default, needs] of a setting by our name in lower case, or None."""
    at = TABLE.find("\n" + name + "|")
    if at < 0:
        return None
    found = TABLE[at + 1 : TABLE.find("\n", at + 1)].split("|")
    return found if found[0] == name else None


def rows():
    """Every row in the order of the table."""
    at = 1
    while at < len(TABLE):
        end = TABLE.find("\n", at)
        yield TABLE[at:end].split("|")
        at = end + 1


def names():
    """Every name in the order of the table."""
    for found in rows():
        yield found[0]


def titan(found, index=None):
    """The heritage name of a row: `COMM_baudrate`, `COMM2_baudrate`; `IEC102_id`, `IEC102_id1`."""
    name = found[1].lstrip("~")
    group, field = found[0].split(".")
    if not name:
        words = field.split("_")
        name = words[0] + "".join(word[0].upper() + word[1:] for word in words[1:])
        name = _PREFIX.get(group, group.upper()) + "_" + name
    if index is None or index == GROUPS[group][0]:
        return name
    return "COMM2_" + name[5:] if name.startswith("COMM_") else name + str(index)


def by_titan(name):
    """(row, index or None) of a heritage name in any case; (None, None) if there is no such setting."""
    if name[:6].lower() == "comm2_":
        found = _by_titan("COMM_" + name[6:])
        return (found, 2) if found and found[0].startswith("port.") else (None, None)
    if name and name[-1] in "0123456789":
        found = _by_titan(name[:-1])
        if found and found[0].split(".")[0] in GROUPS:
            return found, int(name[-1])
    found = _by_titan(name)
    return (found, None) if found else (None, None)


def _by_titan(name):
    found = _quick(name)
    if found:
        return found
    wanted = name.lower()
    for found in rows():
        if titan(found).lower() == wanted:
            return found
    return None


def _quick(name):
    """The row of a name spelled exactly as titan() spells it: no look at every row."""
    at = max(TABLE.find("|" + name + "|"), TABLE.find("|~" + name + "|"))
    if at >= 0:
        start = TABLE.rfind("\n", 0, at) + 1
        ours = TABLE[start:at]
    else:
        prefix, _, field = name.partition("_")
        ours = "".join("_" + c.lower() if "A" <= c <= "Z" else c for c in field)
        for group, known in _PREFIX.items():
            if known == prefix:
                prefix = group
        ours = prefix.lower() + "." + ours
    found = row(ours)
    return found if found and titan(found) == name else None
