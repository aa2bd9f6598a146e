"""The numbers that modem, network and lwIP give, in words; loaded with error_texts.py where one is told.

+CME ERROR and +CMS ERROR: TS 27.007 9.2, TS 27.005 3.2.5, without what telephone books and calls have.
"""

_CME = const(b"""
0:phone failure
3:operation not allowed
4:operation not supported
10:SIM not inserted
11:SIM PIN required
12:SIM PUK required
13:SIM failure
14:SIM busy
15:SIM wrong
16:incorrect password
30:no network service
31:network timeout
32:network not allowed, emergency calls only
50:incorrect parameters
100:unknown error
107:GPRS services not allowed
111:this network is not allowed
112:this location area is not allowed
113:roaming is not allowed here
127:missing or unknown APN
128:unknown PDP address or type
129:user authentication failed
130:activation rejected by gateway
131:activation rejected
132:service option not supported
133:requested service option not subscribed
134:service option temporarily out of order
148:unspecified GPRS error
149:PDP authentication failure
""")
_CMS = const(b"""
38:network out of order
42:congestion
300:modem failure
302:operation not allowed
310:SIM not inserted
311:SIM PIN required
313:SIM failure
316:SIM PUK required
331:no network service
332:network timeout
500:unknown error
""")
# Why a network refuses a registration (TS 24.301 9.9.3.9, TS 24.008 10.5.5.14).
_CAUSE = const(b"""
2:SIM unknown to the network
3:illegal subscriber
6:illegal equipment
7:packet services not allowed
8:no services allowed
11:this network is not allowed
12:this area is not allowed
13:roaming is not allowed in this area
14:packet services are not allowed in this network
15:no suitable cell in this area
17:network failure
19:access point refused
22:congestion
25:not authorised for this cell
40:no bearer active
""")
# Why lwIP's PPP ended: its PPPERR codes, which status() gives negative.
_PPP = const(b"""
1:wrong parameter
2:cannot open
3:invalid device
4:out of memory
5:ended by us
6:connection lost
7:user or password refused
8:protocol failure
9:the other end does not answer
10:idle too long
11:connected too long
12:loop on the line
""")


def detail(why):
    """Words for the number in a `why` of errors.py: a refused command, PPP's end, a registration that was denied."""
    if len(why) > 3:
        return why[3] if isinstance(why[3], str) else words(why[2], why[3])
    return ppp(why[1]) if why[1] < 0 else ": " + words("cause", why[1])


def words(kind, code):
    """Words for `code`; `kind` is `+CME ERROR`, `+CMS ERROR` or `cause`."""
    table = _CMS if "CMS" in kind else _CAUSE if kind == "cause" else _CME
    return _find(table, code) or "%s %d" % (kind, code)


def ppp(status):
    """Words for a negative status of network.PPP."""
    return _find(_PPP, -status) or "error %d" % -status


def _find(table, code):
    mark = b"\n%d:" % code
    at = table.find(mark)
    if at < 0:
        return ""
    at += len(mark)
    return table[at : table.find(b"\n", at)].decode()
