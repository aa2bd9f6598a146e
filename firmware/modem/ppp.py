"""One call: a PPP connection over a line in data mode, and the watch over it. `network.PPP`, that is lwIP, does the
protocol. How it begins and ends is dial.py, what the watch does once in a while aside.py.

What network.PPP is like, by its sources (extmod/network_ppp_lwip.c, ports/rp2/mpnetworkport.c, lwIP's netif/ppp/ppp.c)
and as seen on an emulated Pico W:

- It has the line itself, a machine.UART or a Channel. Python between the two runs what is scheduled within lwIP's
  output, PPP.poll among it, and lwIP's lists become rings. So its interrupt is taken away at once; poll() is called
  by hand only.
- `isconnected()` stays True on a dead carrier.
- There is one control block. It comes back at once from a link that stands when nobody is at the other end any more
  (__del__), from any other within two time-outs of LCP, 12 s; disconnect() on a dead carrier costs those, too.
- What the collector finds calls the line's irq() with the heap locked: the line is taken away before.
- lwIP's timers stand still on rp2 while no interface is up: dial.run_timers().
"""

from firmware.core import overlay
from firmware.modem.link import Failure
from firmware.port import monotonic_s, sleep_ms, ticks_diff, ticks_ms

CONNECTED = const(4)
# Of PPPERR in lwIP's netif/ppp/ppp.h; status() gives it negative.
_PPPERR_AUTHFAIL = const(-7)
_NO_CARRIER = const(b"\r\nNO CARRIER\r\n")
# Times `stable`: longer than the uplink waits between two tries. A complaint is forgotten then.
_FORGOTTEN = const(10)
_POWER = const(4)  # of the ladder's measures (describe.py)
# Codes of errors (core/errors.py).
_HOST_SILENT = const(218)
_ENDED = const(226)
_NOT_LET_IN = const(227)
_CLOSED = const(230)
_MUX_CLOSED = const(231)
_CARRIER_OFF = const(233)
_LOST = const(234)
# Objects whose control block has not come back in time: lwIP has their address, the collector must not have them.
unended = []


def why(status):
    """The `why` of core/errors.py for a status of network.PPP that is no connection."""
    return (_NOT_LET_IN,) if status == _PPPERR_AUTHFAIL else (_ENDED, status) if status < 0 else (_CLOSED,)


class Session:
    """A call from CONNECT to its end. `line`: a machine.UART, or a Channel, which notices NO CARRIER.

    `native`: lwIP has a task of its own, in which any Python crashes the chip (ports/esp32; issue 16701 of
    MicroPython). `ppp` is the network.PPP, `rx` counts bytes, `last_rx` are ticks. `suspicions`: complaints of those
    who use the link; `broken`: why the call has to be ended, said by somebody else.
    """

    def __init__(self, line, native=False):
        self.line = line
        self.native = native
        self.ppp = None
        self.since = monotonic_s()  # ticks would wrap within days
        self.ip = ""
        self.rx = 0
        self.last_rx = ticks_ms()
        self.suspicions = 0
        self.broken = None
        self.off_since = None  # DCD
        self.seen = 0  # what of rx was there when a complaint was looked into
        self.probe = None  # see dial.py

    def poll(self):
        ppp = self.ppp
        count = ppp.poll() if ppp and self.line.any() else 0
        if count > 0:
            self.rx += count
            self.last_rx = ticks_ms()

    def silent_ms(self):
        return ticks_diff(ticks_ms(), self.last_rx)

    def no_carrier(self, quiet_ms):
        """Whether the modem has said so: its last words, and silence since (a packet would end with a flag)."""
        ends_with = getattr(self.line, "ends_with", None)
        return bool(ends_with) and ends_with(_NO_CARRIER) and self.silent_ms() >= quiet_ms

    def lost(self, quiet_ms):
        """Why the link is gone (core/errors.py) as far as can be seen from here, or None."""
        status = self.ppp.status()
        if status != CONNECTED:
            return why(status)
        if self.no_carrier(quiet_ms):
            return (_LOST,)
        return None

    async def watch(self, link):
        """Serve the link until it is lost; always ends with a Failure that says why."""
        timing = link.timing
        self.suspicions = heard = 0  # `heard` were looked into, the last one at `heard_at`
        start = looked = asked = heard_at = self.timed = ticks_ms()
        calm, probe, mux = False, self.probe, link.mux
        while True:
            now = ticks_ms()
            self._check(link, now)
            if not calm and ticks_diff(now, start) >= timing["stable"]:
                calm = True
                link.ladder.rung = link.ladder.tried = link.ladder.failures = 0
            look = ask = complaint = message = False
            if mux:
                look = ticks_diff(now, looked) >= timing["watch"] and not overlay.crowded()
                message = link.sms and (link.sms.arrived and not overlay.crowded() or monotonic_s() >= link.sms.due)
            elif (self.suspicions or probe and probe.waits()) and not link.aside:
                # An answer is due: NO CARRIER goes to PPP, which does not know these words.
                pause = timing["ask"]
                ask = self.silent_ms() >= pause and ticks_diff(now, asked) >= pause
            if probe:
                probe.turn(self.suspicions > 0)
                if probe.failed:
                    raise Failure(_HOST_SILENT, ceiling=_POWER)
                if probe.passed:
                    self.suspicions = 0
            elif self.suspicions != heard:
                complaint = True
                heard, heard_at = self.suspicions, now
            elif heard and ticks_diff(now, heard_at) >= _FORGOTTEN * timing["stable"]:
                self.suspicions = heard = 0
            asked = now if ask else asked
            if look or ask or complaint or message:
                await self._aside(link, look, ask, complaint, message)
                if look:
                    looked = ticks_ms()
            await sleep_ms(timing["turn"])

    def _check(self, link, now):
        """See whether the link still stands. Raises Failure."""
        if link.mux and link.mux.dead:
            raise Failure(_MUX_CLOSED)
        if self.broken:
            raise Failure(self.broken)
        if link.aside:
            return  # somebody talks to the modem in place of the network
        reason = self.lost(link.timing["no_carrier"])
        if reason:
            raise Failure(reason)
        present = link.dcd() if link.dcd else None
        if present or present is None:
            self.off_since = None
        elif self.off_since is None:
            self.off_since = now  # some modems blink it
        elif ticks_diff(now, self.off_since) >= link.timing["dcd"]:
            raise Failure(_CARRIER_OFF)

    async def _aside(self, link, *what):
        with overlay.use("aside"):
            from firmware.modem import aside

            await aside.turn(link, self, *what)
