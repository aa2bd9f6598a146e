"""What the settings of the way to the network, the broker, SMS and the time are for: group -> lines `name|help`."""

TEXTS = {
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
cmux|modem commands while online (CMUX)
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
}
