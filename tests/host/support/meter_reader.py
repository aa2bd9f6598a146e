"""A reader of few lines for tests of the simulated meter: it builds every frame itself and waits for nobody."""

from firmware.core.zone import Zone
from firmware.iec102 import asdu as codec
from firmware.iec102 import ft12
from firmware.iec102.asdu import Asdu
from firmware.iec102.timetag import TimeTag
from tools.meter.encoding import encode
from tools.meter.model import Meter
from tools.meter.station import Station

ACK, NACK, DATA, NO_DATA = 0, 1, 8, 9
ZONE = Zone("Europe/Madrid")
NOW = ZONE.to_utc(2026, 6, 15, 12, 20, 30)
METERS = {}
STREAMS = (102, 122, 123, 133, 134, 189, 190)
ACTIVATIONS = (*STREAMS, 181, 183, 187)


def fixed(control, link=1):
    buf = bytearray(6)
    return bytes(buf[: ft12.encode_fixed(buf, control, link)])


def variable(control, asdu, link=1):
    """`asdu`: bytes or an Asdu."""
    buf = bytearray(ft12.LONGEST)
    if isinstance(asdu, Asdu):
        length = encode(asdu, buf, ft12.ASDU_AT)
    else:
        length = len(asdu)
        buf[ft12.ASDU_AT : ft12.ASDU_AT + length] = asdu
    return bytes(buf[: ft12.encode_variable(buf, control, link, length)])


def split(frame):
    """(control, link, ASDU bytes or None) of one good frame."""
    parser = ft12.Parser()
    parser.feed(frame)
    assert parser.next() and not parser.pending and not parser.dropped, frame.hex()
    return parser.control, parser.link, None if parser.asdu is None else bytes(parser.asdu)


def tag(text):
    """A time tag as a reader would send it: `2026-05-01 00:00`, with `S` behind it the summer-time bit."""
    date, time = text.rstrip("S").split()
    year, month, day = map(int, date.split("-"))
    result = TimeTag(year - 2000, month, day, *map(int, time.split(":")))
    result.su = int(text.endswith("S"))
    return result


def span(start, end, **more):
    return [dict(more, start=tag(start), end=tag(end))]


class Reader:
    """`send(frame) -> answer or None` is the line. Keeps the FCB as protocol reference 2.3 wants it."""

    def __init__(self, send, link=1, point=1):
        self._send = send
        self.link = link
        self.point = point
        self.fcb = 0

    @classmethod
    def of(cls, station):
        """A reader directly at a Station."""

        def send(frame):
            answers = station.receive(frame)
            assert len(answers) < 2
            return answers[0] if answers else None

        return cls(send, station.link, station.point)

    def _next(self, control):
        self.fcb ^= 0x20
        return control | 0x10 | self.fcb

    def status(self):
        return self._send(fixed(0x49, self.link))

    def reset(self):
        self.fcb = 0
        return self._send(fixed(0x40, self.link))

    def user_data(self, asdu):
        """The function of the answer to a request, None for silence."""
        answer = self._send(variable(self._next(0x43), asdu, self.link))
        return answer and split(answer)[0]

    def poll(self):
        """(function, ASDU bytes or None) of the answer to a poll."""
        control, link, body = split(self._send(fixed(self._next(0x4B), self.link)))
        assert link == self.link
        return control, body

    def request(self, type, record=0, objects=(), cause=None, point=None):
        cause = cause or (6 if type in ACTIVATIONS else 5)
        objects = [{"address": o} if isinstance(o, int) else o for o in objects]
        return Asdu(type, cause, self.point if point is None else point, record, objects)

    def login(self, password=1):
        """Open a session; the Asdu that answers 183."""
        self.status()
        self.reset()
        assert self.user_data(self.request(183, objects=[{"password": password}])) == ACK
        return codec.decode(self.poll()[1])

    def ask(self, type, record=0, objects=(), point=None, busy=0):
        """Every ASDU that answers a request, decoded; `busy` counts the polls that may be in vain before each."""
        request = self.request(type, record, objects, point=point)
        assert self.user_data(request) == ACK
        answers = []
        while True:
            vain = 0
            control, body = self.poll()
            while control == NO_DATA:
                assert vain < busy, "nothing is said"
                vain += 1
                control, body = self.poll()
            assert control == DATA
            answers.append(codec.decode(body))
            cause = answers[-1].cause
            if type not in STREAMS or cause == 10 or 13 <= cause <= 18:
                return answers

    def data(self, type, record=0, objects=(), point=None):
        """The data ASDUs of a request that is not refused; confirmations are checked and left out."""
        answers = self.ask(type, record, objects, point)
        if type in STREAMS:
            assert (answers[0].type, answers[0].cause) == (type, 7)
            assert (answers[-1].type, answers[-1].cause) == (type, 10)
            answers = answers[1:-1]
        assert all(answer.cause == 5 for answer in answers)
        return answers

    def refusal(self, *args, **more):
        """The cause of a request that is refused."""
        answers = self.ask(*args, **more)
        assert len(answers) == 1
        assert answers[0].type == args[0]
        return answers[0].cause


def meter_of(seed=1, now=NOW):
    """A meter whose clock stands still; it has summed up its years already."""
    if (seed, now) not in METERS:
        METERS[seed, now] = Meter(seed, lambda: now)
    return METERS[seed, now]


def station(meter=None, **options):
    return Station(meter or Meter(1, lambda: NOW), 1, 1, 1, ticks=lambda: 0, **options)


def opened(meter=None, **options):
    """(a Reader with an open session, its Station)."""
    made = station(meter or meter_of(), **options)
    reader = Reader.of(made)
    answer = reader.login()
    assert (answer.type, answer.cause, answer.negative) == (183, 7, False)
    return reader, made


def curve(reader, type, record, start, end, first=1, last=8):
    return reader.data(type, record, span(start, end, first=first, last=last))
