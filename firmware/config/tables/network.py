"""Settings of the way to the network, the broker, SMS and the time: group -> lines."""

TABLES = {
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
}
