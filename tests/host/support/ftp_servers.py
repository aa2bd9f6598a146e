"""FTP servers of tests: pyftpdlib, a real one, as far as a test does not want it to be unkind.

`Server(folder)` serves it to meter/secret. What it can be told: `refuse` {command: reply, or what gives one or None};
`epsv` False: it does not know EPSV, and PASV names the address of another net, as servers behind a router do;
`overwrites` False: RNTO does not replace a file (FileZilla Server, IIS).
"""

import threading
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer


class Server:
    def __init__(self, folder, **unkind):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.refuse = {}
        self.epsv = self.overwrites = True
        self.commands = []
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
