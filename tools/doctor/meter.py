"""`tools.doctor meter`: is there a meter on the line, where, and does it let itself be read?"""

from firmware.core import error_texts
from firmware.iec102 import errors
from firmware.iec102.link import LinkAddress
from firmware.iec102.master import Master
from tools.doctor import linescan, words
from tools.doctor.meterreads import Reads
from tools.doctor.report import Fault

_WRONG_POINT = 16
# Codes of firmware/core/errors.py.
_BUSY, _POINT, _NOW_AND_THEN, _LINE, _LINK, _NOISE, _MUTE = 105, 116, 141, 142, 143, 144, 145
_START_SESSION = 183
# More than one answer in so many that had to be asked for again is a bad line.
_BAD_LINE = 20


class MeterDoctor:
    """`uart` is a HostUart, `port` the SerialPort over it; `args` those of the command line, `password` an int."""

    def __init__(self, uart, port, args, password, report, trace=None):
        self.uart, self.port, self.args, self.password = uart, port, args, password
        self.report = report
        self.trace = trace
        self.line = None
        self.link = None
        self.point = None
        self.master = None

    async def run(self):
        steps = [("line and link address", self.find)]
        if self.password is not None:
            steps += [("measuring point and password", self.log_in), ("readings", self.read)]
        await self.report.steps(steps)
        if self.master:
            await self.master.close()
        if self.point is not None or (self.link is not None and self.password is None):
            self.settings()

    # --- is anybody there

    async def find(self):
        args, report = self.args, self.report
        if self.uart.fixed:
            lines = [(args.baud or 9600, args.format or "8N1")]
        else:
            lines = linescan.lines_of(args.baud, args.format, args.only)
        links = list(args.links)
        scan = linescan.Scan(self.port, args.answer_ms, args.pause_ms, args.frames, report.doing, self.trace)
        found = await scan.run(lines, links)
        if self.uart.lost:
            raise Fault(
                "the port went away: %s" % self.uart.lost,
                "plug the adapter in firmly and try again",
            )
        if found.impossible:
            report.note("this port has no %s: not tried" % ", ".join(sorted(found.impossible)))
        if found.link is None:
            raise self.nobody(found, lines, links)
        self.line, self.link = found.line, found.link
        where = "" if self.uart.fixed else " at %d baud %s" % self.line
        report.ok("a meter answers%s, link address %d (%d frames)" % (where, self.link, found.frames))
        self.compare()

    def compare(self):
        """Name what is not as the installer gave it."""
        args = self.args
        baud, form = self.line
        if not self.uart.fixed and ((args.baud or baud) != baud or (args.format or form) != form):
            found, todo = words.of((_LINE, "%d baud %s" % self.line, 1))
            typed = ("SETPARAM,port.1.baud,%d" % baud, "SETPARAM,port.1.parity,%s" % _PARITIES[form[1]])
            self.report.fault(found, todo, *typed)
        if args.link is not None and args.link != self.link:
            found, todo = words.of((_LINK, self.link, args.link))
            self.report.fault(found, todo, "SETPARAM,meter.0.link,%d" % self.link)

    def nobody(self, found, lines, links):
        """The Fault for a line on which no meter was found."""
        if found.garbled:
            line = max(found.garbled, key=found.garbled.get)
            return words.fault(
                (_NOISE,),
                "a speed or parity that was not tried: --baud, --format",
                "two meters with one link address",
                "the wires A and B of RS-485 exchanged, or an optical head that sits badly",
                seen="something answers, most at %d baud %s, but no frame of it is good" % line,
            )
        tried = "%d settings of the line, %d link addresses, %d frames" % (
            len(lines),
            len(links),
            found.frames,
        )
        more = [
            "the link address is another one: it is in the distributor's papers or on the meter's display; "
            "--link N, or --links 1-300 to look for it"
        ]
        if found.cut:
            more.append("%d combinations were left out for --frames %d" % (found.cut, self.args.frames))
        if found.echoes:
            return words.fault(
                (_MUTE,),
                "an optical head echoes: put it onto the meter's port, cable downwards",
                "RS-485: the transceiver hears itself; look at the wires to the meter",
                *more,
                seen="only our own frames come back (%s)" % tried,
            )
        return words.fault(
            (_MUTE,), "is this the meter's port for reading?", *more, seen="nothing answers (%s)" % tried
        )

    # --- does it let us in

    async def log_in(self):
        args = self.args
        self.master = Master(self.port, self.trace)
        self.master.link.clean = True
        points = list(args.points)
        tried = []
        while points:
            point = points.pop(0)
            tried.append(point)
            self.report.doing("measuring point %d: password" % point)
            other = await self._open(point)
            if other is None:
                self.point = point
                self.report.ok("the password is right, measuring point %d" % point)
                if args.point is not None and args.point != point:
                    fault = wrong_point("%d was given, the meter has %d" % (args.point, point))
                    self.report.fault(fault, *fault.todo)
                return
            if other >= 0 and other not in tried:
                points.insert(0, other)
        raise wrong_point(
            "the meter has none of %s" % ", ".join(map(str, tried)),
            "take it from the distributor's papers (punto de medida): --point N, or --points 1-20",
        )

    async def _open(self, point):
        """None when the session is open, else the measuring point the meter named, -1 if it named none."""
        args = self.args
        address = LinkAddress(self.link, point, self.password)
        for name, ms in _TIMES.get(args.via, {}).items():
            setattr(address, name, ms)
        if args.answer_ms is not None:
            address.answer_ms = args.answer_ms * 2
        link = self.master.link
        link.asdu = None
        try:
            await self.master.open(address)
            return None
        except errors.PasswordError as refusal:
            if refusal.cause == _WRONG_POINT:
                return -1
            raise words.fault(
                refusal.why(),
                "ask the distributor for the meter's password (clave de lectura), a number up to 4294967295",
                seen=words.cause(refusal.cause) if refusal.cause >= 13 else "negative answer",
            ) from None
        except errors.UnexpectedAsduError as surprise:
            raw = link.asdu
            if surprise.type == _START_SESSION and raw is not None and raw[3] | raw[4] << 8 != point:
                return raw[3] | raw[4] << 8
            raise Fault("the meter answers the password with something else: %s" % surprise) from None
        except errors.NackError as refusal:
            raise words.fault(refusal.why(), "another reader may have a session open: wait two minutes") from None
        except errors.BusyError:
            raise self.busy() from None
        except errors.NoAnswerError as silence:
            raise self.silent(silence) from None
        except errors.Iec102Error as error:
            raise Fault("the session can't be opened: %s" % error) from None

    def busy(self):
        return words.fault(
            (_BUSY,),
            "it may be at work on another port of the meter",
            seen="asked for %d s" % _BUSY_S[self.args.via],
        )

    def silent(self, silence):
        if self.uart.lost:
            return Fault("the port went away: %s" % self.uart.lost)
        if isinstance(silence, errors.GarbledError):
            return self.noise(_NOISE, "its answers to longer frames are spoilt")
        return Fault(
            "the meter falls silent at the password",
            "a wrong password is answered so by some meters: check it first",
            "if it is right: the line may lose longer frames (RS-485 direction, terminating resistors)",
        )

    def noise(self, code, what):
        return words.fault(
            (code,),
            "shorter cable, shield on one end, terminating resistors at both ends of an RS-485 bus",
            "an optical head must sit straight and keep out daylight",
            seen=what,
        )

    # --- what does it have

    async def read(self):
        try:
            await Reads(self.master, self.report, self.args).run()
        except errors.BusyError:
            raise self.busy() from None
        except errors.NoAnswerError as silence:
            raise self.lost(silence) from None
        link = self.master.link
        if link.repeats * _BAD_LINE > link.sent:
            fault = self.noise(_NOW_AND_THEN, "%d of %d frames had to be repeated" % (link.repeats, link.sent))
            self.report.fault(fault, *fault.todo)

    def lost(self, silence):
        if self.uart.lost:
            return Fault("the port went away: %s" % self.uart.lost)
        if isinstance(silence, errors.GarbledError):
            return self.noise(_NOISE, "its answers are spoilt")
        return Fault(
            "the meter fell silent in the middle of a session",
            "look at the plugs, then try again; a meter that does so again and again is at fault itself",
        )

    def settings(self):
        """What the device wants to be told, ready to be typed."""
        self.report.plain()
        self.report.plain("Settings for the device (for make config FILE=, or SETPARAM,name,value at its console):")
        if not self.uart.fixed:
            baud, form = self.line
            self.report.plain("  port.1.baud = %d" % baud)
            self.report.plain("  port.1.bits = %s" % form[0])
            self.report.plain("  port.1.parity = %s" % _PARITIES[form[1]])
            self.report.plain("  port.1.stop = %s" % form[2])
        self.report.plain("  meter.0.link = %d" % self.link)
        if self.point is not None:
            self.report.plain("  meter.0.point = %d" % self.point)
            self.report.plain("  # and meter.0.password, the one you gave: SETPARAM,meter.0.password,... hides it")
        self.report.plain("  meter.0.enabled = on")


def wrong_point(seen, *more):
    """The Fault; not every meter says it with cause 16, as the device's own words have it."""
    return Fault("%s: %s" % (error_texts.text((_POINT,)), seen), words.of((_POINT,))[1], *more)


_PARITIES = {"N": "none", "E": "even", "O": "odd"}
_BUSY_S = {"wire": 20, "tcp": 30, "gsm": 60}
# Milliseconds of LinkAddress where the line is no wire (protocol reference 2.4).
_TIMES = {
    "tcp": {"answer_ms": 5000, "gap_ms": 2000, "idle_ms": 100, "pause_ms": 300, "busy_ms": 30000},
    "gsm": {"answer_ms": 10000, "gap_ms": 2000, "idle_ms": 500, "pause_ms": 1000, "busy_ms": 60000},
}
