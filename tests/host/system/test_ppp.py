"""The simulator's PPP peer between a client and sockets of this machine."""

import socket
import struct
import threading

from tests.host.unit.sim.test_ppp import ip_got, ip_packet, up
from tools.modem.peer import IP
from tools.modem.tcp import Flow


def serve(client, condition, limit=200):
    """Let the forwarder work until `condition()`."""
    import select

    for _ in range(limit):
        readers, writers = client.peer.network.sockets()
        ready, writable, _ = select.select(readers, writers, [], 0.02)
        client.peer.network.ready(ready, writable)
        if condition():
            return
    raise AssertionError("nothing came")


def test_udp_goes_to_loopback_and_back():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    port = server.getsockname()[1]
    client = up()
    client.send(IP, ip_packet(17, struct.pack("!HHHH", 4000, port, 12, 0) + b"ping", b"\x5d\xb8\xd8\x22"))
    data, address = server.recvfrom(100)
    assert data == b"ping" and address[0] == "127.0.0.1"
    server.sendto(b"pong", address)
    serve(client, lambda: any(kind == IP for kind, _ in client.got))
    (answer,) = ip_got(client, 17)
    assert answer[8:] == b"pong" and struct.unpack("!HH", answer[:4]) == (port, 4000)
    server.close()


class TcpHost:
    """The least of a TCP: one connection, in order, acknowledging everything."""

    def __init__(self, client, port):
        self.client, self.port = client, port
        self.seq, self.ack = 1000, 0
        self.data = b""
        self.flags = []

    def send(self, flags, data=b"", seq=None):
        options = b"\x02\x04\x02\x18" if flags == 2 else b""
        segment = struct.pack(
            "!HHIIBBHHH",
            3000,
            self.port,
            seq or self.seq,
            self.ack,
            (20 + len(options)) // 4 << 4,
            flags,
            4096,
            0,
            0,
        )
        self.client.send(IP, ip_packet(6, segment + options + data))
        self.seq += 0 if seq else len(data) + (1 if flags & 3 else 0)

    def take(self):
        for segment in ip_got(self.client, 6):
            seq, ack, offset, flags = struct.unpack("!IIBB", segment[4:14])
            data = segment[(offset >> 4) * 4 :]
            self.flags.append(flags)
            if flags & 2:
                self.ack = seq + 1
            elif seq == self.ack:
                self.data += data
                self.ack += len(data) + (flags & 1)
        return self.flags


def test_tcp_goes_to_loopback_and_back_with_resending():
    server = socket.create_server(("127.0.0.1", 0))
    received = bytearray()

    def play():
        sock, address = server.accept()
        assert address[0] == "127.0.0.1"
        while len(received) < 30000:
            received.extend(sock.recv(4096))
        sock.sendall(b"answer" * 500)
        sock.close()

    thread = threading.Thread(target=play)
    thread.start()
    client = up()
    host = TcpHost(client, server.getsockname()[1])
    host.send(2)
    serve(client, lambda: 0x12 in host.take())
    host.send(16)
    payload = bytes(range(250)) * 120
    for at in range(0, len(payload), 500):
        host.send(24, payload[at : at + 500])
        if at % 5000 == 0:
            host.send(24, b"z" * 100, seq=500)  # out of window: confirmed again, not delivered
        serve(client, lambda: True)
    serve(client, lambda: len(received) >= 30000)
    assert bytes(received) == payload
    # The first answers are "lost": nothing is acknowledged until the peer sends them again.
    serve(client, lambda: any(kind == IP and len(p) > 60 for kind, p in client.got))
    client.got.clear()
    for _ in range(60):
        client.tick(4)
        host.take()
        host.send(16)
        serve(client, lambda: True)
        if len(host.data) == 3000:
            break
    thread.join()
    assert host.data == b"answer" * 500
    host.send(17)
    for _ in range(5):
        client.tick(4)
        host.take()
        host.send(16)
    assert not client.peer.network.flows
    server.close()


def test_a_segment_that_grew_while_it_waited_is_taken():
    """lwIP fills a segment up while it waits to be sent again: its first part is known, the rest is not."""
    server = socket.create_server(("127.0.0.1", 0))
    client = up()
    host = TcpHost(client, server.getsockname()[1])
    host.send(2)
    serve(client, lambda: 0x12 in host.take())
    host.send(16)
    first = host.seq
    host.send(24, b"ping")
    host.send(24, b"ping", seq=first)
    host.send(24, b"ping and more", seq=first)
    host.seq = first + len(b"ping and more")
    host.send(24, b" yet")
    serve(client, lambda: True)
    sock, _ = server.accept()
    sock.settimeout(5)
    got = b""
    while len(got) < 17:
        got += sock.recv(100)
    assert got == b"ping and more yet"
    sock.close()
    server.close()


def test_a_port_nobody_listens_at_is_refused():
    probe = socket.create_server(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    client = up()
    host = TcpHost(client, port)
    host.send(2)
    serve(client, lambda: any(flags & 4 for flags in host.take()))


def test_there_is_no_way_out_of_loopback():
    """Whatever address is asked for, the only one ever connected to is 127.0.0.1."""
    client = up()
    for dst in (b"\x01\x01\x01\x01", b"\xc0\xa8\x00\x01", b"\xff\xff\xff\xff"):
        client.send(IP, ip_packet(6, struct.pack("!HHIIBBHHH", 3000, 9, 1, 0, 0x50, 2, 4096, 0, 0), dst))
    for flow in client.peer.network.flows.values():
        try:
            assert flow.socket.getpeername()[0] == "127.0.0.1"
        except OSError:
            pass  # refused already
    assert Flow.__init__.__code__.co_names.count("connect") == 1
