"""What a modem says without being asked, and where: inside answers, before an echo, behind NO CARRIER.

Seen at: gammu/gammu 1215 (+CPIN: READY and SMS DONE within the answer to AT+CGMM), RIOT-OS/RIOT 20062 (between a
command and its answer), FreeRTOS-Cellular-Interface 89 (+CREG: 2 where AT+CREG? is to be answered),
espressif/esp-protocols 692 (behind NO CARRIER, on the channel of the call), particle-iot/device-os 2571 (+CEREG: 1
behind CONNECT).
"""

# Some of it looks like an answer to something else.
LINES = (
    *("+CTZV: +4", '+QIND: "csq",19,99', "RING", "+CGEV: ME PDN ACT 1", "+UUPSDD: 0", "+CPIN", "SMS DONE"),
    *("PB DONE", "SMS Ready", "Call Ready", '*PSUTTZ: 26,11,29,10,0,0,"+4",0', "+CEREG", "APP RDY", "DST: 1"),
    *("+CREG", "+CGEV: NW DETACH", "^MODE: 5,4", "+QUSIM: 1", "UNDER-VOLTAGE WARNNING", "+CSQ: 99,99"),
    *("+ICCID: 8934071100000000001", '+CTZE: "+04",0,"2026/11/29,10:00:00"', "*ATREADY: 1", "+CGREG"),
)


def line(modem):
    """One by chance; what it says of the SIM or a registration is so."""
    text = modem.random.choice(LINES)
    if text == "+CPIN":
        return "+CPIN: " + modem.sim.state(modem.now())
    return text if not text.endswith("REG") else "%s: %d" % (text, modem.stated(text))


def say(terminal, fault):
    """The lines of a fault that has some, if it is set: its text, or as many by chance as its number says."""
    modem = terminal.modem
    value = modem.faults.get(fault, 0)
    if isinstance(value, str):
        terminal.say(value)
        return
    for _ in range(int(value)):
        terminal.say(line(modem))
