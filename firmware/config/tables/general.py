"""Settings of the device, its console and its log: group -> lines."""

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
}
