"""The data connection of `tools.doctor modem`: dial, negotiate PPP as the firmware does, hang up."""

from types import SimpleNamespace

from firmware.core.errors import ModemError
from firmware.net.modem import dial
from firmware.net.modem.link import Failure
from tools.doctor import words
from tools.lwip import local

_TIMES = {"dial": 60000, "ppp": 30000, "close": 15000}


class Call:
    """`modem` is a ModemDoctor whose modem is in the network."""

    def __init__(self, modem):
        self.modem = modem
        self.session = None
        most = modem.args.wait * 1000
        self.times = dict(_TIMES, ppp=min(_TIMES["ppp"], most), close=min(_TIMES["close"], most))

    async def dial(self):
        args = self.modem.args
        if args.apn:
            await self.modem.quietly('AT+CGDCONT=1,"IP","%s"' % args.apn)
        self.modem.report.doing("dialling (APN %s)" % (args.apn or "as it stands in the modem"))
        self.chip = chip = local.Chip()
        link = SimpleNamespace(
            channel=self.modem.channel,
            uart=self.modem.uart,
            timing=self.times,
            ppp_factory=chip.ppp,
            socket=chip.sockets,
            native=False,
            session=None,
            mux=None,
        )
        link.settings = {"auth": args.auth, "user": args.user, "password": self.modem.password}
        try:
            await dial.call(link)
        except Failure as failure:
            self.session = link.session
            raise self._no_data(failure) from None
        self.session = link.session
        self.modem.report.ok("data connection: address %s" % self.session.ip)
        self.modem.report.note("the way from there to the broker: tools.doctor broker, or DOCTOR,broker on the device")

    def _no_data(self, failure):
        """What the device's DOCTOR says of it, with the very reason; --apn is the computer's own."""
        return words.fault(failure.why(), "or, here, give another one: --apn NAME")

    async def hang_up(self):
        """Leave the modem as it was found: in command mode. Nothing to do where nothing was dialled."""
        if not self.session:
            return
        self.modem.report.doing("hanging up")
        await dial.close(self.session, self.chip.sockets, self.times["close"])
        self.modem.channel.attach(self.modem.uart)
        if not await self.modem.at(None):
            await self.modem.escape(None)
        try:
            await self.modem.channel.command("ATH", 2000)
        except ModemError:
            return
