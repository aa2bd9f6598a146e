"""What goes wrong between us and a meter; see error_texts.py."""

ROWS = """
101|NoAnswerError|the meter does not answer|the meter is mute|\
check its power and the wires: RX and TX, or A and B, may be exchanged
102|GarbledError|something answers, but no frame of it is good (baud rate, parity, noise?)|\
noise, or wrong speed or parity|check port.N.baud and port.N.parity, cable and terminators
103|WrongLinkError|a meter with another link address answers|wrong link address: another one answers|\
correct meter.N.link
104|NackError|the meter refuses the frame (NACK)|NACK: the meter refuses the frame|\
check the password; another reader may be at work: wait
105|BusyError|the meter was busy too long|busy: the meter answers but has no data|\
another reader may be at work: try again later
106|PasswordError|the meter does not accept the password (cause {0})|wrong password|\
correct meter.N.password; do not guess, meters lock themselves
107|SessionDeadlineError|the session took longer than its deadline|the session took too long|\
raise iec102.session_deadline; is the line noisy?
108|SessionClosedError|no session is open||
109|UnexpectedAsduError|unexpected ASDU: type {1}, cause {0}||
110|NotAvailableError|cause {0} (cause {0}, type {1})||
111|BusyError|the meter was busy too long: the password was taken, no confirmation came|\
the password was taken, no confirmation came|\
the meter does not end its log-in (183 with cause 7): is it set up for reading?
113|NotAvailableError|the data record is not available|the data record is not available (cause 13)|\
nothing is stored yet: try again later
114|NotAvailableError|the meter does not know this ASDU type|the meter lacks this reading (cause 14)|\
switch it off, or go on: others may work
115|NotAvailableError|the meter does not know this record address|unknown record address (cause 15)|\
try the other meter.N.curve_record or meter.N.contract
116|NotAvailableError|wrong measuring point|wrong measuring point (cause 16)|correct meter.N.point
117|NotAvailableError|the information object is not available|the information object is not available (cause 17)|\
switch this reading off
118|NotAvailableError|the integration period is not available|no such integration period (cause 18)|\
fewer meter.N.curve_days, the other curve_record
120|FrameError|link address {0} is not 0 to 65535||
121|FrameError|an ASDU of {0} bytes does not fit a frame (6 to 252)||
122|FrameError|ASDU type {0} does not fit the buffer of {1} bytes||
123|AsduError|ASDU type {0} is unknown ({1} bytes)||
124|AsduError|ASDU type {0}: a length of {1} bytes does not fit||
125|AsduError|{0} bytes are no ASDU: the head alone has 6||
126|PasswordError|the meter does not accept the password (cause {0})|=116|
127|AsduError|ASDU type {0} can't be encoded: {1}||
128|AsduError|time tag {0} is no date||
129|AsduError|{0} is no object of type {1}||
131|{0}: {1}|not enough memory for a session just now|it is tried again by itself
132|{0}: {1}||
133|{0}: {1}||
141|right|the meter answers now and then only|plugs, cable, terminators
142|line {0}|wrong speed or parity: the meter answers at {0}|set port.{1}.baud and port.{1}.parity, then REBOOT
143|link {0}|wrong link address: {1} is set, {0} answers|correct meter.N.link, then REBOOT
144|noise|=102|
145|mute|=101|
"""
