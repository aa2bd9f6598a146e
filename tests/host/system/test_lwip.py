"""The stand-in for lwIP against sockets of this machine."""

import contextlib
import socket
import threading

import pytest

from tests.host.unit.sim.test_lwip import World
from tools.lwip import errors
from tools.lwip.tcp import FRAME, MEM_SIZE, MSS, SND_BUF

# sockets -------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    """A port; `.got` is what came, in one piece."""

    class Server:
        def __init__(self):
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.port = self.listener.getsockname()[1]
            self.got = bytearray()
            threading.Thread(target=self._serve, daemon=True).start()

        def _serve(self):
            while True:
                try:
                    sock, _ = self.listener.accept()
                except OSError:
                    return
                threading.Thread(target=self._echo, args=(sock,), daemon=True).start()

        def _echo(self, sock):
            with contextlib.suppress(OSError):
                while data := sock.recv(4096):
                    self.got += data
                    sock.sendall(data)

    server = Server()
    yield server
    server.listener.close()


def test_bytes_go_there_and_back(server):
    world = World().up()
    handle = world.dial(server.port)
    world.until(lambda: world.call(b"d", handle) == 1)
    sent = bytes(range(256)) * 100
    at, got = 0, b""
    for _ in range(3000):
        if at < len(sent):
            count = world.call(b"s", handle, sent[at : at + 3000])
            at += max(count, 0)
        number, data = world.chip.call(b"r", handle, (500).to_bytes(2, "big"))
        got += data
        if len(got) == len(sent):
            break
        world.turn()
    assert got == sent and bytes(server.got) == sent


def test_all_that_may_go_out_goes_out_at_once(server):
    world = World().up()
    handle = world.dial(server.port)
    world.until(lambda: world.call(b"d", handle) == 1)
    world.line.frames.clear()
    assert world.call(b"s", handle, bytes(SND_BUF)) == SND_BUF
    assert [len(frame) > MSS for frame in world.line.frames] == [True] * 4  # the first window: 4 segments
    world.until(lambda: len(server.got) == SND_BUF)
    world.line.frames.clear()
    assert world.call(b"s", handle, bytes(SND_BUF)) == SND_BUF
    assert len(world.line.frames) == 8
    assert world.call(b"s", handle, b"x") == -errors.EAGAIN


def test_a_short_write_is_err_if_for_who_sends(server):
    world = World().up()
    handle = world.dial(server.port)
    world.until(lambda: world.call(b"d", handle) == 1)
    world.line.room = 1536
    assert world.call(b"s", handle, bytes(SND_BUF)) == -1


def test_memory_is_for_8000_bytes_and_small_pieces_cost_their_headers(server):
    world = World().up()
    handle = world.dial(server.port)
    world.until(lambda: world.call(b"d", handle) == 1)
    world.call(b"n", handle, b"\1")  # no Nagle: each piece is a segment
    world.line.dead = True
    pieces = 0
    while (number := world.call(b"s", handle, bytes(200))) > 0:
        pieces += 1
    assert pieces == MEM_SIZE // (200 + 78) and number == -errors.WAIT


def test_where_ppp_has_no_memory_for_a_frame_what_was_sent_has_been_taken(server):
    """Another connection has the memory. When that is gone, what was refused goes out all the same, with lwIP's slow
    timer."""
    world = World().up()
    other, ours = world.dial(server.port), world.dial(server.port)
    for handle in (other, ours):
        world.until(lambda handle=handle: world.call(b"d", handle) == 1)
        world.call(b"n", handle, b"\1")
    assert world.call(b"s", other, b"x") == 1
    world.until(lambda: world.call(b"e", other, b"\1"), 4000)  # its echo waits there, and it is confirmed
    world.line.dead = True
    while (number := world.call(b"s", other, bytes(200))) > 0:
        pass
    # For four bytes there is memory, for a frame with them there is none.
    assert number == -errors.WAIT and MEM_SIZE % (200 + 78) > 4 + 78 and FRAME > MEM_SIZE % (200 + 78)
    assert world.call(b"s", ours, b"ours") == -errors.ENOMEM and server.got == b"x"
    world.line.dead = False
    world.call(b"x", other)
    world.until(lambda: server.got == b"xours", 4000)


def test_with_nagle_s_algorithm_small_pieces_share_segments(server):
    world = World().up()
    handle = world.dial(server.port)
    world.until(lambda: world.call(b"d", handle) == 1)
    world.line.dead = True
    taken = 0
    while (count := world.call(b"s", handle, bytes(200))) > 0:
        taken += count
    assert count == -errors.EAGAIN and taken == SND_BUF


def test_a_refused_connection_reads_ebadf_when_asked_again():
    probe = socket.create_server(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    world = World().up()
    handle = world.dial(port)
    world.until(lambda: world.call(b"d", handle) < 0)
    assert world.call(b"d", handle) == -104
    assert world.call(b"c", handle, bytes((10, 0, 2, 2)) + port.to_bytes(2, "big")) == -errors.EBADF


def test_without_a_link_there_is_no_route_and_a_lost_one_aborts(server):
    world = World()
    handle = world.call(b"t")
    assert world.call(b"c", handle, bytes((10, 0, 2, 2, 0, 9))) == -113
    world.up()
    handle = world.dial(server.port)
    world.until(lambda: world.call(b"d", handle) == 1)
    world.ppp.config(stream=None)
    world.ppp.__del__()
    assert world.call(b"s", handle, b"x") == -103


@pytest.fixture
def joined():
    """(world, handle, the server's socket) of a connection."""
    world = World().up()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        handle = world.dial(listener.getsockname()[1])
        world.until(lambda: world.call(b"d", handle) == 1)
        listener.settimeout(10)
        with listener.accept()[0] as server:
            yield world, handle, server


@pytest.mark.parametrize("first", ["device", "server"])
def test_a_connection_that_both_have_closed_is_over_for_both(joined, first):
    """FIN-WAIT-2 and what is behind it (RFC 9293, 3.6): the server's FIN has its acknowledgement, and comes once."""
    world, handle, server = joined
    if first == "server":
        server.close()
        world.until(lambda: world.chip.call(b"r", handle, b"\0\x40") == (0, b""))
    world.call(b"x", handle)
    for _ in range(20):
        world.turn()
    server.close()
    world.until(lambda: not world.line.peer.network.flows)
    before = len(world.line.frames)
    for _ in range(200):
        world.turn()
    assert len(world.line.frames) == before


def test_who_sends_to_a_connection_that_is_none_is_told(joined):
    world, _, server = joined
    world.chip._calls.stack._tcps.clear()  # it is forgotten
    server.sendall(b"are you there?")
    world.until(lambda: not world.line.peer.network.flows)
