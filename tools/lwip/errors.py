"""lwIP's error codes, and the numbers that MicroPython on rp2 makes of them (extmod/modlwip.c, py/mperrno.h)."""

OK, MEM, BUF, TIMEOUT, RTE, INPROGRESS, VAL, WOULDBLOCK, USE = 0, -1, -2, -3, -4, -5, -6, -7, -8
ALREADY, ISCONN, CONN, IF, ABRT, RST, CLSD, ARG, BADF = -9, -10, -11, -12, -13, -14, -15, -16, -17

# No number of MicroPython's: nothing was taken, send() asks again.
WAIT = 200
ENOMEM, EBADF, EAGAIN, EALREADY, EISCONN, ETIMEDOUT = 12, 9, 11, 114, 106, 110

_NUMBERS = {
    MEM: ENOMEM, BUF: 105, TIMEOUT: EAGAIN, RTE: 113, INPROGRESS: 115, VAL: 22, WOULDBLOCK: EAGAIN, USE: 98,
    ALREADY: EALREADY, ISCONN: EALREADY, CONN: 107, IF: -1, ABRT: 103, RST: 104, CLSD: 107, ARG: 5, BADF: EBADF,
}  # fmt: skip


def number(code):
    """The errno of an lwIP error."""
    return _NUMBERS[code]
