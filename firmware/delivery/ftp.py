"""Delivers over FTP (RFC 959, 2428, 3659): the records of a day in one file of JSON lines, IMEI-YYYY-MM-DD.txt, UTC.

Loaded while something is to be sent (sender.py). The file is sent whole each time, under another name, and renamed:
so a repetition is harmless, and who fetches it finds it whole. Which records belong to it is noted at the cursor
before the first is sent (`marks`: number of its first record, its day, the last day there was): what stands in a file
on the server is never overwritten by less. Where that would be, since the log does not have its first records any more
or the clock went back, the rest gets a file of its own, with the number of its first record behind the day.
"""

from firmware.core.errors import BrokerError, LogError
from firmware.core.zone import Zone
from firmware.net.wire import Wire

_DAY = const(86400)
_PART = const(0x8000)  # beside the day: its file is called by the number of its first record, too
_SIZE = const(213)  # answers SIZE (RFC 3659, 4); not every server does, of files that may not be read, say
# Codes of errors (core/errors.py).
_NOT_UNDERSTOOD = const(333)
_ANSWERED = const(334)
_NO_LOGIN = const(335)
_IN_PART = const(337)


async def drain(sender):
    """Send the file of each day that has records which wait. OSError."""
    settings = sender.settings
    period = sender.now_period()
    wire = Wire(sender.sockets(), sender.feed, settings["timeout"] * 1000, sender.device.gate)
    data = Wire(sender.sockets(), sender.feed, settings["timeout"] * 1000, sender.device.gate)
    try:
        await _enter(wire, settings)
        sender.reached()
        while not settings["probe"]:
            found = await _file(sender)
            if not found:
                sender.period = period or None
                break
            await _store(wire, data, sender, *found)
            if sender.stops():
                break
        await _command(wire, "QUIT")
    finally:
        data.close()
        wire.close()


# --- which records


async def _file(sender):
    """(name, the number of its first record, its day) of the next file; None: nothing waits."""
    cursor = sender.cursor
    while True:
        first = sender.batch(1, 0)
        if not first:
            return None
        first = first[0][0]
        cursor.release(first)
        try:
            day = cursor.info(first)[1] // _DAY
            break
        except OSError as error:
            sender.drop(first, error)
    begin, known, last = cursor.marks
    if day != known & ~_PART or _gone(cursor, begin):
        # Another file. One of that name may be there already, unless no day was later.
        part = _PART if last and day <= last else 0
        cursor.marks[:] = first, day | part, max(day, last)
        cursor.dirty = True
        await sender.device.gate.wait()
        cursor.flush()
    begin, known, _ = cursor.marks
    date = Zone("UTC").to_local(day * _DAY)
    name = "%s-%04d-%02d-%02d" % (sender.settings["imei"], date[0], date[1], date[2])
    if known & _PART:
        name += "-%d" % begin
    return name + ".txt", begin, day


def _gone(cursor, seq):
    """Whether the log does not have a record any more."""
    try:
        cursor.info(seq)
    except OSError:
        return True
    return False


# --- the dialogue


async def _reply(wire):
    """(code, text) of a reply, the last line of it (RFC 959, 4.2). OSError."""
    line = await wire.line()
    code = line[:3]
    if len(code) < 3 or not code.isdigit():
        raise BrokerError(_NOT_UNDERSTOOD, wire.host)
    while line[3:4] == b"-" or line[:3] != code:
        line = await wire.line()
    return int(code), line


async def _command(wire, text, *good):
    """Send a command; the reply to it. BrokerError where its code is none of `good`, if there are any."""
    await wire.put(text + "\r\n")
    await wire.flush()
    code, line = await _reply(wire)
    if good and code not in good:
        raise BrokerError(_ANSWERED, "%d to %s" % (code, text.split(" ")[0]))
    return code, line


async def _enter(wire, settings):
    await wire.open(settings["host"], settings["port"])
    code, _ = await _reply(wire)
    if code != 220:
        raise BrokerError(_ANSWERED, code)
    if settings["trust"]:
        settings["trust"].ready()
        await _command(wire, "AUTH TLS", 234)
        wire.cover(settings["trust"])
        await _command(wire, "PBSZ 0", 200)
        await _command(wire, "PROT P", 200)
    code, _ = await _command(wire, "USER " + (settings["user"] or "anonymous"))
    if code == 331:
        code, _ = await _command(wire, "PASS " + settings["password"])
    if code // 100 != 2:
        raise BrokerError(_NO_LOGIN, code)
    await _command(wire, "TYPE I", 200)
    folder = settings["folder"]
    if folder and (await _command(wire, "CWD " + folder))[0] != 250:
        await _command(wire, "MKD " + folder, 257)
        await _command(wire, "CWD " + folder, 250)


async def _passive(wire, data):
    """Connect `data` to where the server says, at the address of `wire`: what PASV names may be one of another net."""
    code, line = await _command(wire, "EPSV")
    try:
        if code == 229:
            port = int(_within(line).split("|")[3])
        else:
            code, line = await _command(wire, "PASV", 227)
            words = _within(line).split(",")
            port = int(words[4]) * 256 + int(words[5])
    except (ValueError, IndexError):
        raise BrokerError(_NOT_UNDERSTOOD, wire.host) from None
    address = wire.address
    await data.open(wire.host, port, address=(address[0], port) if isinstance(address, tuple) else None)


def _within(line):
    """What stands in parentheses."""
    return line.partition(b"(")[2].partition(b")")[0].decode()


async def _store(wire, data, sender, name, first, day):
    """Send one file, and acknowledge what is in it. OSError."""
    part = name + ".part"
    await _passive(wire, data)
    await _command(wire, "STOR " + part, 150, 125)
    if sender.settings["trust"]:
        data.cover(sender.settings["trust"])
    sender.requests += 1
    size, ranges = await _lines(data, sender, first, day)
    await data.flush()
    data.close()
    await wire.flush()  # its answer has its time from now on
    code, _ = await _reply(wire)
    # The end of the connection is that of the file (RFC 959, 3.4.1): a server says 226 to what a line that was cut has
    # let through as well. Others do not like how the data ended, and have all of it.
    found, line = await _command(wire, "SIZE " + part)
    try:
        there = int(line[4:]) if found == _SIZE else None
    except ValueError:
        there = None
    if code not in (226, 250) and there != size:
        raise BrokerError(_ANSWERED, "%d to STOR" % code)
    if there not in (size, None):
        raise BrokerError(_IN_PART, there, size)
    await _command(wire, "RNFR " + part, 350)
    if (await _command(wire, "RNTO " + name))[0] != 250:
        # Some do not rename over a file that is there; the other one has all that is in it, and stays until then.
        await _command(wire, "DELE " + name)
        await _command(wire, "RNFR " + part, 350)
        await _command(wire, "RNTO " + name, 250)
    await sender.done(seq for first, last in ranges for seq in range(first, last + 1))


async def _lines(data, sender, first, day):
    """Send the records of a day from the number `first` on: (bytes, ranges of numbers of which none was done)."""
    cursor = sender.cursor
    size, ranges = 0, []
    for seq in range(first, cursor.last + 1):
        try:
            kind, utc, length = cursor.info(seq)
            if utc // _DAY > day:
                break
            if utc // _DAY != day or not sender.wants(kind):
                continue
            record = sender.read((seq, length))
        except LogError as error:
            sender.drop(seq, error)
            continue
        await data.put(record)
        await data.put(b"\n")
        size += length + 1
        if not cursor.acks.has(seq):
            if ranges and ranges[-1][1] == seq - 1:
                ranges[-1][1] = seq
            else:
                ranges.append([seq, seq])
    return size, ranges
