"""Fifty simulated devices a day through a cluster of three RabbitMQ nodes; each is killed once and comes back.

Devices and ingester know one address: what stands before the cluster gives each connection to a node that is up. The
queues of the ingester are on all three nodes, by a policy; nothing is lost, and nothing changes on a device.
"""

import socket
import tempfile
from pathlib import Path

from tests.host.support import brokers, fleet_lab, servers, tcp_servers
from tools import patience

DAY = 86400
START = fleet_lab.START
COUNT = 50


class Balancer(brokers.Proxy):
    """In front of several ports: each connection goes to the next one that takes it."""

    def __init__(self, ports):
        self._ports = list(ports)
        super().__init__(0)

    def _join(self, near):
        for _ in range(len(self._ports)):
            self._target = port = self._ports.pop(0)
            self._ports.append(port)
            try:
                socket.create_connection(("127.0.0.1", port), 2).close()
            except OSError:
                continue
            super()._join(near)
            return
        tcp_servers.end(near)


class Cluster:
    """Three nodes with the face of a broker."""

    def __init__(self):
        self.nodes = [servers.Rabbit()]
        self.nodes += [servers.Rabbit(self.nodes[0]) for _ in range(2)]
        policy = '{"ha-mode":"all","ha-sync-mode":"automatic","ha-promote-on-shutdown":"always"}'
        self.nodes[0].control("set_policy", "sessions", "^mqtt-subscription-", policy, "--apply-to", "queues")
        self._balancer = Balancer(node.port for node in self.nodes)
        self.port = self._balancer.port

    def stop(self):
        self._balancer.close()
        for node in reversed(self.nodes):
            node.close()


def some():
    return fleet_lab.devices(COUNT, interval=60, events=True)


def proof():
    cluster = Cluster()
    with tempfile.TemporaryDirectory() as folder, fleet_lab.Lab(Path(folder), broker=cluster) as lab:
        lab.ingester()
        lab.subscribed(120)
        senders, thread = lab.sending(some(), START, START + DAY)
        for number, node in enumerate(cluster.nodes[::-1], 1):
            patience.until(lambda n=number: senders.confirmed >= 15000 * n or not thread.is_alive(), 600, 0.2)
            print(
                "      %d confirmed: node %d is killed" % (senders.confirmed, 4 - number),
                flush=True,
            )
            node.kill()
            with_two = senders.confirmed + 3000
            patience.until(lambda n=with_two: senders.confirmed >= n or not thread.is_alive(), 120, 0.2)
            node.start()
            node.control("await_startup")
        thread.join()
        assert not lab.errors, lab.errors
        expected = fleet_lab.expected(some(), START, START + DAY)
        lab.check(expected, 600)
        return {
            "records": len(expected),
            "repeats": senders.repeats,
            "nodes killed": len(cluster.nodes),
        }
