"""What goes wrong with TLS, whoever is at the other end (341 to 399); see error_texts.py. Not in the base version."""

ROWS = """
341|the certificate of {0} is for another name|TLS: the certificate is for another name than {0}|\
write the name that stands in it into mqtt.broker
342|the certificate of {0} has expired on {1}, today is {2} here|TLS: the certificate has expired on {1}; the device \
thinks it is {2}|right date: renew the server's certificate; wrong date: ntp.server, SYNC
343|the certificate of {0} begins on {1}, today is {2} here|TLS: the certificate begins on {1}; the device \
thinks it is {2}|wrong date: ntp.server, SYNC
344|no root of tls.ca has signed the certificate of {0}; its issuer is {1}|TLS: nobody in tls.ca has signed the \
certificate; its issuer is {1}|tls.ca auto; a root of your own: make doctor broker lays it onto the board
345|the certificate of {0} is signed by itself|TLS: the certificate is signed by itself|\
make it the root: SETCERT,ca and tls.ca own
346|the certificate of {0} has a key or signature that is too weak|TLS: the certificate's key or signature is too \
weak|RSA of 2048 bits or P-256, and SHA-256, at the server
347|the key of {0} is none of tls.pins, it is {1}|TLS: the server has another key than tls.pins says|\
was it renewed? SETPARAM,tls.pins with {1}; if not, somebody is in between
348|the certificate of {0} is refused: {1}||
349|{0} refuses us: {1}|TLS: the server refuses this device: {1}|\
it wants a client certificate (SETCERT,cert and key), TLS 1.3, or another name
350|TLS waits for the time: nobody has told it yet|TLS waits until the device knows the time|\
ntp.server; is the network up?
351|{0} does not speak TLS on that port|TLS: nobody speaks TLS on that port|\
check the port: 8883 is usual with TLS, 1883 without
352|TLS: {0} is not on this device|TLS: {0} is not on the device, and the settings name it|\
SETCERT, or tls.ca auto, tls.client off
353|{0} can't be used: {1}|TLS: {0} can't be used: {1}|bring it anew: SETCERT, or make config
354|{0} does not end its handshake|TLS: the server does not end its handshake|weak signal, or the server is overloaded
355|this MicroPython is built without TLS||\
tcp:// or http://, or another image (docs/boards.md)
"""
