"""Settings of the serial ports, the meters and the patience with them: group -> lines."""

TABLES = {
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
