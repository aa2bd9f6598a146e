"""The ingester: every record exactly once in the database, wherever it, the broker or the database is ended."""

import json
import time

import paho.mqtt.client as mqtt
import pytest

from tests.host.support import brokers, fleet_lab, programs
from tests.host.support.fleet_crash import POINTS
from tools import patience
from tools.fleet import __main__ as fleet
from tools.fleet import faults, ingest, records
from tools.fleet.store import Message, open_store

DAY = 86400
START = fleet_lab.START


@pytest.fixture
def lab(tmp_path):
    with fleet_lab.Lab(tmp_path) as made:
        yield made


def publish(lab, *messages):
    """Send (topic, payload) pairs with QoS 1 and wait until the broker has them."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", lab.broker.port)
    client.loop_start()
    for topic, payload in messages:
        client.publish(topic, payload, 1).wait_for_publish(30)
    client.disconnect()
    client.loop_stop()


def test_a_day_of_ten_devices_with_both_forms_is_there_once(lab):
    some = fleet_lab.devices(10, meters=2, events=True, both=True)
    lab.ingester()
    lab.subscribed()
    lab.deliver(some, START, START + DAY)
    lab.check(fleet_lab.expected(fleet_lab.devices(10, meters=2, events=True, both=True), START, START + DAY))
    # All of it again: nothing changes.
    lab.deliver(fleet_lab.devices(10, meters=2, events=True, both=True), START, START + DAY)
    lab.check(fleet_lab.expected(fleet_lab.devices(10, meters=2, events=True, both=True), START, START + DAY))
    assert "repeated" in lab.ingesters[0].stop()
    told = lab.rows("select device, state, online from device where device <> '860000000999999' order by device")
    assert len(told) == 10 and json.loads(told[0][2])["VERSION"] == "1.0.0"


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.services
def test_killed_anywhere_it_loses_nothing_and_takes_nothing_twice(lab, point):
    programs.need("mosquitto")
    first = lab.ingester()
    lab.subscribed()
    first.kill()
    senders, thread = lab.sending(fleet_lab.devices(10, interval=300), START, START + DAY // 2)
    for turn in (1, 2, 5, 9):
        turn *= 40 if point == "taken" else 1
        dying = lab.ingester(crash=(point, turn), more=("--batch", "10"))
        assert patience.wait(dying.process, 60) == -9, lab.logs()
    lab.ingester()
    thread.join()
    assert not lab.errors, lab.errors
    lab.check(fleet_lab.expected(fleet_lab.devices(10, interval=300), START, START + DAY // 2))


@pytest.mark.services
def test_a_broker_restarted_in_good_order_loses_nothing(lab):
    programs.need("mosquitto")
    lab.ingester()
    lab.subscribed()
    senders, thread = lab.sending(fleet_lab.devices(10, interval=60), START, START + DAY // 2)
    for count in (500, 2000, 4000):
        assert patience.until(lambda count=count: senders.confirmed > count or not thread.is_alive(), 60)
        lab.broker.stop()
        time.sleep(0.5)
        lab.broker.start()
    thread.join()
    assert not lab.errors, lab.errors
    lab.check(fleet_lab.expected(fleet_lab.devices(10, interval=60), START, START + DAY // 2))


@pytest.mark.services
def test_several_ingesters_share_one_database(lab):
    programs.need("mosquitto")
    groups = [lab.ingester("ingest-%d" % number, more=("--group", "all")) for number in range(3)]
    lab.subscribed()
    time.sleep(2)  # the others are in the group soon after the first one
    senders, thread = lab.sending(fleet_lab.devices(10, interval=300), START, START + DAY)
    assert patience.until(lambda: senders.confirmed > 1000, 60)
    groups[0].kill()
    lab.ingester("ingest-0", more=("--group", "all"))
    thread.join()
    lab.check(fleet_lab.expected(fleet_lab.devices(10, interval=300), START, START + DAY))


def test_each_of_two_gets_everything_and_it_is_there_once(lab):
    """What a broker without shared subscriptions does: the key alone keeps the records single."""
    for number in range(2):
        lab.ingester("ingest-%d" % number)
    lab.subscribed()
    time.sleep(2)
    lab.deliver(fleet_lab.devices(5, events=True), START, START + DAY)
    lab.check(fleet_lab.expected(fleet_lab.devices(5, events=True), START, START + DAY))


def test_a_database_that_is_busy_is_waited_for(lab):
    lab.ingester()
    lab.subscribed()
    other = fleet_lab.busy(lab.database)
    senders, thread = lab.sending(fleet_lab.devices(2), START, START + DAY)
    time.sleep(3)
    other.close()
    thread.join()
    lab.check(fleet_lab.expected(fleet_lab.devices(2), START, START + DAY))


def test_what_is_no_record_is_kept_aside_with_the_reason(lab):
    lab.ingester()
    lab.subscribed()
    now = int(time.time())
    topic = "lector102/868000000000001/LOGGER"

    def record(**more):
        made = {
            "IMEI": "868000000000001",
            "TYPE": "IEC102",
            "TS": "2026-03-28T00:00:00Z",
            "P": "p",
            "ID": "A",
            "X": 1,
        }
        made.update(more)
        return json.dumps({key: value for key, value in made.items() if value is not None}).encode()

    good = record()
    cases = [
        ("json", topic, b"\xff\x00 no text"),
        ("json", topic, b'{"IMEI":'),
        ("json", topic, b"[1,2]"),
        ("json", topic, b'{"IMEI":"868000000000001","TYPE":"IEC102","TS":NaN}'),
        (
            "json",
            topic,
            b'{"IMEI":"868000000000001","TYPE":"X\\u0000","TS":"2026-03-28T00:00:00Z"}',
        ),
        (
            "json",
            topic,
            b'{"IMEI":"868000000000001","TYPE":"X\\ud800","TS":"2026-03-28T00:00:00Z"}',
        ),
        ("json", topic, b"[" * 5000),
        ("form", topic, record(TYPE=None)),
        ("form", topic, record(TS="yesterday")),
        ("clock", topic, record(TS="2070-01-01T00:00:00Z")),
        ("clock", topic, record(TS="2000-01-01T00:00:00Z")),
        ("device", "lector102/868000000000002/LOGGER", good),
        ("values", topic, record(X=2)),
        ("size", topic, record(X="x" * 70000)),
        ("hour", topic, record(TYPE="IEC102_LC", REC=11, DT="2025-10-26T02:15")),
    ]
    publish(lab, (topic, good), *[case[1:] for case in cases], (topic, good))
    assert patience.until(lambda: len(lab.rows("select 1 from aside")) >= len(cases), 30), lab.rows(
        "select * from aside"
    )
    rows = lab.rows("select reason, topic, payload from aside")
    assert sorted((reason, where, bytes(what)) for reason, where, what in rows) == sorted(
        (reason, where, what[:65536]) for reason, where, what in cases
    )
    # A repeat of what is aside is a repeat, too.
    publish(lab, *[case[1:] for case in cases], (topic, record(TS=now, X=5)))
    assert patience.until(lambda: len(lab.rows("select 1 from record where type = 'IEC102'")) == 2, 30)
    assert len(lab.rows("select 1 from aside")) == len(cases)
    assert lab.rows("select data from record where at = 1774656000 and type = 'IEC102'") == [('{"X":1}',)]


def test_a_type_that_nobody_knows_is_kept_as_it_is(lab):
    lab.ingester()
    lab.subscribed()
    topic = "lector102/868000000000001/LOGGER"
    head = {
        "IMEI": "868000000000001",
        "TYPE": "IEC102_NEW",
        "TS": "2026-03-28T00:00:00Z",
        "P": "p",
        "ID": "A",
    }
    # Several of one second, as periods of a curve are.
    some = [json.dumps(dict(head, N=number, Ñ={"a": [number]})).encode() for number in range(5)]
    publish(lab, *[(topic, each) for each in some + some])
    assert patience.until(lambda: len(lab.rows("select 1 from record where type = 'IEC102_NEW'")) == 5, 30)
    data = [json.loads(row[0]) for row in lab.rows("select data from record where type = 'IEC102_NEW'")]
    assert sorted(each["N"] for each in data) == list(range(5)) and data[0]["P"] == "p"
    assert not lab.rows("select 1 from aside")


def test_two_devices_with_one_imei_are_told_apart_from_a_repeat(lab):
    lab.ingester(more=("--records", "plant/[P]/LOGGER", "--records", "lector102/[IMEI]/LOGGER"))
    lab.subscribed()
    (one,) = fleet_lab.devices(1)
    other = type(one)(7, imei=one.imei)  # another meter behind it, same names everywhere
    lab.deliver([one], START, START + DAY // 4)
    count = lab.has(24)
    lab.deliver([other], START, START + DAY // 4)
    assert patience.until(lambda: lab.rows("select 1 from aside where reason = 'values'"), 30)
    assert lab.has(count) == count, "the first one's records stay"
    # On topics of their own they are seen by that.
    head = {
        "IMEI": "868000000000009",
        "TYPE": "IEC102",
        "TS": "2026-03-28T00:00:00Z",
        "P": "p",
        "ID": "A",
    }
    publish(
        lab,
        ("plant/here/LOGGER", json.dumps(head)),
        ("plant/there/LOGGER", json.dumps(dict(head, TS="2026-03-28T00:15:00Z"))),
    )
    assert patience.until(lambda: lab.rows("select 1 from aside where reason = 'twice'"), 30)


def test_what_is_aside_can_be_tried_again(tmp_path, capsys):
    database = str(tmp_path / "a.db")
    store = open_store(database)
    head = {
        "IMEI": "868000000000001",
        "TYPE": "IEC102_LC",
        "TS": "2025-10-26T03:00:00Z",
        "P": "p",
        "ID": "A",
        "REC": 11,
    }
    payloads = [json.dumps(dict(head, DT="2025-10-26T02:00", AI=number)).encode() for number in (1, 2)]
    aside = [
        (
            Message("lector102/868000000000001/LOGGER", each),
            "868000000000001",
            faults.Fault("hour", "x"),
        )
        for each in payloads
    ]
    assert store.write([], aside, {}, 5) == (0, 0, 2)
    assert store.write([], aside, {}, 6) == (0, 0, 0), "a repeat of what is aside is none"
    assert fleet.main(["aside", "--database", database]) == 0
    assert "2  hour" in capsys.readouterr().out
    # The meters' zone was another one, which has no such hour then. Of the two with one key one has its place.
    assert fleet.main(["aside", "--database", database, "--again", "hour", "--zone", "UTC"]) == 0
    out = capsys.readouterr().out
    assert "1 of 2 taken" in out and "1  values" in out and "hour" not in out
    assert fleet.main(["aside", "--database", database, "--show", "values"]) == 0
    assert "868000000000001" in capsys.readouterr().out
    # Two with one key are for a person to judge.
    assert fleet.main(["aside", "--database", database, "--again", "values"]) == 0
    assert "none taken" in capsys.readouterr().out and store.all("select count(*) from aside") == [(1,)]
    assert fleet.main(["aside", "--database", database, "--forget", "values"]) == 0
    assert "1 forgotten\nnothing is aside" in capsys.readouterr().out and not store.all("select 1 from aside")
    assert store.all("select data from record") == [('{"AI":1}',)] or store.all("select data from record") == [
        ('{"AI":2}',)
    ]


def test_a_broker_that_is_not_there_or_refuses_is_told_and_waited_for(tmp_path):
    said = []
    args = fleet.parser().parse_args(
        [
            "ingest",
            "--database",
            str(tmp_path / "a.db"),
            "--broker",
            "mqtt://127.0.0.1:%d" % brokers.free_port(),
        ]
    )
    taker = ingest.Ingest(args, lambda text: (said.append(text), taker.stop()))
    taker.run()
    assert "no broker at 127.0.0.1" in said[0]
    refusing = brokers.BadBroker("refuse")
    args.broker = "mqtt://127.0.0.1:%d" % refusing.port
    taker = ingest.Ingest(args, lambda text: (said.append(text), taker.stop()))
    taker.run()
    refusing.close()
    assert "refuses us: Not authorized" in said[1]
    assert fleet.main(["ingest", "--database", str(tmp_path / "a.db"), "--broker", "http://x"]) == 1


@pytest.mark.parametrize("mode", ["silent", "stall", "half_packet", "half_close", "garbage"])
def test_a_broker_that_misbehaves_does_not_end_the_ingester(tmp_path, mode, monkeypatch):
    monkeypatch.setattr(ingest, "_SUBSCRIBED_S", 1)
    said = []
    bad = brokers.BadBroker(mode)
    args = fleet.parser().parse_args(
        [
            "ingest",
            "--database",
            str(tmp_path / "a.db"),
            "--broker",
            "mqtt://127.0.0.1:%d" % bad.port,
        ]
    )
    taker = ingest.Ingest(args, lambda text: (said.append(text), len(said) < 2 or taker.stop()))
    taker.run()
    bad.close()
    assert len(said) == 2 and bad.connections >= 2, said


@pytest.mark.services
def test_over_tls_only_the_right_broker_is_told_anything(tmp_path):
    programs.need("mosquitto")
    certificate, key = programs.certificate(tmp_path)
    broker = brokers.Mosquitto()
    broker.stop()
    secure = brokers.free_port()
    with open(broker._config, "a") as file:
        file.write("listener %d 127.0.0.1\ncertfile %s\nkeyfile %s\n" % (secure, certificate, key))
    broker.start()
    with fleet_lab.Lab(tmp_path, broker=broker) as lab:
        said = []
        words = ["ingest", "--database", lab.database, "--broker", "mqtts://localhost:%d" % secure]
        stranger = ingest.Ingest(fleet.parser().parse_args(words), lambda text: (said.append(text), stranger.stop()))
        stranger.run()
        assert "no broker at localhost" in said[0] and "certificate verify failed" in said[0]
        lab.url, plain = "mqtts://localhost:%d" % secure, lab.url
        lab.ingester(more=("--ca", certificate))
        lab.url = plain
        lab.subscribed()
        assert fleet.main([*words, "--ca", str(tmp_path / "none.pem")]) == 1


@pytest.mark.parametrize("batches", ["X1 X2 X1", "X1|X2 X1|X2", "X2|X1|X2 X1 X1"])
def test_what_came_first_stays_and_only_what_differs_from_it_is_aside(tmp_path, batches):
    store = open_store(str(tmp_path / "a.db"))
    words = batches.replace("|", " ").split()
    counts = []
    for batch in batches.split("|"):
        found = [
            (
                records.Row("1", "A", "T", "titan", 0, "", 5, 5, word, word),
                Message("t", word.encode()),
            )
            for word in batch.split()
        ]
        counts.append(store.write(found, [], {}, 9))
    assert store.all("select digest from record") == [(words[0],)]
    other = "X2" if words[0] == "X1" else "X1"
    assert [bytes(row[0]) for row in store.all("select payload from aside")] == [other.encode()]
    assert sum(each.new for each in counts) == sum(each.aside for each in counts) == 1
    assert sum(each.repeated for each in counts) == words.count(words[0]) - 1
