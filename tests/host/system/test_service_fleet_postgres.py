"""The fleet's side with PostgreSQL: exactly once through kills of database, ingester and broker, fifty devices a day.

Needs Debian's packages postgresql and mosquitto, and the extra `fleet` of pyproject.toml (psycopg), which
`make test-services` installs. Nothing here is skipped.
"""

import time

import pytest

from tests.host.support import fleet_lab, programs, servers
from tests.host.support.fleet_crash import POINTS
from tests.host.system.test_fleet_watch import filled
from tools import patience
from tools.fleet import __main__ as fleet
from tools.fleet import gaps, records
from tools.fleet import store as stores
from tools.fleet.store import Message, open_store

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]
DAY = 86400
START = fleet_lab.START


@pytest.fixture(scope="module")
def server():
    assert programs.find("mosquitto"), "Mosquitto is missing: apt-get install mosquitto"
    made = servers.Postgres()
    yield made
    made.close()


@pytest.fixture
def lab(tmp_path, server):
    store = open_store(server.url)
    store.do("drop table record, aside, device, watch, rollout")
    store.close()
    with fleet_lab.Lab(tmp_path, server.url) as made:
        yield made


def test_fifty_devices_a_day_while_everything_is_ended_once(lab, server):
    def some():
        return fleet_lab.devices(50, meters=2, events=True, interval=300)

    first = lab.ingester()
    lab.subscribed()
    senders, thread = lab.sending(some(), START, START + DAY)

    def confirmed(count):
        assert patience.until(lambda: senders.confirmed >= count or not thread.is_alive(), 240), lab.errors

    confirmed(3000)
    server.kill()
    time.sleep(2)
    server.start()
    confirmed(8000)
    first.kill()
    lab.ingester()
    confirmed(13000)
    lab.broker.stop()
    time.sleep(1)
    lab.broker.start()
    confirmed(18000)
    server.kill()
    server.start()
    thread.join()
    assert not lab.errors, lab.errors
    lab.check(fleet_lab.expected(some(), START, START + DAY), 240)
    assert senders.confirmed > 30000


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_it_loses_nothing_and_takes_nothing_twice(lab, point):
    first = lab.ingester()
    lab.subscribed()
    first.kill()
    senders, thread = lab.sending(fleet_lab.devices(10, interval=300), START, START + DAY // 2)
    for turn in (1, 3):
        turn *= 40 if point == "taken" else 1
        dying = lab.ingester(crash=(point, turn), more=("--batch", "10"))
        assert patience.wait(dying.process, 60) == -9, lab.logs()
    lab.ingester()
    thread.join()
    lab.check(fleet_lab.expected(fleet_lab.devices(10, interval=300), START, START + DAY // 2))


def test_three_that_get_everything_write_into_one_database_at_a_time(lab):
    for number in range(3):
        lab.ingester("ingest-%d" % number)
    lab.subscribed()
    time.sleep(3)
    lab.deliver(fleet_lab.devices(10, events=True, interval=300), START, START + DAY)
    lab.check(fleet_lab.expected(fleet_lab.devices(10, events=True, interval=300), START, START + DAY))
    for each in lab.ingesters:
        assert "deadlock" not in each.stop()


def test_what_the_database_refuses_does_not_keep_the_rest_out(lab, server):
    store = open_store(server.url)
    store.do("alter table record add check (meter <> 'bad')")
    rows = [
        records.Row("1", "bad" if number == 7 else "good", "X", "titan", 0, "%d" % number, 5, 5, "d", "{}")
        for number in range(20)
    ]
    written = store.write([(row, Message("t", b"{}")) for row in rows], [], {}, 9)
    assert tuple(written) == (19, 0, 1)
    assert store.all("select reason from aside") == [("database",)]
    store.close()


def test_gaps_are_the_same_as_with_sqlite(lab, server, tmp_path):
    lost = [(START + DAY, START + DAY + 7200)]
    end = START + 4 * DAY
    found = []
    for path in (tmp_path / "a.db", server.url):
        store = filled(path, fleet_lab.devices(2, meters=2, events=True), START, end, lost)
        found.append(gaps.find(store, fleet_lab.ZONE, end))
        store.close()
    assert found[0] == found[1] and len(found[0]) == 4
    assert sum(gap.missing for some in found[1].values() for each in some for gap in each.gaps) == 8


def test_each_command_gets_along_with_the_rights_that_the_page_names(lab, server, tmp_path):
    store = open_store(server.url)
    for right, name in (("select, insert, update", "taker"), ("select", "looker")):
        store.do("drop role if exists %s" % name)
        store.do("create role %s login" % name)
        store.do("grant %s on all tables in schema public to %s" % (right, name))
    urls = {name: server.url.replace("fleet@", name + "@") for name in ("taker", "looker")}
    lab.database = urls["taker"]
    lab.ingester()
    lab.subscribed()
    lab.deliver(fleet_lab.devices(2), START, START + DAY // 4)
    lab.check(fleet_lab.expected(fleet_lab.devices(2), START, START + DAY // 4))
    assert fleet.main(["watch", "--database", urls["looker"]]) == 0
    assert fleet.main(["watch", "--database", urls["looker"], "--keep"]) == 1
    assert fleet.main(["watch", "--database", urls["taker"], "--keep"]) == 0
    store.do("drop table watch")
    with pytest.raises(stores.StoreError) as error:
        open_store(urls["taker"])
    assert "permission denied for schema public" in str(error.value) and "\n" not in str(error.value)
    for name in urls:
        store.do("drop owned by %s" % name)
        store.do("drop role %s" % name)
    open_store(server.url).close()
    store.close()


def test_a_password_is_not_shown():
    with pytest.raises(stores.StoreError) as error:
        open_store("postgresql://me:secret@127.0.0.1:1/x")
    assert "secret" not in str(error.value)
