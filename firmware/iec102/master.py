"""The master: one session with a meter over any Port: open, ask, follow the answers, close.

    master = Master(port)
    await master.open(LinkAddress(link=1, point=1, password=1))
    answer = await master.read(162, objects=(192, 193, 194))
    await master.close()

Everything raises subclasses of errors.Iec102Error only, and everything ends: each wait has a
deadline and the session as a whole has one (`LinkAddress.session_ms`). Procedure: protocol
reference 2.3 and 7; causes 3.1.
"""

from firmware.core.compat import ticks_add, ticks_diff, ticks_ms
from firmware.iec102 import asdu as codec
from firmware.iec102 import errors, ft12
from firmware.iec102.link import Link, LinkAddress  # noqa: F401  part of this module's interface

_REQUEST = const(5)
_ACTIVATION = const(6)
_CONFIRMATION = const(7)
_TERMINATION = const(10)
# Causes 13 to 18 say what is not available.
_FIRST_REFUSAL = const(13)
_LAST_REFUSAL = const(18)
_CAUSE = const(0x3F)
_NEGATIVE = const(0x40)

_START_SESSION = const(183)
_END_SESSION = const(187)
_HEAD_ONLY = const((_START_SESSION, _END_SESSION))

# So long a meter is waited for that is known to leave its answers without an end, requests without an answer, or the
# log-in without a confirmation.
_SOON_MS = const(2000)

# Request -> type of the data that answers it.
_SIMPLE = {100: 71, 103: 72, 141: 142, 144: 145, 147: 148, 150: 151, 156: 157, 162: 163, 182: 129}
_STREAM = {102: 1, 122: 8, 123: 11, 133: 135, 134: 136, 189: 139, 190: 140}


class Master:
    """Sessions with the meters on one port, one at a time.

    `trace(direction, bytes)` is called with ">" and each frame sent, "<" and each piece received.
    `gate` (firmware.core.flash_gate.Gate) is closed while an answer may come in, so that nobody writes to flash then.
    `errors` counts failures by class name, `sessions` the sessions opened; frame counters are in
    `link`.
    """

    def __init__(self, port, trace=None, gate=None):
        self.link = Link(port)
        self.link.trace = trace
        self.link.gate = gate
        self.errors = {}
        self.sessions = 0
        self.busy_polls = 0
        self._address = None  # of the open session
        self._broken = False  # the line failed in this session: no use in saying goodbye
        self._type = 0
        self._data_type = 0
        self._record = 0
        self._early = False  # the first ASDU came in place of the ACK
        self.hurry = False  # a request had no answer in this session: the next one need not be waited for so long
        self.quick = False  # the meter is known to say neither that the session begins nor that its data end
        self.unended = False  # the last stream() had no end

    async def open(self, address):
        """Open a session; an open one is forgotten.

        Raises PasswordError and the errors of a frame.
        """
        self._address = address
        self._broken = self.hurry = False
        self.sessions += 1
        try:
            link = self.link
            await link.begin(address)
            await link.status()
            await link.reset()
            if address.second_status:
                await link.status()
            try:
                await self._command(_START_SESSION, 0, ({"password": address.password},))
            except errors.NotAvailableError as refusal:
                raise errors.PasswordError(refusal.cause) from refusal
            except errors.BusyError:
                self.quick = True
                raise errors.BusyError(0, _START_SESSION) from None
        except errors.Iec102Error as error:
            self._failed(error, True)
            raise

    async def read(self, type, record=0, objects=()):
        """One request answered by one ASDU (100, 103, 141, 144, 147, 150, 156, 162, 182); returns
        it.

        `objects`: as in the table of ASDUs (docs/architecture.md); plain ints are object
        addresses. Raises NotAvailableError, BusyError, UnexpectedAsduError and the errors of a
        frame.
        """
        try:
            return await self._read(type, record, objects)
        except errors.Iec102Error as error:
            self._failed(error)
            raise

    async def stream(self, type, record, objects, on_asdu):
        """One request answered by any number of ASDUs (102, 122, 123, 133, 134, 189, 190).

        `on_asdu(asdu)` gets each data ASDU as it comes and must be done with it when it returns;
        it may be a coroutine function. Returns how many there were. Errors as for `read`; a meter
        that has nothing in a range says so with cause 13 or 18 or sends no ASDU. Data that no end
        follows are data all the same: `unended` tells.
        """
        try:
            return await self._stream(type, record, objects, on_asdu)
        except errors.Iec102Error as error:
            self._failed(error)
            raise

    async def command(self, type, record=0, objects=()):
        """An order that the meter confirms (181); returns the confirmation."""
        try:
            return await self._command(type, record, objects)
        except errors.Iec102Error as error:
            self._failed(error)
            raise

    async def close(self):
        """Say goodbye and end the session. Never raises an Iec102Error: the data is in already."""
        address = self._address
        if address is None:
            return
        link = self.link
        if not self._broken and not link.full:
            link.retries = 0
            try:
                await self._command(_END_SESSION, 0, ())
                link.clean = not link.unsure
            except errors.Iec102Error as error:
                self._count(error)
        self._address = None

    # --- the three kinds of exchange (protocol reference 7)

    async def _read(self, type, record, objects):
        self._data_type = _SIMPLE[type]
        await self._ask(type, _REQUEST, record, objects)
        while True:
            answer = await self._next()
            if answer.type != type:
                return answer
            # A confirmation that nobody asked for; the data is still to come.
            if answer.cause != _CONFIRMATION:
                raise errors.UnexpectedAsduError(answer.cause, answer.type)

    async def _stream(self, type, record, objects, on_asdu):
        self._data_type = _STREAM[type]
        self.unended = False
        await self._ask(type, _ACTIVATION, record, objects)
        count = 0
        while True:
            try:
                answer = await self._next(count)
            except errors.BusyError:
                if not count:
                    raise
                self.unended = self.quick = True
                return count
            if answer.type != type:
                count += 1
                waiting = on_asdu(answer)
                if hasattr(waiting, "send"):
                    await waiting
            elif answer.cause == _TERMINATION:
                return count

    async def _command(self, type, record, objects):
        self._data_type = type
        await self._ask(type, _ACTIVATION, record, objects)
        answer = await self._next(type in _HEAD_ONLY)
        if answer.cause != _CONFIRMATION:
            raise errors.UnexpectedAsduError(answer.cause, answer.type)
        return answer

    # --- one request, one ASDU of its answer

    async def _ask(self, type, cause, record, objects):
        """Send the request and see it acknowledged."""
        address = self._address
        if address is None:
            raise errors.SessionClosedError()
        self._type = type
        self._record = record
        request = codec.Asdu(type, cause, address.point, record)
        request.objects = [{"address": o} if isinstance(o, int) else o for o in objects]
        link = self.link
        length = codec.encode(request, link.tx, ft12.ASDU_AT)
        try:
            self._early = await link.send_data(length, self._is_direct)
        except errors.NoAnswerError:
            if type in _HEAD_ONLY:
                raise
            # Whoever still tells the status of the link does not know that request: there are such meters. From here
            # on they get less time.
            link.retries = 1
            await link.status()
            self.hurry = True
            raise errors.BusyError(0, type) from None

    async def _next(self, soon=False):
        """The next ASDU of the answer; polls on while the meter has none: `soon`, it may never have one."""
        link = self.link
        if self._early:
            self._early = False
        else:
            address = self._address
            most = address.busy_ms
            if self.hurry or (soon and self.quick):
                most = min(most, _SOON_MS)
            limit = ticks_add(ticks_ms(), most)
            while not await link.poll():
                self.busy_polls += 1
                if ticks_diff(limit, ticks_ms()) <= 0:
                    self.hurry = self.hurry or not soon
                    raise errors.BusyError()
                await link.pause(address.pause_ms)
        raw = link.asdu
        head = codec.Asdu(raw[0], raw[2] & _CAUSE, raw[3] | raw[4] << 8, raw[5])
        self._check(head, raw[2] & _NEGATIVE)
        if head.type != self._data_type or head.type in _HEAD_ONLY:
            # Mirrored requests count by their heads: meters shorten and alter what follows.
            return head
        return codec.decode(raw)

    def _is_direct(self, raw):
        """Whether a meter that skips the ACK means the present request with ASDU `raw`."""
        if len(raw) < codec.HEAD:
            return False
        cause = raw[2] & _CAUSE
        if raw[0] == self._type:
            return cause == _CONFIRMATION or _FIRST_REFUSAL <= cause <= _LAST_REFUSAL
        return raw[0] == self._data_type and cause == _REQUEST

    def _check(self, head, negative):
        """NotAvailableError if this is a refusal, UnexpectedAsduError if it is no answer at all."""
        type, cause = head.type, head.cause
        ours = type in (self._type, self._data_type)
        if ours and (negative or _FIRST_REFUSAL <= cause <= _LAST_REFUSAL):
            raise errors.NotAvailableError(cause, self._type)
        if type == self._data_type != self._type:
            ours = cause == _REQUEST
        elif ours:
            ours = cause in (_CONFIRMATION, _TERMINATION)
        ours = ours and head.point == self._address.point
        if not ours or (self._record and head.record != self._record):
            raise errors.UnexpectedAsduError(cause, type)

    # --- errors

    def _count(self, error):
        name = type(error).__name__
        self.errors[name] = self.errors.get(name, 0) + 1

    def _failed(self, error, hopeless=False):
        """Count `error` and note whether the line can still carry a goodbye."""
        self._count(error)
        if hopeless or isinstance(error, (errors.NoAnswerError, errors.SessionDeadlineError)):
            self._broken = True
