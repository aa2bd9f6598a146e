"""What the settings of the device, its console and its log are for: group -> lines `name|help`."""

TEXTS = {
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
}
