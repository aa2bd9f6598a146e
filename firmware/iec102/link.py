"""The primary station of an FT1.2 link: one frame out, its answer back, repetitions, deadlines.

Unbalanced transmission (protocol reference 2.3): the meter never speaks first. `Link` knows frames
and the frame count bit; what stands inside user data is the business of master.py, its only user.
"""

from firmware.core.compat import sleep_ms, ticks_add, ticks_diff, ticks_ms
from firmware.iec102 import errors, ft12

# Control byte, master to meter (protocol reference 2.2).
_PRM = const(0x40)
_FCB = const(0x20)
_FCV = const(0x10)
_RESET = const(0)
_USER_DATA = const(3)
_STATUS = const(9)
_CLASS_2 = const(11)
# Control byte, meter to master.
_DFC = const(0x10)
_FUNCTION = const(0x0F)
_ACK = const(0)
_NACK = const(1)
_DATA = const(8)
_NOT_AVAILABLE = const(9)
_LINK_STATUS = const(11)

_SINGLE_CHARACTER = const(0xE5)
_LONGEST_FRAME = const(261)
# FT1.2 wants this much silence after an error, in bit times.
_IDLE_BITS = const(33)
_BITS = const(11)  # a byte on the wire: start, 8 data, parity, stop
# Draining a line that never falls silent ends after this.
_DRAIN_MS = const(2000)
# The longest frame may take twice its time on the wire and this much more.
_FRAME_SLACK_MS = const(500)
# Fewer bytes than this are noise before the answer, not a spoilt answer (a fixed frame has 6).
_SHORTEST_SPOILT = const(5)
# So much silence after a single character E5 makes it an answer.
_SINGLE_MS = const(50)


class LinkAddress:
    """A meter on a line: its addresses, its password and how patient to be with it.

    `link` 0..65535, `point` 0..65535, `password` 0..2**32-1. The others by name, in milliseconds and by default for a
    wire (protocol reference 2.4): `answer_ms` until the first byte of an answer, `gap_ms` between bytes, `idle_ms`
    least silence before a repetition, `pause_ms` between polls of a busy meter, `busy_ms` of being busy with one
    request, `session_ms` for a whole session, `turnaround_ms` before each frame. `retries` per frame. `second_status`:
    ask for the link status again after the reset, as some masters do.
    """

    answer_ms = 2000
    gap_ms = 200
    idle_ms = 0
    pause_ms = 200
    busy_ms = 20000
    session_ms = 60000
    turnaround_ms = 0
    retries = 3
    second_status = False

    def __init__(self, link, point, password, **more):
        self.link = link
        self.point = point
        self.password = password
        for name, value in more.items():
            setattr(self, name, value)


class Link:
    """One serial line to a meter; `begin(address)` starts afresh, no wait outlasts its session.

    Counters: `sent`, `received` (good frames from the meter), `repeats`, `ignored` (good frames
    that answered nothing: echoes, other meters, late answers).
    """

    def __init__(self, port):
        self.port = port
        self.parser = ft12.Parser()
        self.tx = bytearray(_LONGEST_FRAME)
        self._tx = memoryview(self.tx)
        self._short = bytearray(6)
        self._rx = bytearray(128)
        self._rx_view = memoryview(self._rx)
        self.trace = None
        self.gate = None  # firmware.core.flash_gate.Gate: closed while an answer is waited for
        self.address = None
        self.asdu = None  # user data of the last answer, valid until the next call
        self.unsure = False  # a frame was repeated: a second answer to it may still come
        self.retries = 0  # repetitions of a frame
        self.clean = False  # nothing of an earlier session can be on the line
        self.sent = self.received = self.repeats = self.ignored = 0
        self._fcb = 0
        self.full = False  # the meter asked for no more data (DFC)
        self._deadline = 0
        self._want = 0  # function of the answer that is waited for
        self._foreign = False  # another meter answered the last frame

    async def begin(self, address):
        """A new session with `address`; drains the line first if the last one broke off."""
        self.address = address
        self._deadline = ticks_add(ticks_ms(), address.session_ms)
        self.retries = address.retries
        self._fcb = 0
        self.full = self.unsure = False
        self.asdu = None
        self.parser.reset()
        if not self.clean:
            await self._silence()
        self.clean = False

    def left(self):
        """Milliseconds until the session deadline; negative when it has passed."""
        return ticks_diff(self._deadline, ticks_ms())

    # --- services (protocol reference 2.3)

    async def status(self):
        """Request the status of the link; whatever answered earlier frames has come before it."""
        await self._fixed(_PRM | _STATUS, _LINK_STATUS)
        self.unsure = False

    async def reset(self):
        """Reset the remote link: the next frame that counts has FCB = 1."""
        await self._fixed(_PRM | _RESET, _ACK)
        self._fcb = 0

    async def send_data(self, length, direct):
        """Send the ASDU of `length` bytes at `tx[ft12.ASDU_AT:]`.

        True if the meter skipped the ACK and answered at once with user data for which
        `direct(asdu)` holds; it is then in `asdu`.
        """
        await self._settle()
        if self.full:
            await self._wait_for_room()
        control = self._next_control(_USER_DATA)
        total = ft12.encode_variable(self.tx, control, self.address.link, length)
        await self._transact(self._tx[:total], _ACK, direct)
        return self.asdu is not None

    async def poll(self):
        """Request class 2 data. True: user data is in `asdu`; False: the meter has none yet."""
        await self._settle()
        await self._fixed(self._next_control(_CLASS_2), _DATA)
        return self.asdu is not None

    async def _settle(self):
        """Get back in step after a repetition, before anything new is sent.

        Had the first answer only been late, a second one is still to come. Taken for the answer to
        the next frame it would put every answer one frame off, and then one that is lost would never be
        asked for again. The answer to a status request can be mistaken for no other, and it does
        not touch the FCB: when it is here, all that was to come before it has come.
        """
        if self.unsure:
            await self.status()

    def _next_control(self, function):
        self._fcb ^= _FCB
        return _PRM | self._fcb | _FCV | function

    async def _fixed(self, control, want):
        ft12.encode_fixed(self._short, control, self.address.link)
        await self._transact(self._short, want)

    async def _wait_for_room(self):
        """The meter said DFC = 1: ask for its status until it takes data again."""
        limit = ticks_add(ticks_ms(), self.address.busy_ms)
        while self.full:
            if ticks_diff(limit, ticks_ms()) <= 0:
                raise errors.BusyError()
            await self.pause(self.address.pause_ms)
            await self.status()

    async def pause(self, ms):
        """Wait `ms`; SessionDeadlineError when the session ends before."""
        left = self.left()
        if left <= 0:
            raise errors.SessionDeadlineError()
        await sleep_ms(min(ms, left))

    # --- one frame and its answer

    async def _transact(self, frame, want, direct=None):
        """Send `frame` and wait for its answer; repeat the very same bytes when none comes.

        Raises NackError; after the last repetition NoAnswerError or one of its kinds.
        """
        address = self.address
        self._want = want
        self._foreign = False
        self.asdu = None
        heard = False
        for attempt in range(self.retries + 1):
            if attempt:
                self.repeats += 1
                self.unsure = True
                await self._silence()
            else:
                self.parser.reset()
                self.port.discard()
                if address.turnaround_ms:
                    await self.pause(address.turnaround_ms)
            if self.gate:
                await self.gate.pause()
                self.gate.close()
            try:
                if await self._send(frame):
                    dropped = self.parser.dropped
                    if await self._answer(len(frame), direct):
                        return
                    heard = heard or self.parser.dropped != dropped
            finally:
                if self.gate:
                    self.gate.open()
        if self._foreign:
            raise errors.WrongLinkError()
        raise errors.GarbledError() if heard else errors.NoAnswerError()

    async def _send(self, frame):
        if self.left() <= 0:
            raise errors.SessionDeadlineError()
        if self.trace:
            self.trace(">", frame)
        try:
            await self.port.send(frame)
        except OSError:
            # The line takes no bytes (a full buffer, flow control): as good as no answer.
            return False
        self.sent += 1
        return True

    async def _answer(self, total, direct):
        """Wait for the answer to the frame of `total` bytes just sent; False: none, or spoilt.

        The first byte has `answer_ms` from the end of our frame on the wire. Once bytes come, a
        gap of `gap_ms` ends the wait, unless they were too few to be a spoilt answer.
        """
        parser = self.parser
        echo_end = ticks_add(ticks_ms(), self._wire_ms(total))
        first = ticks_add(echo_end, self.address.answer_ms)
        last = ticks_add(first, 2 * self._wire_ms(_LONGEST_FRAME) + _FRAME_SLACK_MS)
        garbage = 0
        single = False
        start = parser.dropped
        while True:
            begun = parser.pending or garbage >= _SHORTEST_SPOILT
            left = ticks_diff(last if begun else first, ticks_ms())
            if left <= 0:
                return False
            if single:
                left = min(left, _SINGLE_MS)
            elif begun:
                left = min(left, self.address.gap_ms)
            dropped = parser.dropped
            n = await self._read(left)
            if n:
                parser.feed(self._rx_view, n)
            elif single:
                self.unsure = True  # it may have been noise
                return True
            elif begun:
                # Nothing will complete what is held, but a whole frame may hide behind it.
                parser.flush()
            while parser.next():
                if self._judge(direct):
                    return True
            single = n == 1 and dropped == start and self._is_single_ack()
            if ticks_diff(ticks_ms(), echo_end) > 0:
                # What came before is our own echo, spoilt or not: the meter waits for our end.
                garbage += parser.dropped - dropped
            if not n and garbage >= _SHORTEST_SPOILT:
                return False

    def _judge(self, direct):
        """Whether the frame in the parser is the answer; NackError if it says no."""
        parser = self.parser
        control = parser.control
        if control & _PRM:
            self.ignored += 1  # our own echo
            return False
        if parser.link != self.address.link:
            self.ignored += 1
            self._foreign = True
            return False
        self.received += 1
        function = control & _FUNCTION
        if parser.asdu is not None:
            taken = self._want == _DATA or (direct is not None and direct(parser.asdu))
            taken = taken and function == _DATA
            self.asdu = parser.asdu if taken else None
        elif function == _NACK and self._want != _LINK_STATUS:
            raise errors.NackError()
        else:
            taken = function == (_NOT_AVAILABLE if self._want == _DATA else self._want)
        if taken:
            self.full = bool(control & _DFC)
        else:
            self.ignored += 1  # a late answer to an earlier frame
        return taken

    def _is_single_ack(self):
        """Whether one byte that came alone is FT1.2's short ACK. No meter known here sends it."""
        return self._want == _ACK and self._rx[0] == _SINGLE_CHARACTER and not self.parser.pending

    async def _read(self, timeout_ms):
        """The port's readinto into the receive buffer, but not beyond the session deadline."""
        left = self.left()
        if left <= 0:
            raise errors.SessionDeadlineError()
        n = await self.port.readinto(self._rx, min(timeout_ms, left))
        if n and self.trace:
            self.trace("<", self._rx_view[:n])
        return n

    async def _silence(self):
        """Throw away what comes until the line is idle for 33 bit times; at most 2 s."""
        self.parser.reset()
        idle = max(_IDLE_BITS * 1000 // self.port.baud + 1, self.address.idle_ms)
        limit = ticks_add(ticks_ms(), _DRAIN_MS)
        while await self._read(idle):
            if ticks_diff(limit, ticks_ms()) <= 0:
                return

    def _wire_ms(self, count):
        return count * _BITS * 1000 // self.port.baud + 1
