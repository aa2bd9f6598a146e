"""The tables of the settings: group -> lines. They are explained in settings.py, which alone may import them."""

TABLES = {
    "device": """
imei||word|15||restart
zone||choice|Europe/Madrid,Africa/Ceuta,Atlantic/Canary,Europe/Lisbon,Europe/Dublin,Europe/Paris,\
Europe/Berlin,Europe/Rome,Europe/Athens,Europe/Helsinki,UTC|Europe/Madrid|restart
password||secret|32||
mtxerr||bool||off|
separator||choice|comma,both|comma|
trial||int|2,1440|10|
confirm||bool||on|
""",
    "console": """
enabled||bool||on|restart
echo||bool||on|restart
commands||list|200|*|
""",
    "logger": """
enabled|LOGGER_enabled|bool||on|
id|LOGGER_password|topic|64|ID-[IMEI]|
topic|~LOGGER_mqttTopic|topic|120|lector102/[IMEI]/LOGGER|
order||choice|fifo,lifo|fifo|
time|MTX_TPFormat|choice|unix,seconds,milliseconds,classic|unix|
profile||choice|titan,extended,both|titan|
tags||choice|summer,offset,plain|summer|
object_key||choice|DO,D0|DO|
extended_topic||topic|120|lector102/[IMEI]/READINGS|
size|LOGGER_registerSize|int|0,16384|0|
registers|LOGGER_numRegistersFlash|int|0,1000000|0|restart
segment||int|4096,65536|16384|restart
segments||int|2,4096|64|restart
""",
    "limit": """
commands||int|1,6000|120|
""",
    "uplink": """
type||choice|auto,modem,wifi,ethernet,host|auto|way
apn|GPRS_apn|str|64||way
user|GPRS_login|str|64||way
password|GPRS_password|secret|64||way
auth||choice|none,pap,chap|none|way
pin|MTX_PIN|secret|8||way
network|GPRS_mode|choice|auto,4g,3g,2g,nbiot,catm|auto|way
ssid|~WIFI_ssid|str|32||way
key|~WIFI_key|secret|63||way
ping_host|MTX_pingIP|word|64||way
ping_minutes|MTX_ping|int|1,1440|30|way
cmux||bool||on|way
model||word|20|auto|way
baud||choice|9600,19200,38400,57600,115200,230400,460800,921600|115200|way
""",
    "sms": """
enabled|SMS_ATEnabled|bool||off|restart
reply|SMS_ATResponse|bool||on|restart
all_phones|SMS_allPhones|bool||off|restart
phones||list|200||restart
alias|SMS_alias1|str|160||restart
commands||list|200|view|
status||int|0,744|0|restart
status_phone||list|40||restart
""",
    "mqtt": """
enabled|MQTT_enabled|bool||off|link
broker|MQTT_server|broker|120||way
id|MQTT_id|str|64|[IMEI]|link
user|MQTT_login|str|64||link
password|MQTT_password|secret|128||link
keepalive|MQTT_keepalive|int|10,3600|60|link
qos|MQTT_qos|int|0,1|1|link
window||int|1,16|8|
puback_timeout||int|1,120|20|
at_topic|MQTT_attopic1|topic|120||link
at_topic2|MQTT_attopic2|topic|120||link
atr_topic|MQTT_atrtopic|topic|120|lector102/[IMEI]/ATR|
echo||bool||on|
lines||choice|crlf,lf|crlf|
commands||list|200|view,meter|
online_topic||topic|120|lector102/[IMEI]/ONLINE|link
status_topic|DNS_mqttTopic|topic|120|lector102/[IMEI]/STATUS|
""",
    "ha": """
enabled||bool||off|restart
prefix||topic|64|homeassistant|
""",
    "ntp": """
server|MTX_TPServer|word|64|pool.ntp.org|
server2|MTX_TPServer2|word|64||
hours||int|1,168|12|
""",
    "port": """
enabled||bool||on|restart
type||choice|rs232,rs485|rs232|restart
baud|COMM_baudrate|choice|300,600,1200,2400,4800,9600,19200,38400,57600,115200|9600|restart
bits|COMM_bitsperchar|choice|7,8|8|restart
parity|COMM_parity|choice|none,even,odd|none|restart
stop|COMM_stopbits|choice|1,2|1|restart
flow|~COMM_flowControl|choice|none,hardware|none|restart
at|MTX_ATEmbedded|bool||off|restart
at_remote|~MTX_ATRemote|bool||off|restart
commands||list|200|view,meter|
""",
    "iec102": """
answer_timeout||int|50,60000|2000|restart
gap_timeout||int|5,10000|200|restart
retries||int|0,10|3|restart
busy_limit||int|1,600|20|restart
session_deadline||int|1,3600|60|restart
turnaround||int|0,1000|0|restart
totals||choice|object192,tariff|object192|restart
trace||choice|off,console,file,topic|off|
trace_topic||topic|120|lector102/[IMEI]/TRACE|
trace_minutes||int|0,10080|60|
invalid||choice|keep,omit,mark|keep|restart
align||bool||on|restart
unread||choice|error,ok|error|
""",
    "meter": """
enabled||bool||off|restart
id||word|32||restart
port||int|1,2|1|restart
link|~IEC102_linkAddress|int|0,65535|1|restart
point|~IEC102_pointAddress|int|0,65535|1|restart
password||code|0,4294967295|1|restart
interval|~IEC102_period|int|0,10080|15|restart
closing|~IEC102_fiscalClose|bool||off|restart
closing_days|~IEC102_fiscalDays|int|1,400|31|restart
contract||int|1,3|1|restart
resend||bool||off|restart
logger||bool||on|restart
curve||int|0,10080|0|restart
curve_record||choice|11,12|11|restart
curve_minutes||choice|0,5,10,15,30,60|0|restart
curve_days||int|1,400|1|restart
tariff||int|0,10080|0|restart
events||int|0,10080|0|restart
clock||int|0,10080|0|restart
identity||int|0,10080|0|restart
power||int|0,10080|0|restart
setup||int|0,10080|0|restart
set_clock||bool||off|restart
max_step||int|2,3600|60|restart
""",
}
