"""FTP servers of tests: pyftpdlib, a real one, as far as a test does not want it to be unkind.

`Server(folder)` serves it to meter/secret. What it can be told: `refuse` {command: reply, or what gives one or None};
`epsv` False: it does not know EPSV, and PASV names the address of another net, as servers behind a router do;
`overwrites` False: RNTO does not replace a file (FileZilla Server, IIS); `cuts`: a list of (bytes, whether with a
reset), of which each data connection takes the first: so much comes through, then the line is gone at both ends, as a
firewall on the way does it. `finals`: [(name, lines)] of each file as it was when it was renamed.
"""

import socket
import struct
import threading
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

from tests.host.support import tcp_servers

# Closed so a connection ends with a reset.
_RESET = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _cut(port, count, reset):
    """The port of a way to `port` of this machine, for one connection, that is cut behind `count` bytes."""

    def talk(peer):
        listening.close()
        with socket.create_connection(("127.0.0.1", port)) as there:
            left = count
            while left and (data := peer.recv(left)):
                there.sendall(data)
                left -= len(data)
            if not left:
                peer.recv(1, socket.MSG_PEEK)  # it has more to say
            if reset:
                for each in (there, peer):
                    each.setsockopt(*_RESET)
            peer.close()

    listening = tcp_servers.serve(talk)
    return listening.getsockname()[1]


class Server:
    def __init__(self, folder, **unkind):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.refuse = {}
        self.epsv = self.overwrites = True
        self.commands = []
        self.cuts = []
        self.finals = []
        self.logins = 0
        vars(self).update(unkind)
        authorizer = DummyAuthorizer()
        authorizer.add_user("meter", "secret", str(self.folder), perm="elradfmwM")
        outer = self

        class Handler(FTPHandler):
            log_prefix = ""

            def pre_process_command(self, line, cmd, arg):
                outer.commands.append(cmd)
                if cmd in outer.refuse:
                    reply = outer.refuse[cmd]
                    if callable(reply):
                        reply = reply()
                    if reply:
                        self.respond(reply)
                        return
                if cmd == "EPSV" and not outer.epsv:
                    self.respond("500 not understood")
                    return
                target = arg and outer.folder / arg.lstrip("/")
                if cmd == "RNTO" and not outer.overwrites and target.exists():
                    self.respond("550 it is there already")
                    return
                super().pre_process_command(line, cmd, arg)

            def respond(self, resp, *more, **named):
                super().respond(outer._between(resp), *more, **named)

            def ftp_RNTO(self, path):
                super().ftp_RNTO(path)
                outer.finals.append((Path(path).name, Path(path).read_text().splitlines()))

            def on_login(self, username):
                outer.logins += 1

            def log(self, *_, **__):
                """Not on the tests' output."""

            logline = log_exception = log_cmd = log_transfer = log

        self.handler = Handler
        Handler.authorizer = authorizer
        if not self.epsv:
            Handler.masquerade_address = "192.0.2.1"
        self._server = FTPServer(("127.0.0.1", 0), Handler, IOLoop())
        self.port = self._server.socket.getsockname()[1]
        self._ends = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while not self._ends:
            self._server.ioloop.loop(0.02, False)
        self._server.close_all()

    def _between(self, reply):
        """A reply, to EPSV with the port of a way that is cut while there is one."""
        if reply.startswith("229") and self.cuts:
            port = reply.split("|")[3]
            return reply.replace(port, str(_cut(int(port), *self.cuts.pop(0))))
        return reply

    def files(self, place="."):
        """{name: [lines]} of the files of a folder."""
        found = {}
        for path in sorted((self.folder / place).iterdir()):
            if path.is_file():
                found[path.name] = path.read_text().splitlines()
        return found

    def close(self):
        self._ends = True
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
