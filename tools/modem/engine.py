"""The simulated modem: power, SIM, registration, and the terminals its UART and its CMUX channels
lead to.

Nothing here touches a file, a socket or a clock: `receive()` takes what the host sent, `take()`
gives what the modem has to say, `tick()` lets time pass as told by `now`. host.py connects it to a
pty or a TCP port.
"""

import random
import time

from tools.modem import pdu, unasked
from tools.modem.faults import Faults
from tools.modem.mux import Mux
from tools.modem.peer import Peer
from tools.modem.profiles import PROFILES
from tools.modem.terminal import Sim, Terminal


class Modem:
    """A modem of `profile` (a name of profiles.PROFILES).

    Options: `pin` (the SIM's), `auth` ("pap:user:password", "chap:user:password" or ""), `baud` it
    listens at, `imei`, `scale` (all its boot and registration times are multiplied by it), `seed`
    for the line faults, `epoch` (UTC seconds the network says it is; default: the host's clock),
    `map` (port -> port on loopback), `script` (command line -> what it answers in place
    of its own, see table.told; a list: one after the other, the last one again and again).
    """

    def __init__(self, profile="generic", faults=None, now=time.monotonic, log=None, **options):
        self.profile = PROFILES[profile]
        self.profile_name = profile
        self.faults = Faults(faults or {})
        self.now = now
        self.log = log or (lambda *_: None)
        self.options = options
        self.script = {line.upper(): answer for line, answer in options.get("script", {}).items()}
        self._held = bytearray()
        self._held_until = 0.0
        self.scale = options.get("scale", 1.0)
        self.imei = options.get("imei", "860000000000001")
        self.sim = Sim(options.get("pin", ""), self.faults)
        self.host_baud = None  # unknown: always right
        self.baud = self.default_baud = options.get("baud", 115200)
        self.random = random.Random(options.get("seed", 1))
        self.out = bytearray()
        self.powered = False
        self.ready_at = None
        self.dials = 0
        self.boots = 0
        self._key_since = None
        self._next_chatter = 0.0
        self.connected_at = None
        self.mux = None
        self.mux_at = None
        self._cold()
        self._epoch = options.get("epoch")
        self._started = now()

    def utc(self):
        """The time of day on the network, UTC seconds."""
        if self._epoch is None:
            return time.time()
        return self._epoch + self.now() - self._started

    def _cold(self):
        """State after power-on or reset."""
        if getattr(self, "uart", None):
            self.uart.hang_up()
        if self.mux:
            self.mux.close()
        self.mux = None
        self.uart = Terminal(self, self.transmit, "uart")
        self.settings = {}
        self.radio = 1
        self.radio_since = None
        self.attached = True
        self.urc_on = {}
        self.regs_seen = {}
        self.connected_at = None
        self.cops = 0
        self.dialling = None
        self.sim.locked = bool(self.sim.pin)
        self.sim.opened_at = None

    # power ---------------------------------------------------------------------------------------

    def start(self, running=False):
        """Apply power. `running`: it is already up and registered, as after a reboot of the host
        alone.
        """
        self._boot(instant=running)

    def _boot(self, instant=False):
        self._cold()
        self.powered = True
        self.boots += 1
        boot = float(self.faults.get("slow-boot", self.profile["boot_s"] * self.scale))
        self.ready_at = self.now() + (0 if instant else boot)
        self.booted = False
        self.log("boot", self.boots)

    def _off(self):
        self.log("off")
        self._cold()
        self.powered = False
        self.ready_at = None

    def power_key(self, pressed):
        """The power key is pressed (True) or released."""
        if pressed:
            self._key_since = self.now()
            return
        if self._key_since is None:
            return
        held, self._key_since = self.now() - self._key_since, None
        slack = 1e-3  # pulses are measured, not exact
        if not self.powered:
            if held + slack >= self.profile["on_s"] * self.scale:
                self._boot()
        elif held + slack >= self.profile["off_s"] * self.scale:
            self.faults.set("freeze", "off")
            self.faults.set("stuck", "off")
            self._off()

    def reset(self, pressed):
        """The reset pin: restarts a powered modem when it is let go."""
        if pressed or not self.powered or self.faults.get("freeze") == "power":
            return
        self.faults.set("freeze", "off")
        self.faults.set("stuck", "off")
        self._boot()

    def dtr(self, on):
        """The DTR wire; off ends a call as AT&D2 has it, whatever the modem listens to otherwise."""
        if not on:
            self.faults.set("stuck", "off")
            for terminal in self.terminals():
                if terminal.data:
                    terminal.hang_up("OK")

    def dcd(self):
        return any(t.data for t in self.terminals())

    # the line ------------------------------------------------------------------------------------

    def _garbled(self):
        return self.host_baud is not None and self.host_baud != self.baud

    def _alive(self):
        return self.powered and self.booted and "freeze" not in self.faults

    def receive(self, data):
        """Bytes from the host."""
        if not data or not self._alive():
            return
        if self._garbled():
            data = bytes(self.random.randrange(128, 256) for _ in data)
        if self.mux:
            self.mux.receive(data)
        else:
            self.uart.receive(data)

    def transmit(self, data):
        """Bytes to the host, through the faults of the line."""
        if not self.powered:
            return
        if self._garbled():
            data = bytes(self.random.randrange(128, 256) for _ in data)
        drop, insert = self.faults.get("drop", 0), self.faults.get("insert", 0)
        if drop or insert:
            for byte in data:
                if self.random.random() >= drop:
                    self.out.append(byte)
                if self.random.random() < insert:
                    self.out.append(self.random.randrange(256))
        elif "split" in self.faults or self._held:
            self._held += data
        else:
            self.out += data

    def _pieces(self, now):
        """Let go what `split` holds back, a piece at a time."""
        while self._held and now >= self._held_until:
            count = self.random.randint(1, max(1, int(self.faults.get("split", 4096))))
            self.out += self._held[:count]
            del self._held[:count]
            pause = self.random.uniform(0.005, 0.03)
            self._held_until = max(self._held_until, now - 0.03) + pause

    def take(self, limit=None):
        """What the modem has sent since the last call (at most `limit` bytes)."""
        data = bytes(self.out[:limit])
        del self.out[: len(data)]
        return data

    def terminals(self):
        return self.mux.terminals() if self.mux else [self.uart]

    def urc(self, text):
        """An unsolicited message: to the first terminal that is not in data mode, or as faults have it."""
        free = [terminal for terminal in self.terminals() if not terminal.data]
        if "last-channel" in self.faults:
            free.reverse()
        for terminal in free if "everywhere" in self.faults else free[:1]:
            terminal.say(text)

    def start_mux(self, n1):
        self.mux = Mux(self, min(n1, self.profile["n1"]))
        self.mux_at = self.now()

    def forget_mux(self):
        """Back to plain commands on the UART, echo on, as if AT+CMUX had never been sent."""
        if self.mux:
            self.mux.close()
        self.mux = None
        self.uart = Terminal(self, self.transmit, "uart")

    # network -------------------------------------------------------------------------------------

    def registration(self):
        """The <stat> of +CREG and its sisters (3GPP TS 27.007, 7.2)."""
        if not self.radio_on() or self.cops == 2:
            return 0
        if "no-signal" in self.faults:
            return 2
        if "denied" in self.faults:
            return 3
        if self.radio_since is None:
            self.radio_since = self.now()
        wait = float(self.faults.get("register", 1.0)) * self.scale
        if self.now() - self.radio_since < wait:
            return 2
        return 5 if "roaming" in self.faults else 1

    def radio_on(self):
        return self.radio == 1 and "no-sim" not in self.faults and self.sim.state(self.now()) == "READY"

    def stated(self, name):
        """What it says of one domain ("+CREG" …)."""
        stat = self.registration()
        told, _, seconds = str(self.faults.get("states", "")).partition(":")
        if not told or not self.radio_on():
            return stat
        if seconds and self.now() - (self.radio_since or self.now()) >= float(seconds):
            return stat
        return int(told.split("/")[("+CREG", "+CGREG", "+CEREG").index(name)])

    def registered(self):
        """Whether packets may go: one domain at least is in, be it without calls or without text messages."""
        return any(self.stated(name) in (1, 5, 9, 10) for name in self.profile["reg"])

    def rssi(self):
        return 99 if "no-signal" in self.faults or not self.radio_on() else 19

    def peer_options(self):
        options = dict(self.options.get("ppp", {}))
        options["auth"] = self.options.get("auth", "")
        options["map"] = self.options.get("map", {})
        options["no_ipcp"] = "no-ipcp" in self.faults
        return options

    def dial(self, terminal):
        """ATD*99# or AT+CGDATA: CONNECT, or a word that says why not."""
        self.dials += 1
        if "no-answer" in self.faults:
            return
        self.dialling = (self.now() + 0.3 * self.scale, terminal)

    def peers(self):
        return [t.peer for t in self.terminals() if t.peer]

    # time ----------------------------------------------------------------------------------------

    def tick(self):
        """Let time pass; to be called every few milliseconds."""
        now = self.now()
        self._pieces(now)
        if self.powered and not self.booted and now >= self.ready_at:
            self._up()
        if not self._alive():
            return
        self._accidents(now)
        if not self._alive():
            return
        if self.dialling and now >= self.dialling[0]:
            self._dialled(self.dialling[1])
        for terminal in list(self.terminals()):
            terminal.tick()
        self._report(now)

    def _up(self):
        self.booted = True
        for text in self.profile["boot"]:
            if "CPIN" in text:
                text = "+CPIN: " + self.sim.state(self.now())
                if "no-sim" in self.faults:
                    text = "+CPIN: NOT INSERTED"
            self.uart.say(text)
        if "stuck" in self.faults:
            self.uart.data = True
            self.uart.peer = Peer(self.uart._downlink, self.peer_options(), self.now, self.log, silent=True)

    def _dialled(self, terminal):
        self.dialling = None
        if "no-pdp" in self.faults or not self.registered():
            terminal.say("NO CARRIER")
        else:
            terminal.connect()

    def _accidents(self, now):
        """The faults that happen once, so and so long after something else."""
        faults = self.faults
        since = now - self.connected_at if self.connected_at is not None else -1
        if "hang-up" in faults and since >= float(faults["hang-up"]):
            faults.set("hang-up", "off")
            self.carrier_lost()
        if "mux-crash" in faults and self.mux and now - self.mux_at >= float(faults["mux-crash"]):
            faults.set("mux-crash", "off")
            self.log("forgets the mux")
            self.forget_mux()
        if "crash" in faults and now - self.ready_at >= float(faults["crash"]):
            faults.set("crash", "off")
            self.log("crash")
            self.baud = self.default_baud
            self._boot()

    def carrier_lost(self):
        """The network ends every call."""
        self.connected_at = None
        for terminal in self.terminals():
            if terminal.data or terminal.peer:
                terminal.hang_up("NO CARRIER")
                unasked.say(terminal, "behind")

    def _report(self, now):
        for name, mode in self.urc_on.items():
            if not mode:
                continue
            stat = self.stated(name)
            if self.regs_seen.get(name) not in (None, stat):
                self.urc("%s: %d" % (name, stat))
            self.regs_seen[name] = stat
        if "chatter" in self.faults and now >= self._next_chatter:
            self._next_chatter = now + float(self.faults["chatter"])
            self.urc(unasked.line(self))

    def sms(self, number, text):
        """A message arrives; a long one in parts, the last one first (nobody promises an order)."""
        stamp = time.strftime("%y/%m/%d,%H:%M:%S+00", time.gmtime(self.utc()))
        self.sim.messages += 1
        parts = pdu.parts(text, self.sim.messages & 255)
        for part, header in reversed(parts):
            index = 1
            while index in self.sim.inbox:
                index += 1
            self.sim.inbox[index] = ["REC UNREAD", number, stamp, part, header]
            self.urc('+CMTI: "SM",%d' % index)
