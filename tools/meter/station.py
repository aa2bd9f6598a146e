"""The meter's side of the link: frames in, frames out (protocol reference 2.3 and 7). No sockets, no clock.

`Station.receive(data)` returns the frames it answers with. A repetition (same FCB) gets the last answer again and is
not executed twice. What the manuals leave open (a wrong password, a request before the session) is an option.
"""

from firmware.iec102 import asdu as codec
from firmware.iec102 import ft12
from firmware.iec102.asdu import Asdu
from firmware.iec102.errors import Iec102Error
from tools.meter.answers import WRONG_POINT, Answers, Refusal

_PRM, _FCB, _FCV = 0x40, 0x20, 0x10
_RESET, _USER_DATA, _STATUS, _CLASS_1, _CLASS_2 = 0, 3, 9, 10, 11
_ACK, _NACK, _DATA, _NO_DATA, _LINK_STATUS = 0, 1, 8, 9, 11
_STREAMS = (102, 122, 123, 133, 134, 189, 190)
_ACTIVATION_CONFIRMATION, _ACTIVATION_TERMINATION = 7, 10


class Station:
    """One meter on a line.

    `wrong_password`: "negative" (mirrored with P/N = 1), "nack" or "silent". `strict`: data requests before the
    session is open are refused with a NACK. `busy`: how often "no data" is said before each answer.
    `session_s`: silence after which the session is over.
    """

    def __init__(
        self,
        meter,
        link=1,
        point=1,
        password=1,
        *,
        wrong_password="negative",
        strict=True,
        no_types=(),
    ):
        self.meter = meter
        self.link = link
        self.point = point
        self.password = password
        self.wrong_password = wrong_password
        self.strict = strict
        self.busy = 0
        self.session_s = 120
        self.answers = Answers(meter, no_types)
        self.executed = 0  # requests carried out, repetitions not counted
        self.repeated = 0
        self._parser = ft12.Parser(link_filter=link, prm=1)
        self._forget()
        self._heard = 0

    def _forget(self):
        self._fcb = None  # the last one accepted; None: the next must be 1
        self._last = None
        self._queue = []
        self._busy_left = 0
        self.open = False

    def receive(self, data):
        """Take bytes from the line; returns a list of frames (bytes) to send."""
        self._parser.feed(data)
        sent = []
        while self._parser.next():
            body = None if self._parser.asdu is None else bytes(self._parser.asdu)
            answer = self._frame(self._parser.control, body)
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

    def _frame(self, control, body):
        now = self.meter.now()
        if now - self._heard > self.session_s:
            self.open = False
        self._heard = now
        function = control & 0x0F
        if control & _FCV:
            fcb = control & _FCB
            if self._fcb is not None and fcb == self._fcb and self._last:
                self.repeated += 1
                return self._last
            self._fcb = fcb
        if function == _STATUS:
            return self._fixed(_LINK_STATUS)
        if function == _RESET:
            self._forget()
            self._fcb = 0
            return self._fixed(_ACK)
        if function == _USER_DATA and body is not None:
            self._last = self._user_data(body)
        elif function == _CLASS_2:
            self._last = self._poll()
        elif function == _CLASS_1:
            self._last = self._fixed(_NO_DATA)
        else:
            return self._fixed(_NACK)
        return self._last

    def _fixed(self, control):
        buf = bytearray(6)
        ft12.encode_fixed(buf, control, self.link)
        return bytes(buf)

    def _variable(self, asdu):
        buf = bytearray(ft12.LONGEST)
        length = codec.encode(asdu, buf, ft12.ASDU_AT)
        return bytes(buf[: ft12.encode_variable(buf, _DATA, self.link, length)])

    def _poll(self):
        if not self._queue:
            return self._fixed(_NO_DATA)
        if self._busy_left:
            self._busy_left -= 1
            return self._fixed(_NO_DATA)
        self._busy_left = self.busy
        return self._variable(self._queue.pop(0))

    def _mirror(self, request, cause, negative=False):
        asdu = Asdu(request.type, cause, request.point, request.record, request.objects)
        asdu.count = request.count
        asdu.negative = negative
        return asdu

    def _user_data(self, body):
        try:
            request = codec.decode(body)
        except Iec102Error:
            return self._fixed(_NACK)
        self._queue = []
        self._busy_left = self.busy
        self.executed += 1
        if request.type == 183:
            return self._login(request)
        if request.type == 187:
            self.open = False
            self._queue = [self._mirror(request, _ACTIVATION_CONFIRMATION)]
            return self._fixed(_ACK)
        if self.strict and not self.open:
            return self._fixed(_NACK)
        self._queue = self._execute(request)
        return self._fixed(_ACK)

    def _login(self, request):
        self.open = request.objects[0]["password"] == self.password and request.point == self.point
        if self.open:
            self._queue = [self._mirror(request, _ACTIVATION_CONFIRMATION)]
        elif request.point != self.point:
            self._queue = [self._mirror(request, WRONG_POINT)]
        elif self.wrong_password == "nack":
            return self._fixed(_NACK)
        elif self.wrong_password == "silent":
            return None
        else:
            self._queue = [self._mirror(request, _ACTIVATION_CONFIRMATION, True)]
        return self._fixed(_ACK)

    def _execute(self, request):
        """The ASDUs that answer a request, in order."""
        if request.point != self.point:
            return [self._mirror(request, WRONG_POINT)]
        if request.type == 181:
            self.meter.set_clock(request.objects[0]["time"].to_utc(self.meter.zone))
            return [self._mirror(request, _ACTIVATION_CONFIRMATION)]
        try:
            data = self.answers.reply(request)
        except Refusal as refusal:
            return [self._mirror(request, refusal.cause)]
        if request.type not in _STREAMS:
            return data
        begin = self._mirror(request, _ACTIVATION_CONFIRMATION)
        return [begin, *data, self._mirror(request, _ACTIVATION_TERMINATION)]
