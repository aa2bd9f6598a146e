"""Pseudo-terminals that a person and the firmware can both open by name."""

import os
import pty
import select
import threading
import tty


class Bridge:
    """Two ptys joined back to back: what goes into `device` comes out of `person` and the other way round.

    Each end may be opened and closed any number of times. Bytes for an end nobody has opened are dropped
    once that end's buffer is full, as on a real cable.
    """

    def __init__(self, watch=None):
        self._pairs = [self._pair(), self._pair()]
        self.device = os.ttyname(self._pairs[0][1])
        self.person = os.ttyname(self._pairs[1][1])
        self._watch = watch  # called with each piece the device says
        self._wake_r, self._wake_w = os.pipe()
        self._thread = threading.Thread(target=self._pump, name="pty bridge", daemon=True)
        self._thread.start()

    @staticmethod
    def _pair():
        master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        # The slave end stays open here, or the master would report a hang-up whenever the last user leaves.
        return master, slave

    def _pump(self):
        (a, _), (b, _) = self._pairs
        other = {a: b, b: a}
        while True:
            ready, _, _ = select.select([a, b, self._wake_r], [], [])
            if self._wake_r in ready:
                return
            for fd in ready:
                try:
                    data = os.read(fd, 4096)
                except OSError:
                    continue
                if fd == a and self._watch:
                    self._watch(data)
                try:
                    os.write(other[fd], data)
                except BlockingIOError:
                    continue  # nobody reads at that end: a cable drops it too

    def close(self):
        os.write(self._wake_w, b"x")
        self._thread.join(5)
        for fd in (*self._pairs[0], *self._pairs[1], self._wake_r, self._wake_w):
            os.close(fd)
