"""The audit log: who did what on the device, when, and what came of it; files that make way for each other.

Whoever has something to say notes it (`log.note()`); here it is written, and this is loaded for that alone. A file
holds lines of `[number, UTC, told, times, who, what, result] CRC-32`, a JSON array each. Numbers ascend whatever the
clock does, UTC is 0 while nobody has set it, `told` the last number that had arrived on the topic before this. Where
`who` is empty, `what` is the number of an entry that came `times` times more. The file's name is the number of its
first line. One that is full is followed by the next, and the oldest goes before it comes: there are never more than
`audit.size` says.

A flash that is written too often wears out. What came before, of the last few entries, is counted and told after an
hour; and there is a write each minute, of which sixteen may be saved up. Nothing waits when the device restarts.
"""

import json
import os
from binascii import crc32

from firmware.core import log
from firmware.core.compat import monotonic_s
from firmware.core.zone import iso

_FILE = const(4096)
# More lines than a file can have: a number beyond those of one that cannot be read.
_LINES = const(160)
_LONGEST = const(1024)  # bytes of a line
_KNOWN = const(4)  # entries that are known again
_MANY = const(8)  # new ones that are written whatever it costs
_MOST = const(16)  # entries that are kept while the flash takes none
_NOTED = const(16)  # as core/log.py
_MINUTE_S = const(60)
_SAVED_S = const(900)
_HOUR_S = const(3600)
_NEVER_S = const(0x3FFFFFFF)
_SEND_S = const(10)
# Handed to the topic at a time; no answer to a command may have to wait for them.
_SEND = const(4)
# Letters of who, what and result.
_TEXTS = const((150, 200, 100))


# What is known of the files, a list: an object of a class of ours would keep all of this in memory. Name of the newest
# one, None: they have to be looked at; its bytes; number of the next entry; the last one handed to the topic; the last
# one that arrived there; seconds up to which the writes are used up; and a list of [what makes another one the same
# (CRC-32), times not written yet, monotonic seconds of the last one, what was noted or, once written, its number,
# seconds of the writing].
_NAME = const(0)
_SIZE = const(1)
_NEXT = const(2)
_SENT = const(3)
_TOLD = const(4)
_LIMIT = const(5)
_KNOWN_AT = const(6)


def new():
    """What an App keeps of it; made early, while there is room in one piece."""
    return [None, 0, 0, 0, 0, -_SAVED_S, []]


def _look(state, folder):
    """Find the end of what is written."""
    state[_NAME:_LIMIT] = [0, _FILE, 1, 0, 0]
    found = names(folder)
    for name in reversed(found):
        if _look_at(state, folder, name, name == found[-1]):
            break
    state[_SENT] = state[_TOLD]


def _look_at(state, folder, name, newest):
    """Read a file; whether there was an entry in it."""
    number, size, good, line = name, 0, False, b"\n"
    try:
        with open("%s/%d" % (folder, name), "rb") as file:
            while True:
                got = file.readline(_LONGEST)
                if not got:
                    break
                line = got
                size += len(line)
                entry = decode(line)
                number += 1
                if entry:
                    good, number, state[_TOLD] = True, entry[0] + 1, entry[2]
    except OSError as error:
        log.warn("audit", "%d cannot be read: %s", name, error)
        number, line = name + _LINES, b""
    if newest:
        # What has no end is not gone on with.
        state[_NAME:_SENT] = [name, size if line[-1:] == b"\n" else _FILE, number]
    return good


def names(folder):
    """Names of the files as numbers, the oldest first."""
    try:
        found = [int(name) for name in os.listdir(folder) if len(name) < 10 and not name.strip("0123456789")]
    except OSError:
        found = []  # nothing has been written yet
    return sorted(found)


def decode(line):
    """The entry in a line, or None: it is damaged. An end of line may have been lost before it."""
    at = line.find(b"[")
    while at >= 0:
        text = line[at:-10]
        if line[-10:] == _crc(text):
            return _checked(text)
        at = line.find(b"[", at + 1)
    return None


def _checked(text):
    """What another version may have written has to be one, too; what it has more of is nobody's."""
    try:
        entry = json.loads(text)[:7]
        for number in entry[:4]:
            if not isinstance(number, int) or not 0 <= number < 1 << 32:
                return None
        return entry if len(entry) == 7 else None
    except (ValueError, TypeError, KeyError):
        return None


def _crc(text):
    return (" %08x\n" % crc32(text)).encode()


def _place(app):
    return app.board.root + "/audit"


def _state(app):
    state = app.audit = app.audit or new()
    if state[_NAME] is None:
        _look(state, _place(app))
    return state


# --- writing


def write(app, now=False):
    """Write what was noted; what is only counted yet after an hour, or `now`. What the flash does not take is tried
    again in a minute."""
    state = _state(app)
    known, moment = state[_KNOWN_AT], monotonic_s()
    for said in log.notes:
        _count(known, said)
    if len(log.notes) == _NOTED:
        _count(known, ("device", "perhaps more than could be kept", moment))
    log.notes.clear()
    if now and app.restart_reason:
        _count(known, ("device", "restart", app.restart_reason, moment))
    log.due = _NEVER_S
    old = len(known) - _KNOWN
    lines, fresh = [], 0
    for at, item in enumerate(known):
        new = not isinstance(item[3], int)
        fresh += new
        if item[1] and (new or now or at < old or moment - item[4] >= _HOUR_S):
            lines.append((item, _line(app, item, moment, state[_NEXT] + len(lines))))
        elif item[1]:
            log.due = min(log.due, item[4] + _HOUR_S)
    until = max(state[_LIMIT], moment - _SAVED_S)
    if until > moment and fresh < _MANY and not app.restart_reason:
        log.due = until if lines else log.due
        return
    number = state[_NEXT]
    try:
        _append(app, state, [line for _, line in lines])
    except OSError as error:
        log.error("audit", "not written: %s", error)
        state[_NAME] = None
        log.due = moment + _MINUTE_S
        return
    if lines:
        state[_LIMIT] = until + _MINUTE_S
    for item, _ in lines:
        item[1:] = [0, item[2], item[3] if isinstance(item[3], int) else number, moment]
        number += 1
    del known[: max(old, 0)]


def _count(known, said):
    """Count what is the same as something known, else put it there. The last of a full list stands for the rest."""
    key = crc32((said[3] if len(said) > 4 else said[0] + said[1]).encode())
    for item in known:
        if item[0] in (key, 0):
            item[1:3] = item[1] + 1, said[-1]
            return
    if len(known) == _MOST - 1:
        key, said = 0, ("device", "more than could be kept", said[-1])
    known.append([key, 1, said[-1], said])


def _line(app, item, now, number):
    """The line of a known item."""
    _, times, last, said = item[:4]
    utc = app.clock.utc()
    entry = [number, utc and utc - now + last, app.audit[_TOLD], times]
    if isinstance(said, int):
        entry += ["", said, ""]
    else:
        said = said[:-1] + ("",)
        if said[1] == "retain":
            said = said[0], "a command published with retain", "not carried out"
        log.info("audit", "%s: %s", *said[:2])
        entry += [said[at][: _TEXTS[at]] for at in range(3)]
    text = json.dumps(entry).encode()
    return text + _crc(text)


def _append(app, state, lines):
    """Each file in one write, which is durable or has not been. OSError."""
    data = b""
    for line in lines:
        if state[_SIZE] + len(data) + len(line) > _FILE:
            _put(app, state, data)
            data = b""
            _begin(app, state)
        data += line
        state[_NEXT] += 1
    _put(app, state, data)


def _put(app, state, data):
    if data:
        with open("%s/%d" % (_place(app), state[_NAME]), "ab") as file:
            file.write(data)
        state[_SIZE] += len(data)


def _begin(app, state):
    """A new file, in the place of the oldest one where there are enough."""
    folder = _place(app)
    found = names(folder)
    if not found:
        try:
            os.mkdir(folder)
        except OSError:
            pass  # it is there
    for name in found[: max(len(found) + 1 - (app.config.get("audit.size") << 10) // _FILE, 0)]:
        os.remove("%s/%d" % (folder, name))
    state[_NAME], state[_SIZE] = state[_NEXT], 0


# --- reading


def read(app, count):
    """Yield the newest `count` entries, the oldest of them first: [number, UTC, …]. Of the damaged ones none.

    No file stays open in between: others may be written.
    """
    first = _state(app)[_NEXT] - count
    folder = _place(app)
    found = names(folder)
    for which, name in enumerate(found):
        at = 0
        while at is not None and (which + 1 == len(found) or found[which + 1] > first):
            at, entry = _at("%s/%d" % (folder, name), at)
            if entry and entry[0] >= first:
                yield entry


def _at(path, at):
    """(where the next line is or None, the entry at `at` or None)."""
    try:
        with open(path, "rb") as file:
            file.seek(at)
            line = file.readline(_LONGEST)
    except OSError:
        line = b""  # it has made way meanwhile, or cannot be read
    return (at + len(line), decode(line)) if line else (None, None)


def told(entry):
    """An entry as a dict: N, TS (UTC, or "" while nobody has set the clock), WHO, WHAT, RESULT, and TIMES where it
    came more often than once; of further repetitions N, TS, TIMES and OF, the number of what was repeated."""
    number, utc, _, times, who, what, result = entry
    found = {"N": number, "TS": iso(utc) if utc else ""}
    if isinstance(what, int):
        found.update(TIMES=times, OF=what)
        return found
    found.update(WHO=who, WHAT=what, RESULT=result)
    if times > 1:
        found["TIMES"] = times
    return found


async def publish(app):
    """Hand a few entries to the topic, where there is one and it is reached; the others later."""
    get, expand, mqtt = app.config.get, app.config.expand, app.mqtt
    topic = expand(get("audit.topic"))
    # What comes back on a topic of commands would be taken for one.
    if not topic or topic in (expand(get("mqtt.at_topic")), expand(get("mqtt.at_topic2"))):
        return
    state = _state(app)
    ready = mqtt and mqtt.connected and not mqtt.replies_wait()
    if ready:
        state[_TOLD] = state[_SENT]  # the broker has confirmed them
    left = state[_NEXT] - 1 - state[_TOLD]
    if left <= 0:
        return
    log.due = monotonic_s() + _MINUTE_S
    if ready:
        for entry in read(app, left):
            if entry[0] > state[_TOLD] + _SEND:
                break
            await mqtt.reply(topic, json.dumps(dict(told(entry), IMEI=app.imei)))
        state[_SENT] = min(state[_TOLD] + _SEND, state[_NEXT] - 1)
        log.due += _SEND_S - _MINUTE_S
