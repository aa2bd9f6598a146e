"""Sockets that never wait: the one place that knows what they call "not yet".

connect.py makes a connection, tls.py puts TLS into one that stands; whoever uses a socket through now() and close()
sees neither. What was not sent has to be offered again byte for byte.
"""

# Numbers of "try again": EAGAIN, EWOULDBLOCK, EALREADY and EINPROGRESS as the ports spell them; 119 and 120 are
# newlib's (ESP32), where 118 is "no route to host"; 2 and 3 are those of CPython's TLS, which wants to read or to
# write. And those of FULL.
AGAIN = const((2, 3, 11, 35, 36, 114, 115, 119, 120, 12, 105))
# ENOMEM, ENOBUFS: lwIP's memory is at its limit, which is no failure of the link and says nothing of the other end; it
# clears as the peers take their bytes.
FULL = const((12, 105))
# What connect() says when it is asked again: EISCONN here and there; ECONNREFUSED, ECONNRESET, and EBADF, which is
# lwIP's after the refusal (extmod/modlwip.c).
CONNECTED = const((106, 127))
REFUSED = const((111, 104, 9))


# Bytes around each piece as an operator counts them, without PPP: headers of IP and TCP, and of its acknowledgement:
# where little moves each goes alone (bench air).
_AROUND = const(80)
# Bytes that have moved since somebody looked (app/report.py).
moved = [0]


def now(call, data):
    """What `call(data)` (a socket's send, or what reads from it into a buffer) gives now, bytes as an int; None:
    nothing. OSError."""
    try:
        count = call(data)
    except OSError as error:
        if error.args[0] not in AGAIN:
            raise
        return None
    if count:
        moved[0] += _AROUND + count
    return count


def close(sock):
    """Close a socket, or None."""
    try:
        if sock:
            sock.close()
    except OSError:
        pass  # a socket that can't be closed is gone already
