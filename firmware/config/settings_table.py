"""The tables of the settings: group -> lines. They are explained in settings.py, which reads them; so does help.py."""

TABLES = {
    "device": """
imei||word|15||restart|identity in records and topics; empty: the modem's or the board's
zone||choice|Europe/Madrid,Africa/Ceuta,Atlantic/Canary,Europe/Lisbon,Europe/Dublin,Europe/Paris,Europe/Berlin,\
Europe/Rome,Europe/Athens,Europe/Helsinki,UTC|Europe/Madrid|restart|zone of the meters' clocks
password||secret|32|||password of the local console; empty: none
mtxerr||bool||off||reason of an ERROR in a line +MTXERR (console: always)
separator||choice|comma,both|comma||both: a semicolon separates arguments, too
trial||int|2,1440|10||minutes a change may be without the broker
confirm||bool||on||another broker or network stays when CONFIRM,code comes over it; off: when it is reached
""",
    "console": """
enabled||bool||on|restart|AT commands on the console
echo||bool||on|restart|repeat what is typed
commands||list|200|*||allowed commands; *: all
""",
    "logger": """
enabled|LOGGER_enabled|bool||on||deliver what is logged
id|LOGGER_password|topic|64|ID-[IMEI]||P in every record
topic|~LOGGER_mqttTopic|topic|120|lector102/[IMEI]/LOGGER||topic of the records
order||choice|fifo,lifo|fifo||oldest or newest first
time|MTX_TPFormat|choice|unix,seconds,milliseconds,classic|unix||form of TS; unix: 2022-07-13T09:42:06Z
profile||choice|titan,extended,both|titan||form of the records
tags||choice|summer,offset,plain|summer||end of a meter's times, titan form: -1 in summer, +02:00, nothing
object_key||choice|DO,D0|DO||key of the address in tariff records
extended_topic||topic|120|lector102/[IMEI]/READINGS||topic of the extended form
size|LOGGER_registerSize|int|0,16384|0||most bytes of a record that is kept; 0: no limit
registers|LOGGER_numRegistersFlash|int|0,1000000|0|restart|most records that wait, the oldest goes; 0: what fits
segment||int|4096,65536|16384|restart|bytes of a log file
segments||int|2,4096|64|restart|log files; fewer on a small flash
""",
    "limit": """
commands||int|1,6000|120||most commands in a minute on each channel; others wait
""",
    "audit": """
size||int|8,256|32||KiB of flash the audit log may have
topic||topic|120|||topic of its entries; empty: none
""",
    "uplink": """
type||choice|auto,modem,wifi,ethernet,host|auto|way|way to the network
apn|GPRS_apn|str|64||way|APN of the SIM
user|GPRS_login|str|64||way|user of the APN
password|GPRS_password|secret|64||way|password of the APN
auth||choice|none,pap,chap|none|way|how user and password are checked
pin|MTX_PIN|secret|8||way|PIN of the SIM
network|GPRS_mode|choice|auto,4g,3g,2g,nbiot,catm|auto|way|network to use
ssid|~WIFI_ssid|str|32||way|name of the WiFi
key|~WIFI_key|secret|63||way|key of the WiFi
ping_host|MTX_pingIP|word|64||way|host asked whether the link lives; empty: none
ping_minutes|MTX_ping|int|1,1440|30|way|minutes between two pings
cmux||bool||on|way|modem commands while online; off by default on a Pico W
model||word|20|auto|way|profile of the modem; auto: asked
baud||choice|9600,19200,38400,57600,115200,230400,460800,921600|115200|way|speed of the modem's line
""",
    "sms": """
enabled|SMS_ATEnabled|bool||off|restart|commands by SMS
reply|SMS_ATResponse|bool||on|restart|answers by SMS
all_phones|SMS_allPhones|bool||off|restart|anybody may
phones||list|200||restart|numbers that may
alias|SMS_alias1|str|160||restart|words for commands: READ>AT^MTXTUNNEL=FORCEREAD|LOG>AT^MTXTUNNEL=GETLOG
commands||list|200|view||allowed commands
status||int|0,744|0|restart|hours between two SMS with the state; 0: none
status_phone||list|40||restart|who gets this SMS; empty: the first of phones
""",
    "mqtt": """
enabled|MQTT_enabled|bool||off|link|deliver to an MQTT broker
broker|MQTT_server|broker|120||way|tcp://host:port of the broker; mqtts://host:port with TLS
id|MQTT_id|str|64|[IMEI]|link|client id
user|MQTT_login|str|64||link|user at the broker
password|MQTT_password|secret|128||link|password at the broker
keepalive|MQTT_keepalive|int|10,3600|60|link|seconds until silence means loss; behind a modem see keepalive_max
keepalive_max||int|0,3600|900|link|behind a modem: told the broker instead; pings from keepalive up to it; 0: off
qos|MQTT_qos|int|0,1|1|link|QoS of records and answers
window||int|1,16|8||records on the way at a time
puback_timeout||int|1,120|20||seconds until a record is confirmed
at_topic|MQTT_attopic1|topic|120||link|topic of AT commands; empty: none
at_topic2|MQTT_attopic2|topic|120||link|a second one
atr_topic|MQTT_atrtopic|topic|120|lector102/[IMEI]/ATR||topic of the answers
echo||bool||on||an answer begins with the command
lines||choice|crlf,lf|crlf||end of a line of an answer
commands||list|200|view,meter||allowed commands
online_topic||topic|120|lector102/[IMEI]/ONLINE|link|retained: online, offline
status_topic|DNS_mqttTopic|topic|120|lector102/[IMEI]/STATUS||topic of readings that failed and the state; empty: none
status_minutes||int|0,10080|0||minutes between two messages with the state, retained; 0: none
""",
    "http": """
enabled||bool||off|restart|deliver over HTTP
server||url|200||way|http://host:port/path, https:// with TLS; get-json: the record follows it
mode||choice|post-json,get-json|post-json||a POST of records, or a GET of each
batch||int|1,100|20||most records in a POST
user||str|64||link|its login, basic
password||secret|64||link|its password
header1||secret|160||link|a header, Name: value
header2||secret|160||link|another one
form||choice|titan,extended,both|titan||form of the records
order||choice|fifo,lifo|fifo||oldest or newest first
tries||int|1,100|3||refusals until a record is parked
timeout||int|5,120|30||seconds for an answer
""",
    "ftp": """
enabled||bool||off|restart|deliver over FTP
server||ftp|120||way|ftp://host:port, ftps:// with TLS
user||str|64||link|its login; empty: anonymous
password||secret|64||link|its password
folder||str|120|||folder; empty: where the login leads
period||int|1,10080|1440||minutes between two deliveries
form||choice|titan,extended,both|titan||form of the records
timeout||int|5,120|30||seconds for an answer
""",
    "tls": """
verify||choice|ca,pin,none|ca|way|how the broker is checked: by its certificate, by its key, not at all
ca||list|120|auto|way|roots that are believed: auto, own or names of those the version brings
client||choice|off,own,own2|off|way|certificate of its own that the device shows (SETCERT,cert and key)
pins||list|130||way|with verify pin: SHA-256 of the broker's public key, and of the next one
""",
    "update": """
verify||bool||on||the certificate of an https server is checked
""",
    "ha": """
enabled||bool||off|restart|announce the meters to Home Assistant
prefix||topic|64|homeassistant||begin of the announcements' topics
""",
    "data": """
limit||int|0,100000|0||MB a month from which on it is told that they were used; nothing is cut; 0: none
""",
    "ntp": """
server|MTX_TPServer|word|64|pool.ntp.org||NTP server; empty: none
server2|MTX_TPServer2|word|64|||a second one
hours||int|1,168|12||hours between two questions for the time
""",
    "page": """
password||secret|32||restart|password of the page, 8 characters at least; empty: no page
port||int|1,65535|80|restart|TCP port of the page
hosts||list|120|||names a browser may call the device by, beside its address
ppp||bool||off|restart|the page over the mobile network, too
commands||list|200|view,meter,setup,REBOOT||allowed commands
""",
    "port": """
enabled||bool||on|restart|the port is used
type||choice|rs232,rs485|rs232|restart|RS-485: its driver is switched for each frame
baud|COMM_baudrate|choice|300,600,1200,2400,4800,9600,19200,38400,57600,115200|9600|restart|speed of the line
bits|COMM_bitsperchar|choice|7,8|8|restart|data bits
parity|COMM_parity|choice|none,even,odd|none|restart|parity
stop|COMM_stopbits|choice|1,2|1|restart|stop bits
flow|~COMM_flowControl|choice|none,hardware|none|restart|flow control
at|MTX_ATEmbedded|bool||off|restart|<mtxtunnel>AT</mtxtunnel> works on this port
at_remote|~MTX_ATRemote|bool||off|restart|<mtxtunnelr>AT</mtxtunnelr> works on this port
commands||list|200|view,meter||allowed commands
""",
    "iec102": """
answer_timeout||int|50,60000|2000|restart|ms until the first byte of an answer
gap_timeout||int|5,10000|200|restart|ms between two bytes of an answer
retries||int|0,10|3|restart|repetitions of a frame
busy_limit||int|1,600|20|restart|seconds a meter may say that it is busy
session_deadline||int|1,3600|60|restart|seconds a session may take
turnaround||int|0,1000|0|restart|ms of silence before each frame
totals||choice|object192,tariff|object192|restart|where VABA, VABRI and VABRC come from
trace||choice|off,console,file,topic|off||show every frame: console, trace.txt or a topic
trace_topic||topic|120|lector102/[IMEI]/TRACE||topic of the frames
trace_minutes||int|0,10080|60||minutes until the trace ends; 0: never
invalid||choice|keep,omit,mark|keep|restart|invalid instantaneous values; mark: a key Q tells
align||bool||on|restart|readings on the clock, as xx:00, xx:15; off: from the start on
unread||choice|error,ok|error||end of a GET that has nothing to give
""",
    "meter": """
enabled||bool||off|restart|the meter is read
id||word|32||restart|ID in records and commands
port||int|1,2|1|restart|its serial port
link|~IEC102_linkAddress|int|0,65535|1|restart|link address
point|~IEC102_pointAddress|int|0,65535|1|restart|measuring point
password||code|0,4294967295|1|restart|password, a number
interval|~IEC102_period|int|0,10080|15|restart|minutes between two reads; 0: none
closing|~IEC102_fiscalClose|bool||off|restart|read the daily closings
closing_days|~IEC102_fiscalDays|int|1,400|31|restart|days the closings go back
contract||int|1,3|1|restart|contract whose tariff is read
resend||bool||off|restart|deliver closings again every day
logger||bool||on|restart|keep its readings for delivery
curve||int|0,10080|0|restart|minutes between two reads of the load curve; 0: none
curve_record||choice|11,12|11|restart|record of the curve: hourly, quarter-hourly
curve_minutes||choice|0,5,10,15,30,60|0|restart|minutes of a period; 0: as the record has
curve_days||int|1,400|1|restart|days the first curve goes back
tariff||int|0,10080|0|restart|minutes between two reads of the current tariff values
events||int|0,10080|0|restart|minutes between two reads of the events
clock||int|0,10080|0|restart|minutes between two reads of the clock
identity||int|0,10080|0|restart|minutes between two reads of the identity
power||int|0,10080|0|restart|minutes between two reads of the contracted powers
setup||int|0,10080|0|restart|minutes between two reads of the configuration
set_clock||bool||off|restart|set the clock when it is off
max_step||int|2,3600|60|restart|most seconds it may be set by
""",
}
