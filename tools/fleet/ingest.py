"""From the broker into the database: a message is acknowledged to the broker only after its record is committed.

One thread does both, in turns: what has come is written in one transaction, then acknowledged, on the connection it
came on. Whatever ends the connection, the database or this process in between, the broker sends it again, and the key
knows it. A database that is away is waited for with the connection to the broker closed: the broker keeps what comes.
"""

import random
import signal
import time
from collections import OrderedDict

import paho.mqtt.client as mqtt

from firmware.core.zone import Zone
from tools.fleet import link, records
from tools.fleet.faults import Bad, Fault
from tools.fleet.store import Message, StoreError, open_store
from tools.options import between

_BATCH = 500
# Nothing more has come for so long: what is there is written.
_QUIET_S = 0.002
# A device is looked at as two while both are heard within this time; of so many devices the topics are remembered.
_TWICE_S = 86400
_REMEMBERED = 20000
_SEEN_S = 10
_LONGEST_WAIT_S = 30
_REPORT_S = 60
_SUBSCRIBED_S = 15


class Ingest:
    """`filters`: of topics with records; `states`: of those where devices tell about themselves (link.Filter).

    `ident` is the client id, and the session at the broker is kept under it: the same one after a restart, another one
    for each ingester. `group`: several ingesters with the same one share the records (MQTT's shared subscriptions, of
    Mosquitto and others). `say(text)` gets a line now and then.
    """

    def __init__(self, args, say=print):
        self.args = args
        self.say = say
        self.zone = Zone(args.zone)
        self.filters = [link.Filter(text) for text in args.records or link.RECORDS]
        self.states = [link.Filter(text) for text in args.states or link.STATES]
        self.store = None
        self.client = None
        self.stopped = False
        self.count = dict.fromkeys(("messages", "new", "repeated", "aside", "batches"), 0)
        self._pending = []  # MQTTMessages that are not acknowledged
        self._up = False
        self._why = ""
        self._topics = OrderedDict()  # (device, number of the filter) -> (topic, when)
        self._seen = {}
        self._seen_at = self._told_at = time.monotonic()

    @property
    def ready(self):
        """Whether the broker keeps for us what comes."""
        return self._up

    def stop(self, *_):
        self.stopped = True

    def run(self):
        """Until stop(); every trouble with broker and database is waited out."""
        wait = 1
        while not self.stopped:
            try:
                if self.store is None:
                    self.store = open_store(self.args.database)
                self._connect()
                wait = 1
                self._serve()
            except (StoreError, link.LinkError) as error:
                self.say("fleet: %s; again in %d s" % (error, wait))
                self._drop(isinstance(error, StoreError))
                self._sleep(wait * random.uniform(0.7, 1.3))
                wait = min(wait * 2, _LONGEST_WAIT_S)
        self._drop(True)

    def _sleep(self, seconds):
        end = time.monotonic() + seconds
        while not self.stopped and time.monotonic() < end:
            time.sleep(0.1)

    # --- the broker

    def _connect(self):
        made = self.client = link.client(self.args, self.args.ident, clean_session=False, manual_ack=True)
        made.on_connect = self._connected
        made.on_disconnect = self._disconnected
        made.on_message = lambda _client, _data, message: self._pending.append(message)
        made.on_subscribe = self._subscribed
        self._up, self._why = False, ""
        # What came on an earlier connection is not acknowledged on this one: its numbers may mean other messages now.
        self._pending.clear()
        link.connect(made, self.args)
        end = time.monotonic() + _SUBSCRIBED_S
        while not self._up and not self.stopped:
            if self._why or made.loop(0.1) != mqtt.MQTT_ERR_SUCCESS or time.monotonic() > end:
                raise link.LinkError(self._why or "the broker does not let us in")
            # What waited for us comes before we are told that we are subscribed.
            if len(self._pending) >= self.args.batch:
                self.commit()
                end = time.monotonic() + _SUBSCRIBED_S

    def _connected(self, client, _data, _flags, reason, _properties):
        if reason.is_failure:
            self._why = "the broker refuses us: %s" % reason
            return
        share = "$share/%s/" % self.args.group if self.args.group else ""
        wanted = [(share + each.subscription, 1) for each in self.filters]
        # Retained messages come without a group only.
        wanted += [(each.subscription, 1) for each in self.states]
        client.subscribe(list(dict(wanted).items()))

    def _subscribed(self, _client, _data, _mid, reasons, _properties):
        if any(reason.is_failure for reason in reasons):
            self._why = "the broker does not let us subscribe to all of %s" % ", ".join(
                each.subscription for each in self.filters + self.states
            )
        else:
            self._up = True

    def _disconnected(self, _client, _data, _flags, reason, _properties):
        self._up = False
        # Why it has refused us is worth more.
        self._why = self._why or "the broker has gone: %s" % reason

    def _drop(self, database):
        """Leave the broker, which sends what is not acknowledged again; with `database` let go of that one, too."""
        if self.client:
            self.client.on_disconnect = None
            self.client.disconnect()
            self.client.loop(0.1)
            self.client = None
        self._pending.clear()
        if database and self.store:
            self.store.close()
            self.store = None

    def _serve(self):
        while not self.stopped:
            before = len(self._pending)
            done = self.client.loop(_QUIET_S if self._pending else 1.0)
            if done != mqtt.MQTT_ERR_SUCCESS or not self._up:
                raise link.LinkError(self._why or "the broker has gone: %s" % mqtt.error_string(done))
            if len(self._pending) >= self.args.batch or (self._pending and len(self._pending) == before):
                self.commit()
            self._report()
        if self._pending:
            self.commit()

    # --- a batch

    def commit(self):
        """Write what has come, then acknowledge it."""
        batch = self._pending
        found, aside = [], []
        now = int(time.time())
        for message in batch:
            self._take(message, found, aside, now)
        due = time.monotonic() - self._seen_at > _SEEN_S or any(len(each) > 1 for each in self._seen.values())
        seen = self._seen if due else {}
        written = self.store.write(found, aside, seen, now)
        if due:
            self._seen, self._seen_at = {}, time.monotonic()
        for name in ("new", "repeated", "aside"):
            self.count[name] += getattr(written, name)
        self.count["messages"] += len(batch)
        self.count["batches"] += 1
        self.acknowledge(batch)

    def acknowledge(self, batch):
        for message in batch:
            if message.qos:
                self.client.ack(message.mid, message.qos)
        self._pending = []

    def _take(self, message, found, aside, now):
        payload = bytes(message.payload)
        try:
            topic = message.topic
        except UnicodeDecodeError:
            # Not every broker looks at that; who sends it must not end us again and again.
            aside.append((Message("", payload), "", Fault("form", "its topic is no text")))
            return
        kept = Message(topic, payload)
        for each in self.states:
            device = each.device(topic)
            try:
                if device is not None and self._state(device, payload, message.retain, now):
                    return
            except Bad as error:
                aside.append((kept, device, error.fault))
                return
        number, device = self._which(topic)
        rows, faults = records.parse(payload, self.zone, now, device or "")
        if rows and self._twice(rows[0].device, number, topic, now):
            faults = [Fault("twice", "IMEI %s comes on %s, too" % (rows[0].device, topic))]
            rows = []
        if rows:
            self._seen.setdefault(rows[0].device, {})["last_seen"] = now
        found += [(row, kept) for row in rows]
        aside += [(kept, device or (rows[0].device if rows else ""), fault) for fault in faults]

    def _which(self, topic):
        for number, each in enumerate(self.filters + self.states):
            device = each.device(topic)
            if device is not None:
                return number, device
        return -1, ""

    def _twice(self, device, number, topic, now):
        """Whether this device was heard on another topic a short time ago: then there are two of them."""
        known, when = self._topics.get((device, number), (topic, 0))
        if known != topic and now - when < _TWICE_S:
            return True
        self._topics[device, number] = topic, now
        self._topics.move_to_end((device, number))
        if len(self._topics) > _REMEMBERED:
            self._topics.popitem(last=False)
        return False

    def _state(self, device, payload, retained, now):
        """Take what a device tells of itself; False: it is a record. Bad.

        `retained`: the broker tells what it keeps, but not when the device said it and whether it is still there.
        """
        if not payload:
            return True  # what was retained is taken back
        told = records.load(payload)
        if "TYPE" in told and "TS" in told:
            return False
        name = records.imei({"IMEI": device, **told}, device)
        # It has gone: the broker says so.
        heard = {} if retained or told.get("STATE") == "offline" else {"last_seen": now}
        row = self._seen.setdefault(name, {})
        row.update(heard)
        if "STATE" in told:
            row["state"] = str(told["STATE"])
            if not retained:
                row["state_at"] = now
            if told["STATE"] == "online":
                row["online"] = records.dump(told)
        else:
            row["status"] = records.dump(told)
            if not retained:
                row["status_at"] = now
        return True

    def _report(self):
        if time.monotonic() - self._told_at > _REPORT_S:
            self._told_at = time.monotonic()
            self.say("fleet: " + self.summary())

    def summary(self):
        return ", ".join("%d %s" % (value, name) for name, value in self.count.items())


def add_arguments(parser):
    link.add_arguments(parser)
    add = parser.add_argument
    add(
        "--id",
        dest="ident",
        default="lector102-ingest",
        help="client id; another one for each ingester (%(default)s)",
    )
    add(
        "--group",
        default="",
        help="share the records with the ingesters of the same group (Mosquitto, EMQX, ...)",
    )
    add(
        "--records",
        action="append",
        metavar="TOPIC",
        help="where records come, may be repeated (%s)" % " ".join(link.RECORDS),
    )
    add(
        "--states",
        action="append",
        metavar="TOPIC",
        help="where devices tell about themselves (%s)" % " ".join(link.STATES),
    )
    add("--zone", default="Europe/Madrid", help="of the meters (%(default)s)")
    add("--batch", type=between(1, 65535), default=_BATCH, help="most messages in a transaction (%(default)s)")


def main(args):
    ingest = Ingest(args, lambda text: print(text, flush=True))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ingest.stop)
    ingest.run()
    print("fleet: ended; " + ingest.summary(), flush=True)
    return 0
