"""The table of every setting: one line each, and nothing else knows their names, ranges or defaults.

A line: `name|TITAN's name|type|limits|default|what a change needs`. Types: `int` (limits: least, most), `bool`,
`str` and `secret` (limits: most characters), `choice` (limits: the choices). A change needs nothing, a `restart`, or
it is a `link` change that could cut the device off. Names that begin with `port.` exist twice and those that begin
with `meter.` eight times: `port.1.baud`, `meter.0.id`.

One text, not tuples: it costs a board 6 KB of RAM instead of 30. What each setting is for stands in
settings_help.py, which is only loaded when somebody asks.
"""

MAX_METERS = 8
MAX_PORTS = 2
# Group -> (number of the first, how many).
GROUPS = {"meter": (0, MAX_METERS), "port": (1, MAX_PORTS)}

TABLE = """
device.imei||str|15||restart
device.zone||str|32|Europe/Madrid|restart
device.password||secret|32||
device.mtxerr||bool||off|
console.enabled||bool||on|restart
console.echo||bool||on|
console.commands||str|200|*|
port.enabled||bool||on|restart
port.baud|COMM_baudrate|choice|300,600,1200,2400,4800,9600,19200,38400,57600,115200|9600|restart
port.bits|COMM_bitsperchar|choice|7,8|8|restart
port.parity|COMM_parity|choice|none,even,odd|none|restart
port.stop|COMM_stopbits|choice|1,2|1|restart
port.flow|COMM_flowcontrol|choice|none,hardware|none|restart
port.at|MTX_ATEmbedded|bool||off|restart
uplink.type||choice|auto,modem,wifi,ethernet,host|auto|link
uplink.apn|GPRS_apn|str|64||link
uplink.user|GPRS_login|str|64||link
uplink.password|GPRS_password|secret|64||link
uplink.auth||choice|none,pap,chap|none|link
uplink.pin|GPRS_pin|secret|8||link
uplink.network|MTX_model|choice|auto,4g,3g,2g,nbiot,catm|auto|link
uplink.ssid|WIFI_ssid|str|32||link
uplink.key|WIFI_key|secret|63||link
uplink.ping_host|MTX_pingIP|str|64||link
uplink.ping_minutes|MTX_ping|int|1,1440|30|link
uplink.cmux||bool||on|link
mqtt.enabled|MQTT_enabled|bool||off|link
mqtt.broker|MQTT_server|str|120||link
mqtt.id|MQTT_id|str|64|[IMEI]|link
mqtt.user|MQTT_login|str|64||link
mqtt.password|MQTT_password|secret|128||link
mqtt.keepalive|MQTT_keepalive|int|10,3600|60|link
mqtt.qos|MQTT_qos|int|0,1|1|link
mqtt.window||int|1,16|8|
mqtt.puback_timeout||int|1,120|20|
mqtt.at_topic|MQTT_attopic1|str|120||link
mqtt.at_topic2|MQTT_attopic2|str|120||link
mqtt.atr_topic|MQTT_atrtopic|str|120|lector102/[IMEI]/ATR|
mqtt.commands||str|200|*,-CLEARLOG|
mqtt.online_topic||str|120|lector102/[IMEI]/ONLINE|link
mqtt.status_topic||str|120|lector102/[IMEI]/STATUS|
logger.enabled|LOGGER_enabled|bool||on|
logger.id|LOGGER_password|str|64|ID-[IMEI]|
logger.topic|MQTT_loggerTopic|str|120|lector102/[IMEI]/LOGGER|
logger.order|LOGGER_order|choice|fifo,lifo|fifo|
logger.time|MTX_TPFormat|choice|unix,seconds,milliseconds,classic|unix|
logger.profile||choice|titan,extended,both|titan|
logger.extended_topic||str|120|lector102/[IMEI]/READINGS|
logger.size|LOGGER_registerSize|int|0,16384|0|
logger.registers|LOGGER_numRegistersFlash|int|0,1000000|0|restart
iec102.answer_timeout||int|50,60000|2000|
iec102.gap_timeout||int|5,10000|200|
iec102.retries||int|0,10|3|
iec102.busy_limit||int|1,600|20|
iec102.session_deadline||int|1,3600|60|
iec102.turnaround||int|0,1000|0|
meter.enabled|IEC102_enabled|bool||off|restart
meter.id|IEC102_ID|str|32||restart
meter.port|IEC102_port|int|1,2|1|restart
meter.link|IEC102_linkAddress|int|0,65535|1|restart
meter.point|IEC102_pointAddress|int|0,65535|1|restart
meter.password|IEC102_password|secret|10|1|restart
meter.interval|IEC102_period|int|0,10080|15|restart
meter.closing|IEC102_fiscalClose|bool||off|restart
meter.closing_days|IEC102_fiscalDays|int|1,400|31|restart
meter.contract||int|1,3|1|restart
meter.resend||bool||off|
meter.logger|IEC102_logger|bool||on|restart
meter.curve||int|0,10080|0|restart
meter.curve_record||choice|11,12|11|restart
meter.curve_days||int|1,400|1|restart
meter.tariff||int|0,10080|0|restart
meter.events||int|0,10080|0|restart
meter.clock||int|0,10080|0|restart
meter.identity||int|0,10080|0|restart
meter.power||int|0,10080|0|restart
meter.setup||int|0,10080|0|restart
meter.set_clock||bool||off|restart
meter.max_step||int|2,3600|60|restart
ntp.server|NTP_server1|str|64|pool.ntp.org|
ntp.server2|NTP_server2|str|64||
ntp.hours|NTP_period|int|1,168|12|
"""


def row(name):
    """(name, TITAN's name, type, limits, default, needs) of a setting by either name, any case; None if unknown."""
    wanted = name.lower()
    at = TABLE.find("\n" + wanted + "|")
    if at < 0:
        # TITAN's names keep their capitals in the table.
        at = TABLE.lower().find("|" + wanted + "|") if wanted else -1
        at = TABLE.rfind("\n", 0, at) if at >= 0 else -1
        if at < 0:
            return None
    found = TABLE[at + 1 : TABLE.find("\n", at + 1)].split("|")
    return found if wanted in (found[0], found[1].lower()) else None


def names():
    """Every name in the order of the table."""
    at = 1
    while at < len(TABLE):
        yield TABLE[at : TABLE.find("|", at)]
        at = TABLE.find("\n", at) + 1
