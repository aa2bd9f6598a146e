"""AT commands to devices over the broker, and their answers; what `backfill` and `rollout` have in common."""

import queue
import re
import threading
import time
from collections import namedtuple

from tools import patience
from tools.fleet import link

OURS = "AT^MTXTUNNEL="
_SLICE_S = 0.5
_ERROR = re.compile(r'\+MTXERR: (\d+),"(.*)"')
# ok: whether the answer ends with OK; lines: of data; code, why: of +MTXERR, 0 and "" where the device tells none.
Answer = namedtuple("Answer", "ok lines code why")


class NoAnswer(Exception):
    """The device has not answered in time: it is offline, or takes no commands on this topic."""


def parse(payload, line):
    """The Answer in a message; None: it answers another line than `line`."""
    found = [each.strip() for each in bytes(payload).decode("utf-8", "replace").splitlines()]
    found = [each for each in found if each]
    if not found or found[-1] not in ("OK", "ERROR"):
        return None
    ok = found.pop() == "OK"
    if found and found[0].upper().startswith("AT"):
        if found[0].upper() != line.upper():
            return None  # somebody else asks, too
        del found[0]
    code, why = 0, ""
    for each in found:
        error = _ERROR.fullmatch(each)
        if error:
            code, why = int(error[1]), error[2]
    return Answer(ok, [each for each in found if not _ERROR.fullmatch(each)], code, why)


class Desk:
    """A connection for commands; `ask()` may be called from several threads, for a device from one at a time."""

    def __init__(self, args, ident="lector102-desk"):
        self._commands = link.Filter(args.at_topic)
        self._answers = link.Filter(args.atr_topic)
        self._inboxes = {}
        self._listeners = {}  # topic -> who is called with what comes there
        self.halt = threading.Event()  # set where all of it is to end: nobody is waited for any more
        self._lock = threading.Lock()
        self._ready = queue.Queue()  # why not, "" when it is
        # A name of its own for each run: two runs at a time must not throw each other out.
        self._client = link.client(args, "%s-%d" % (ident, time.time_ns() % 10**9))
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._take
        self._client.reconnect_delay_set(1, 30)
        link.connect(self._client, args)
        self._client.loop_start()
        try:
            why = patience.get(self._ready, 15)
        except queue.Empty:
            why = "the broker does not let us in"
        if why:
            self.close()
            raise link.LinkError(why)

    def _connected(self, client, _data, _flags, reason, _properties):
        if reason.is_failure:
            self._ready.put("the broker refuses us: %s" % reason)
        else:
            client.subscribe(self._answers.subscription, 1)
            with self._lock:
                topics = list(self._listeners)
            for topic in topics:
                client.subscribe(topic, 1)

    def _subscribed(self, _client, _data, _mid, reasons, _properties):
        refused = any(reason.is_failure for reason in reasons)
        self._ready.put("the broker does not let us subscribe to %s" % self._answers.subscription if refused else "")

    def listen(self, topic, call):
        """Hand what comes on another topic to `call(bytes)`; with None no more. No topic, or that of the answers:
        nothing."""
        if not topic or self._answers.device(topic) is not None:
            return
        with self._lock:
            if call:
                self._listeners[topic] = call
            else:
                self._listeners.pop(topic, None)
        if call:
            self._client.subscribe(topic, 1)
        else:
            self._client.unsubscribe(topic)

    def _take(self, _client, _data, message):
        with self._lock:
            listener = self._listeners.get(message.topic)
        if listener:
            listener(message.payload)
            return
        device = self._answers.device(message.topic)
        with self._lock:
            inbox = self._inboxes.get(device)
        if inbox and not message.retain:
            inbox.put(message.payload)

    def ask(self, device, line, seconds=30):
        """The Answer of `device` to one line, or to one with a text behind it (SAVECONFIG); NoAnswer."""
        first = line.partition("\n")[0]
        inbox = queue.Queue()
        with self._lock:
            self._inboxes[device] = inbox
        try:
            self._client.publish(self._commands.topic(device), line, qos=1)
            limit = patience.Limit(seconds)
            while not self.halt.is_set():
                try:
                    answer = parse(patience.get(inbox, min(limit.left(), _SLICE_S)), first)
                except queue.Empty:
                    if limit.passed():
                        raise NoAnswer("no answer within %d s" % seconds) from None
                    continue
                if answer:
                    return answer
            raise NoAnswer("ended before it has answered")
        finally:
            with self._lock:
                self._inboxes.pop(device, None)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


def add_arguments(parser):
    link.add_arguments(parser)
    parser.add_argument("--at-topic", default=link.COMMANDS, help="where devices take commands (%(default)s)")
    parser.add_argument("--atr-topic", default=link.ANSWERS, help="where they answer (%(default)s)")
