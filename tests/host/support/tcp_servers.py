"""Servers of tests: who takes the connections, so that each has only to say what it does with one."""

import socket
import threading


def end(*sockets):
    """Close each at once, also while another thread waits in a call of it."""
    for each in sockets:
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended by itself
        socket.socket.close(each)


class _Listening(socket.socket):
    """Closed it is at once: accept() in another thread would take one connection more."""

    def close(self):
        end(self)


def serve(talk, apart=False, port=0):
    """A listening socket on `port` (0: a free one) of this machine; `talk(peer)` has each connection until it ends.

    One connection after the other, or each in a thread of its own (`apart`).
    """
    server = _Listening(fileno=socket.create_server(("127.0.0.1", port)).detach())

    def accept():
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            if apart:
                threading.Thread(target=talk, args=(peer,), daemon=True).start()
            else:
                talk(peer)

    threading.Thread(target=accept, name="server", daemon=True).start()
    return server
