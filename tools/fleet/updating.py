"""A release on one device: order it, ask until it runs and is confirmed, or say why not."""

import time

from tools.fleet import desk

_CODES = {
    3: "not allowed over MQTT: mqtt.commands wants UPDATE (docs/settings.md, who may do what)",
    7: "busy with another update, or on trial itself",
}
_ORDERS = 2
# Modes in which a device reads no meter, or will not for long: it has the version, and something is wrong with it.
_UNWELL = ("safe", "damaged")


class Halted(Exception):
    """All of it ends, the device is under way."""


class Updating:
    """`ask` as in Backfill; `ordered()` is called behind each order; `halt`: an Event that ends the waiting.

    `under_way`: the device was ordered by a run before this one.
    """

    def __init__(self, ask, name, version, url, *, ordered, halt, under_way=False):
        self._ask = ask
        self._name = name
        self._version = version
        self._url = url
        self._ordered = ordered
        self._halt = halt
        self._under_way = under_way
        self._orders = 0
        self._before = None  # what the start was when it was ordered

    def run(self, patience_s, poll_s, pause):
        """ "" when the device runs the version and has confirmed it, else why not. Halted, desk.NoAnswer."""
        end = time.monotonic() + patience_s
        silent = ""
        while time.monotonic() < end:
            if self._halt.is_set():
                raise Halted
            try:
                why = self._look()
                if why is not None:
                    return why
                silent = ""
            except desk.NoAnswer as error:
                if not self._orders and not self._under_way:
                    raise
                silent = str(error)  # it starts again, or has no coverage
            pause(poll_s)
        return silent or "not done within %d min" % (patience_s // 60)

    def _look(self):
        """How it has ended, as run() says; None: it is under way."""
        start = self._section("start")
        if self._runs():
            if start.get("mode") in _UNWELL:
                return "runs %s, but: %s" % (self._version, start.get("why"))
            return None if start.get("trial") == "true" else ""
        if self._orders and start.get("mode") not in ("normal", None) and _what(start) != self._before:
            return "went back to %s: %s" % (start.get("version"), start.get("why"))
        update = self._section("update")
        if self._orders and update.get("state") == "failed":
            return update.get("error") or "failed"
        if update.get("state") not in ("idle", "failed", None):
            return None
        # It was restarted on the way, or has tried the version and gone back: the next time shows.
        if self._orders == _ORDERS:
            return "ordered %d times and not there; its last start: %s" % (self._orders, start.get("why"))
        why = self._order()
        if why:
            return why
        self._orders += 1
        # What became of an earlier update is told until the next one is tried.
        self._before = _what(start)
        self._ordered()
        return None

    def _runs(self):
        lines = self._ask(self._name, desk.OURS + "VERSION").lines
        return bool(lines) and lines[-1].split()[-1] == self._version

    def _section(self, section):
        """GETSTATUS of a section as {"state": "idle"}."""
        lines = self._ask(self._name, "%sGETSTATUS,%s" % (desk.OURS, section)).lines
        pairs = (line.partition(": ") for line in lines)
        return {key[len(section) + 1 :]: value for key, _, value in pairs if key.startswith(section + ".")}

    def _order(self):
        """ "" when the device takes the order, else why not."""
        answer = self._ask(self._name, "%sUPDATE,%s" % (desk.OURS, self._url))
        if answer.ok:
            return ""
        if answer.code:
            return _CODES.get(answer.code) or answer.why
        # Without device.mtxerr the answer has no reason; who may update can be looked up.
        lines = self._ask(self._name, desk.OURS + "GETPARAM,mqtt.commands").lines
        granted = lines[-1].rpartition(":")[2].strip() if lines else ""
        named = {word.strip().upper() for word in granted.split(",")}
        if granted and not {"UPDATE", "DANGER", "*"} & named:
            return "%s; it is %s" % (_CODES[3], granted)
        return "the device refuses the order (AT^MTXTUNNEL=SETPARAM,device.mtxerr,on makes it say why)"


def _what(start):
    """What a device's last start was, to tell it from the one before."""
    return start.get("mode"), start.get("why")
