"""A simulated modem that runs in a process of its own, as whoever started it sees it."""

import json
import socket
import threading


class ModemProcess:
    """`process`: a `python -m tools.modem` whose output and errors are pipes of text. RuntimeError: it did not start.

    `words`: what it said of where it is; `control`: its control port; `log`: what it says; `pid`.
    """

    def __init__(self, process):
        self.process = process
        self.pid = process.pid
        self.log = []
        self.words = process.stdout.readline().split()
        if not self.words:
            raise RuntimeError(process.stderr.read())
        self.control = int(self.words[-1])
        self.reader = threading.Thread(target=self._drain, daemon=True)
        self.reader.start()

    def _drain(self):
        for line in self.process.stderr:
            self.log.append(line.rstrip())

    def tell(self, line):
        """Send a control line (tools/modem/control.py); its answer."""
        with socket.create_connection(("127.0.0.1", self.control), 60) as sock:
            sock.sendall(line.encode() + b"\n")
            return sock.makefile().readline().strip()

    def state(self):
        return json.loads(self.tell("state"))
