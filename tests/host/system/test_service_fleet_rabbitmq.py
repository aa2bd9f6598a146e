"""The fleet's side with RabbitMQ and its MQTT plug-in as the broker: nothing changes on the device.

Needs Debian's package rabbitmq-server. Nothing here is skipped.
"""

import pytest

from tests.host.support import fleet_lab, servers
from tools import patience

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]
DAY = 86400
START = fleet_lab.START


@pytest.fixture
def lab(tmp_path):
    broker = servers.Rabbit()
    try:
        with fleet_lab.Lab(tmp_path, broker=broker) as made:
            yield made
    finally:
        broker.close()


def some():
    return fleet_lab.devices(20, events=True, interval=300)


def test_restarted_in_good_order_and_the_ingester_killed_nothing_is_lost(lab):
    first = lab.ingester()
    lab.subscribed(60)
    senders, thread = lab.sending(some(), START, START + DAY)
    assert patience.until(lambda: senders.confirmed >= 1000, 120), lab.errors
    first.kill()
    lab.ingester()
    assert patience.until(lambda: senders.confirmed >= 3000 or not thread.is_alive(), 120), lab.errors
    lab.broker.stop()
    lab.broker.start()
    thread.join()
    assert not lab.errors, lab.errors
    lab.check(fleet_lab.expected(some(), START, START + DAY), 240)


def test_killed_it_keeps_what_it_has_confirmed(lab):
    """Its queues are durable and it confirms what is on the disk."""
    first = lab.ingester()
    lab.subscribed(60)
    first.kill()
    lab.deliver(some(), START, START + DAY // 2)
    lab.broker.kill()
    lab.broker.start()
    lab.ingester()
    lab.check(fleet_lab.expected(some(), START, START + DAY // 2), 240)
