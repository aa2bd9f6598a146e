"""Everything that can be wrong with a modem, its SIM, its line or its network, by name.

A fault has a value (a number or a word; 1 where none is given) and can be set on the command line
(`--fault NAME[=VALUE]`) or while the simulator runs (control line `fault NAME VALUE`; the value
`off` ends it).
"""

NAMES = {
    "slow-boot": "seconds the boot takes (instead of the model's own)",
    "chatter": "an unsolicited message every so many seconds",
    "register": "seconds from radio-on to registered (default 1)",
    "roaming": "registers as a guest",
    "denied": "the network refuses the registration",
    "no-signal": "no network in reach",
    "no-sim": "there is no SIM",
    "puk": "the SIM is blocked and wants its PUK",
    "no-pdp": "the network refuses the data connection: NO CARRIER instead of CONNECT",
    "no-atd": "dials only by AT+CGDATA, ATD is refused",
    "no-answer": "dialling is never answered",
    "no-ipcp": "the PPP peer negotiates LCP but never gives an address",
    "echo": "ATE0 is acknowledged but has no effect",
    "no-pinr": "AT+CPINR is not known",
    "no-cmux": "AT+CMUX is not known",
    "mux-crash": "forgets the multiplexer so many seconds after it was started (once)",
    "crash": "restarts by itself after so many seconds (once)",
    "hang-up": "NO CARRIER so many seconds after CONNECT (once)",
    "swallow": "the carrier is dead: data bytes vanish both ways, nothing is reported",
    "freeze": "answers nothing more until `reset` (pulse on the reset pin) or `power` (power key)",
    "stuck": "is in data mode at start; `hard`: and does not listen to +++",
    "drop": "probability that a byte towards the host is lost",
    "insert": "probability that a byte towards the host is followed by a random one",
    "noise": "a burst of so many random bytes before each answer",
    "slow": "seconds every answer takes",
    "late": "seconds one answer in eight takes, by chance",
    "split": "bytes to the host come in pieces of 1 to so many, with a pause of 5 to 30 ms behind each",
    "inside": "an unsolicited line within answers, in front of OK: this one; a number: so many by chance",
    "first": "the same, in front of what is answered",
    "before-echo": "the same, between a command and its echo",
    "behind": "the same, behind NO CARRIER on the channel that had the call",
    "connected": "the same, behind CONNECT",
    "everywhere": "unsolicited lines go to every channel that takes commands, not to the first one alone",
    "last-channel": "unsolicited lines go to the last channel (DLCI 2 before a call, too)",
    "states": "what it tells of +CREG/+CGREG/+CEREG: 3/0/2; `:60` behind it: for so many seconds from radio-on",
    "epoch": "its clock begins with this (70/01/01,00:00:08+00) and no network ever sets it",
    "late-clock": "its clock begins with 80/01/06,00:00:12+00 for so many seconds after the registration",
    "pin-again": "goes on asking for a PIN that it has taken, for so many seconds; 1: for ever",
    "alphabets": "those AT+CSCS knows, the one it begins with first: GSM/IRA/UCS2",
}


class Faults(dict):
    """The faults in force: name -> value."""

    def set(self, name, value="1"):
        """Raises ValueError for a fault that does not exist."""
        if name not in NAMES:
            raise ValueError("no fault called %r; there are: %s" % (name, ", ".join(NAMES)))
        if value in ("off", "0", 0, None, False):
            self.pop(name, None)
            return
        try:
            self[name] = float(value)
        except ValueError:
            self[name] = value

    @classmethod
    def parse(cls, words):
        faults = cls()
        for word in words:
            name, _, value = word.partition("=")
            faults.set(name, value or "1")
        return faults
