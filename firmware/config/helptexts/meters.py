"""What the settings of the serial ports, the meters and the patience with them are for: group -> lines `name|help`."""

TEXTS = {
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
