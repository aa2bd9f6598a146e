"""What goes wrong on the way out: modem, SIM, network, WiFi, the time; see error_texts.py."""

# Refusals of the modem, by the number of +CME ERROR, that DOCTOR knows by another code.
REFUSALS = {5: 204, 10: 201, 11: 204, 12: 202, 13: 207, 14: 207, 15: 207, 17: 204, 18: 202, 30: 221, 40: 204, 47: 202}
ROWS = """
201|no SIM card||switch off, push the card in until it clicks
202|the SIM is blocked and wants its PUK||\
enter PUK and a new PIN with a telephone; set uplink.pin
203|the SIM wants a PIN and none is set||SETPARAM,uplink.pin,PIN
204|the PIN is wrong|wrong PIN|correct uplink.pin; it is tried once only
205|the PIN was refused before; it is not tried again|=204|
206|the PIN is not digits|=204|
207|the SIM does not work||clean it, try another one
208|SIM: {0}|=207|
209|no answer to the PIN|=211|
211|the modem does not answer||its supply (2 A), power key, RX and TX
212|the modem stopped answering|=211|
213|no answer to {0}|=211|
214|modem in data mode||
215|the line takes nothing||
216|the modem is dialling||
217|the modem does not answer on the multiplexer|=211|
218|the keep-online host does not answer||is uplink.ping_host right, and does it answer others?
219|{0}: ||
220|the APN has characters that no modem takes||correct uplink.apn
221|no network: {0}|no registration|antenna? bands? uplink.network auto
222|no network: {0}|no signal: no network is found|antenna on MAIN? Out of the cabinet and try again
223|dialling: {0}|the network refuses the data connection|correct uplink.apn
225|PPP does not start: {0}|=229|
226|PPP: |=229|
227|PPP: user or password refused|the APN refuses user or password|correct uplink.user, .password, .auth
228|no carrier while PPP negotiated|=229|
229|PPP got no address in time|no address from the network|correct uplink.apn and uplink.auth
230|PPP: closed|=229|
231|the modem closed the multiplexer||
232|the multiplexer does not open||
233|carrier detect went off||
234|no carrier||
235|no traffic gets through||
237|{0} {1}||
238|the modem does not leave data mode||
239|back to data mode: {0}||
241|no name of the WiFi is set (uplink.ssid)||
242|the key of the WiFi is wrong (uplink.key)||
243|there is no WiFi of that name here (uplink.ssid)||
244|the access point refused||
245|the access point did not answer the handshake||
246|no connection to the WiFi within {0} s||
247|connected, but nothing gets through||
248|connection lost||
249|no Ethernet link or no address by DHCP within {0} s||
250|{0}||
251|this MicroPython build has no network; flash MicroPython 1.29 or newer for {0}: \
readings are kept, nothing is sent||
252|this MicroPython build has no network.PPP, for the modem; flash MicroPython 1.29 or newer for {0}: \
readings are kept, nothing is sent||
253|{0} has no modem in its wiring table||
254|the modem's wiring can't be used: {0}; readings are kept||
255|{0} has no WiFi; uplink.type has to be modem||
256|no Ethernet here: board.json has no "ethernet" or this build has no network.LAN||
257|uplink.type {0} is nothing for {1}||
258|the link could not be made||
260|not registered, not searching||
261|registered, home network||
262|searching for a network||
263|registration denied|registration denied|is the card activated and paid? Ask the carrier
264|out of coverage||
265|registered, roaming||
266|registered for SMS only||
267|registered for SMS only, roaming||
268|emergency calls only||
269|no answer||
281|{0}||
"""
