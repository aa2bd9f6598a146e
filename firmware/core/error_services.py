"""What goes wrong between us and the broker (3xx), in the device (4xx) and in its update (5xx); see error_texts.py."""

ROWS = """
301|refused: login: protocol version|=306|
302|refused: login: client id|login refused: client id|set another mqtt.id
303|refused: login: server unavailable|=306|
304|refused: login: user or password|login refused: user or password|correct mqtt.user and mqtt.password
305|refused: login: not authorised|login refused: not authorised|\
correct mqtt.user and mqtt.password, or the broker's rights
306|refused: login: code {0}|login refused|ask whoever runs the broker
307|no network||see DOCTOR,modem
308|ECONNREFUSED by {0}|TCP: the port is closed|check the port of the address; does the server run?
309|no connection to {0}|TCP: no answer from the server|a firewall, or the server is off
310|the broker does not answer|the broker is silent: no CONNACK|is it an MQTT broker? Wrong port? TLS?
311|no PUBACK within {0} ms|the broker does not confirm records (no PUBACK)|its log says why: disk full, rights
312|the broker closed the connection|the broker hung up|another device with this mqtt.id? Its log says why
313|the broker takes nothing any more||weak signal, or the broker is overloaded
314|the network is gone|the network went away|see DOCTOR,modem
315|nothing heard for {0} ms|the broker fell silent|weak signal, or mqtt.keepalive is too long for the carrier
316|no answer to a ping|the broker fell silent|weak signal, or the broker is overloaded
317|{0}|DNS: the name of the server is not known|check the address; the APN may have no DNS
318|out of memory||
319|{0}||
320|umqtt.simple: {0}||
321|a packet of kind {0} is too long||
322|a PUBACK ends too early||
323|a packet ends too early||
324|not MQTT: a length of more than four bytes||
325|more to send than can wait||
326|{0}|subscription refused: {0}|give the user the right to read this topic, or correct mqtt.at_topic
327|end at {0}||
331|{0} does not answer in time||weak signal, or the server is overloaded
332|{0} closed the connection||is it the right port? The server's log says why
333|{0} is not understood||check protocol and port of the address
334|the server answers {0}||its log says why; is the address right?
335|login refused: {0}||correct user and password, or http.header1
336|sent on to {0}, which is not followed||set http.server to where it leads
337|{0} of {1} bytes of the file have arrived||it is sent again; each time? is the server's disk full?
401|this board has no port {0}; its meters are not read: {1}||set meter.N.port to a port the board has, then REBOOT
402|port {0} can't be used ({1}): {2}{3}||correct its pins (board.json) or its port.{0} settings, then REBOOT
403|port {0} takes no commands: it is a meter's, or not there||\
SETPARAM,port.{0}.at,off, or the meters to another port, then REBOOT
411|{0}|a setting was not taken: the text says why|
421|record {0} is not there||
422|record {0} is damaged||
501|{0}|an update was not made: the text says why|
502|{0}|=501|
503|{0}|=501|
504|{0}|=501|
505|{0}|=501|
"""
