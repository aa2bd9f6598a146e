"""The meter's side of the link: frames in, frames out (protocol reference 2.3 and 7). No sockets, no clock of its own.

`Station.receive(data)` returns the frames it answers with. A repetition (same FCB) gets the last answer again and is
not executed twice. What the manuals leave open (a wrong password, a request before the session) is an option.
"""

import itertools

from firmware.iec102 import asdu as codec
from firmware.iec102 import ft12
from firmware.iec102.asdu import Asdu
from firmware.iec102.errors import Iec102Error
from tools.meter.answers import Answers
from tools.meter.encoding import encode
from tools.meter.manners import BUSY, WAYS, Manners
from tools.meter.refusal import NO_PERIOD, NO_RECORD, NO_TYPE, WRONG_POINT, Refusal

_FCB, _FCV = 0x20, 0x10
_RESET, _USER_DATA, _STATUS, _CLASS_1, _CLASS_2 = 0, 3, 9, 10, 11
_ACK, _NACK, _DATA, _NO_DATA, _LINK_STATUS = 0, 1, 8, 9, 11
_START_SESSION, _END_SESSION, _SET_CLOCK = 183, 187, 181
_STREAMS = (102, 122, 123, 133, 134, 189, 190)
_CONFIRMATION, _TERMINATION = 7, 10
_NEGATIVE = 0x40
_PRM = 0x40

WRONG_PASSWORD = ("negative", "nack", "silent")
BEFORE_SESSION = ("nack", "refuse", "silent", "allow")


class Station:
    """One meter on a line.

    `wrong_password`: "negative" (mirrored with P/N = 1), "nack" or "silent". `before_session`: what a request gets
    before 183: "nack", "refuse" (mirrored, cause 13), "silent" or "allow". `session_s`: seconds of silence after
    which the session is over, counted by `ticks()` (the meter's true time by default). `no_types`: ASDU types it
    lacks. `no_events`: "refuse" (cause 13) or "end" (an empty stream) for a range without events. `busy`: how often
    "no data" is said before each answer. `plugged`: False takes it off the line. `manners`: its odd ones
    (manners.Manners), none by default.
    """

    def __init__(
        self,
        meter,
        link=1,
        point=1,
        password=1,
        *,
        wrong_password="negative",
        before_session="nack",
        session_s=120,
        no_types=(),
        no_events="refuse",
        ticks=None,
        manners=None,
    ):
        self.meter = meter
        self.link = link
        self.point = point
        self.password = password
        self.wrong_password = wrong_password
        self.before_session = before_session
        self.session_s = session_s
        self.busy = 0
        self.plugged = True
        self.manners = manners or Manners()
        self.answers = Answers(meter, no_types, link, no_events, self.manners)
        self.executed = 0  # requests carried out, repetitions not counted
        self.repeated = 0  # answers sent again because the FCB had not changed
        self.refused = 0  # requests answered with a negative cause, a NACK or silence
        self.open = False
        self._ticks = ticks or meter.now
        self._parser = ft12.Parser()
        self._forget()
        self._heard = self._ticks()

    def _forget(self):
        self._fcb = None  # that of the last frame accepted
        self._last = None  # the answer to it, None where there was none
        self._queue = iter(())  # ASDUs (bytes) that polls will fetch
        self._waiting = None  # the one that is next while the meter plays busy
        self._busy_left = 0
        self._stopped = False
        self._end_session()

    def receive(self, data):
        """Take bytes from the line; returns a list of frames (bytes) to send."""
        self._parser.feed(data)
        sent = []
        while self._parser.next():
            if self._parser.link != self.link or not self._parser.control & _PRM:
                continue  # for another meter, or its answer
            body = None if self._parser.asdu is None else bytes(self._parser.asdu)
            answer = self._frame(self._parser.control, body) if self.plugged else None
            if answer:
                sent.append(answer)
        return sent

    def waiting(self):
        """Whether the beginning of a frame has come and its end has not."""
        return self._parser.pending > 0

    def silence(self):
        """The line has been quiet: what waits is not the beginning of a frame."""
        self._parser.flush()
        return self.receive(b"")

    def hang_up(self):
        """The connection is gone, and the session with it."""
        self._parser.reset()
        self._end_session()

    # --- link layer

    def _frame(self, control, body):
        self._pass_time()
        function = control & 0x0F
        if not control & _FCV:
            return self._without_fcb(function)
        if self._stopped:
            return None
        fcb = control & _FCB
        if fcb == self._fcb and self._last:
            self.repeated += 1
            return self._last
        self._fcb = fcb
        if function == _USER_DATA and body is not None:
            self._last = self._user_data(body)
        elif function == _CLASS_2:
            self._last = self._poll()
        elif function == _CLASS_1:
            self._last = self._fixed(_NO_DATA)
        else:
            self._last = self._fixed(_NACK)
        return self._last

    def _without_fcb(self, function):
        if function == _STATUS:
            return self._fixed(_LINK_STATUS)
        if function != _RESET:
            return self._fixed(_NACK)
        self._forget()
        return self._fixed(_ACK)

    def _pass_time(self):
        now = self._ticks()
        if now - self._heard > self.session_s:
            self._end_session()
        self._heard = now

    def _end_session(self):
        if self.open:
            self.meter.events.session(self.meter.clock(), False)
        self.open = False

    def _fixed(self, control):
        buf = bytearray(6)
        ft12.encode_fixed(buf, control, self.link)
        return bytes(buf)

    def _poll(self):
        if self._waiting is None:
            self._waiting = next(self._queue, b"")
            self._busy_left = self.busy
        if self._waiting is None:
            self._stopped = True
            return None
        if not self._waiting:
            self._waiting = None
            return self._fixed(_NO_DATA)
        if self._busy_left > 0:
            self._busy_left -= 1
            return self._fixed(_NO_DATA)
        asdu, self._waiting = self._waiting, None
        buf = bytearray(ft12.LONGEST)
        if isinstance(asdu, Asdu):
            length = encode(asdu, buf, ft12.ASDU_AT)
        else:
            length = len(asdu)
            buf[ft12.ASDU_AT : ft12.ASDU_AT + length] = asdu
        return bytes(buf[: ft12.encode_variable(buf, _DATA, self.link, length)])

    # --- requests

    def _user_data(self, body):
        """The link's answer to a request; what polls will fetch stands in the queue."""
        self._queue = iter(())
        self._waiting = None
        type = body[0]
        try:
            request = codec.decode(body)
        except Iec102Error:
            if type in codec.TYPES:
                return self._refuse("nack", body)
            # A type of the protocol or not: this meter has no idea of its objects.
            request = Asdu(type, body[2] & 0x3F, body[3] | body[4] << 8, body[5])
        self.executed += 1
        if type == _START_SESSION:
            return self._login(request, body)
        if type == _END_SESSION:
            self._end_session()
            return self._later([_mirror(body, _CONFIRMATION)])
        if not self.open and self.before_session != "allow":
            return self._refuse(self.before_session, body)
        way = self.manners.cause(request)
        if way in WAYS:
            return self._refuse(way, body)
        return self._later(self._execute(request, body))

    def _later(self, asdus):
        self._queue = iter(asdus)
        return self._fixed(_ACK)

    def _refuse(self, way, body):
        self.refused += 1
        if way == "silent":
            return None
        if way == "nack":
            return self._fixed(_NACK)
        if way == BUSY:
            return self._later(())
        cause = _CONFIRMATION | _NEGATIVE if way == "negative" else NO_RECORD
        return self._later([self._mirrored(body, cause)])

    def _mirrored(self, body, cause):
        return self.manners.head(_mirror(body, cause))

    def _login(self, request, body):
        self._end_session()
        if request.point != self.point:
            self.refused += 1
            return self._later([self._mirrored(body, WRONG_POINT)])
        if request.objects[0]["password"] != self.password:
            return self._refuse(self.wrong_password, body)
        self.open = True
        self.meter.events.session(self.meter.clock(), True)
        return self._later([] if self.manners.no_confirm else [self._mirrored(body, _CONFIRMATION)])

    def _execute(self, request, body):
        """The ASDUs that answer a request, in order; a refusal is one of them."""
        try:
            if request.point != self.point:
                raise Refusal(WRONG_POINT)
            if self.manners.cause(request):
                raise Refusal(self.manners.cause(request))
            if request.type == _SET_CLOCK:
                self._set_clock(request)
                return [self._mirrored(body, _CONFIRMATION)]
            data = self.answers.reply(request)
            if self.manners.show():
                data = self.manners.data(data)
        except Refusal as refusal:
            self.refused += 1
            return [self._mirrored(body, refusal.cause)]
        if request.type not in _STREAMS:
            return data
        end = () if self.manners.no_end else [self._mirrored(body, _TERMINATION)]
        return itertools.chain([self._mirrored(body, _CONFIRMATION)], data, end)

    def _set_clock(self, request):
        if _SET_CLOCK in self.answers.no_types:
            raise Refusal(NO_TYPE)
        if not request.objects or not request.objects[0]["time"].possible():
            raise Refusal(NO_PERIOD)
        self.meter.set_clock(request.objects[0]["time"].to_utc(self.meter.zone))


def _mirror(body, cause):
    """The request as it came, with another cause."""
    return bytes(body[:2]) + bytes((cause,)) + bytes(body[3:])
