"""What is verified is what runs: an update from a server that answers each of its requests with every other thing.

The device may refuse, or take the release that was signed; nothing else ever becomes a version. What it did is the
table of docs/update.md, word for word.
"""

import asyncio
import random
import re
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import pytest

import boot
from firmware.core import overlay
from firmware.core.compat import ticks_ms
from firmware.core.flash_gate import Gate
from firmware.update import order, slots
from firmware.update.release import HEAD_MOST
from firmware.update.source import OrderError, UpdateError
from firmware.update.updater import Updater
from tests.host.support import hostile_web, virtual_time
from tests.host.support.hostile_web import (
    OPEN,
    RESET,
    endless,
    head,
    ranged,
    said,
    slowly,
    span,
    whole,
)
from tools import release

ROOT = Path(__file__).resolve().parents[4]
SIZE = 40000


def filling(seed):
    """Files of a version that deflate makes no smaller; with the seeds used here all are as long as each other."""
    return {
        "firmware/app/main.mpy": random.Random(seed).randbytes(SIZE),
        "firmware/a/b.mpy": b"b" * 99,
        "lib/umqtt/simple.mpy": b"",
    }


@pytest.fixture(scope="module")
def releases():
    """The key's public half (text) and releases: what runs, what is offered, and what a server might give instead."""
    key, stranger = release.generate(2048), release.generate(2048)
    found = {"key": release.public_text(key)}
    for name, who, serial, seed in (("old", key, 300, 1), ("good", key, 400, 2), ("older", key, 200, 15),
                                    ("newer", key, 500, 19), ("strange", stranger, 600, 22)):  # fmt: skip
        found[name] = release.assemble(filling(seed), who, "2." + name[0], serial)
    assert len({len(data) for data in found.values()} - {len(found["key"])}) == 1
    found["swapped"] = hostile_web.swapped(found["good"], b"app")
    return found


# words for docs -> what a server says: talk(releases, asked)
ANSWERS = {
    "what was asked for": lambda r, asked: ranged(r["good"], asked),
    "200 and the whole file": lambda r, asked: whole(r["good"]),
    "200 and own code before the signed body": lambda r, asked: whole(r["swapped"]),
    "206 and own code before the signed body": lambda r, asked: ranged(r["swapped"], asked),
    "200 and a stranger's release": lambda r, asked: whole(r["strange"]),
    "206 and a stranger's release": lambda r, asked: ranged(r["strange"], asked),
    "200 and an older release": lambda r, asked: whole(r["older"]),
    "200 and a newer release": lambda r, asked: whole(r["newer"]),
    "206 and a newer release": lambda r, asked: ranged(r["newer"], asked),
    "206 under another ETag": lambda r, asked: ranged(r["newer"], asked, tag='"%d"' % asked[0]),
    "200 and any other file": lambda r, asked: whole(b"<html>" * 2000),
    "a bit flipped": lambda r, asked: ranged(flipped(r["good"], asked), asked),
    "a shorter file, right up to its end": lambda r, asked: whole(r["good"][:-10]),
    "a longer file, right up to that end": lambda r, asked: whole(r["good"] + b"x" * 10),
    "206 of a shorter file": lambda r, asked: ranged(r["good"][:-10], asked),
    "206 of a longer file": lambda r, asked: ranged(r["good"] + b"x" * 10, asked),
    "another range than asked for": lambda r, asked: ranged(r["good"], (asked[0] + 7, asked[1])),
    "another range under the right numbers": lambda r, asked: ranged(r["good"], asked, body=shifted(r["good"], asked)),
    "more than asked for": lambda r, asked: ranged(r["good"], (asked[0], None)),
    "more than the length tells": lambda r, asked: ranged(
        r["good"], asked, length=length(r, asked), body=part(r, asked) + b"x" * 5000
    ),
    "less than the length tells": lambda r, asked: ranged(
        r["good"], asked, length=length(r, asked), body=part(r, asked)[:100]
    ),
    "one byte at a time, each in an answer of its own": lambda r, asked: ranged(r["good"], (asked[0], asked[0])),
    "1000 bytes at a time": lambda r, asked: ranged(
        r["good"], (asked[0], min(asked[0] + 999, asked[1] or SIZE * 2))
    ),
    "a range that ends before it begins": lambda r, asked: ranged(r["good"], asked, where="bytes 9-3/40000"),
    "a range beyond the file": lambda r, asked: ranged(
        r["good"], asked, where="bytes %d-%d/9" % span(r["good"], asked)
    ),
    "a range in words": lambda r, asked: ranged(r["good"], asked, where="bytes all"),
    "no range": lambda r, asked: said(head("206 Partial Content", "Content-Length: 99") + b"x" * 99),
    "Content-Length: -3": lambda r, asked: whole(r["good"], length=-3),
    "206 and Content-Length: -3": lambda r, asked: ranged(r["good"], asked, length=-3),
    "Content-Length with 30 digits": lambda r, asked: whole(r["good"], length="9" * 30),
    "Content-Length: 999999999, and as much": lambda r, asked: endless(
        b"x" * 3000, 10, head("200 OK", "Content-Length: 999999999")
    ),
    "Content-Length: 0": lambda r, asked: whole(b""),
    "Content-Length: ten": lambda r, asked: whole(r["good"], length="ten"),
    "two lengths": lambda r, asked: whole(r["good"], "Content-Length: 99"),
    "no length": lambda r, asked: whole(r["good"], length=""),
    "in chunks": lambda r, asked: whole(r["good"], "Transfer-Encoding: chunked"),
    "302 to another server": lambda r, asked: said(head("302 Found", "Location: https://cdn.example/x.rel?key=1")),
    "302 to where it is": lambda r, asked: said(head("302 Found", "Location: http://server/firmware.rel")),
    "301 to nowhere": lambda r, asked: said(head("301 Moved Permanently")),
    "404": lambda r, asked: said(head("404 Not Found", "Content-Length: 0")),
    "401": lambda r, asked: said(head("401 Unauthorized", "WWW-Authenticate: Basic")),
    "416": lambda r, asked: said(head("416 Range Not Satisfiable", "Content-Length: 0")),
    "204": lambda r, asked: said(head("204 No Content")),
    "503": lambda r, asked: said(head("503 Service Unavailable", "Retry-After: 0", "Content-Length: 0")),
    "100 for ever": lambda r, asked: endless(head("100 Continue"), 5),
    "103, then what was asked for": lambda r, asked: chain(
        said(head("103 Early Hints", "Link: </a>"), OPEN), ranged(r["good"], asked)
    ),
    "another protocol": lambda r, asked: said(b"220 mail.example ESMTP\r\n", OPEN),
    "a status of letters": lambda r, asked: said(b"HTTP/1.1 OK fine\r\n\r\n"),
    "Latin-1 in the head": lambda r, asked: ranged(r["good"], asked, "Server: Espa\xf1a \xff\xfe"),
    "a head of 5 KB": lambda r, asked: ranged(r["good"], asked, "Content-Security-Policy: " + "x" * 5000),
    "a head without an end": lambda r, asked: endless(b"X-A: b\r\n" * 50, 10, b"HTTP/1.1 200 OK\r\n"),
    "a line without an end": lambda r, asked: endless(b"x" * 400, 10, b"HTTP/1.1 200 OK\r\nX-A: "),
    "a head of a byte each 20 s": lambda r, asked: slowly(joined(ranged(r["good"], asked)), 20000),
    "a body of a byte a minute": lambda r, asked: slow_body(r, asked, 60000),
    "a body of a byte each 20 s": lambda r, asked: slow_body(r, asked, 20000),
    "a body of 100 bytes each 20 s": lambda r, asked: slow_body(r, asked, 20000, 100),
    "silence": lambda r, asked: said(b"", OPEN),
    "a head, then silence": lambda r, asked: [next(ranged(r["good"], asked))],
    "the end at once": lambda r, asked: said(b""),
    "a reset in its head": lambda r, asked: said(b"HTTP/1.1 20", RESET),
    "a reset after 3000 bytes": lambda r, asked: said(joined(ranged(r["good"], asked))[:3000], RESET),
    "200 each time, a reset after 9000 bytes": lambda r, asked: said(joined(whole(r["good"]))[:9000], RESET),
    "no connection": None,
}  # fmt: skip


def joined(answer):
    return b"".join(piece for _, piece in [*answer][:-1])


def part(r, asked):
    first, last = span(r["good"], asked)
    return r["good"][first : last + 1]


def length(r, asked):
    return len(part(r, asked))


def flipped(data, asked):
    data = bytearray(data)
    data[asked[0] + 300] ^= 4
    return bytes(data)


def shifted(data, asked):
    first, last = span(data, asked)
    return data[first + 1 : last + 1] + b"x"


def slow_body(r, asked, ms, size=1):
    pieces = [piece for _, piece in [*ranged(r["good"], asked)][:-1]]
    yield 0, pieces[0]
    yield from slowly(pieces[1], ms, size)


def laid(root, releases, answers, number):
    """A device in the folder `root`, and for its server: talk() that gives answers[0] from request `number` on."""
    for name, folder in (("old", "app.a"), ("older", "app.b")):
        slots.clear(root, folder)
        Path(root, folder, slots.PACK).write_bytes(releases[name])
        slots.seal(root, folder, {"version": name, "serial": 300})
    slots.switch(root, "app.a", "ok")
    Path(root, "release.pub").write_text(releases["key"])

    def talk(count, asked):
        # Before a request is known, whether the connection comes about is all that counts.
        if count < number:
            return ranged(releases["good"], asked) if asked else ()
        if ANSWERS[answers[0]] is None:
            return None
        return ANSWERS[answers[0]](releases, asked) if asked else ()

    return talk


def attacked(root, releases, answer, number):
    """Update the device from a server that answers like that from request `number` on: (the Server, why the update did
    not happen or "", virtual minutes).
    """
    talk = laid(root, releases, [answer], number)
    server = hostile_web.Server(talk)
    random.seed(3)

    async def main():
        try:
            version = await Updater(root, server).run("http://server/firmware.rel")
            assert version == "2.g" or releases["newer"] == Path(root, "app.b", slots.PACK).read_bytes()
            return "", ticks_ms() / 60000
        except UpdateError as error:
            return str(error), ticks_ms() / 60000

    problem, minutes = virtual_time.run(main(), limit_s=7 * 3600)
    return server, problem, minutes


def did(server, problem, minutes):
    """What the device did, as the table has it."""
    return "%s (%d, %s)" % (problem or "**takes it**", len(server.requests), "%d min" % round(minutes))


@pytest.fixture(scope="module")
def table(releases, tmp_path_factory):
    """{answer: [what the device did when it was the answer to its first request and all that follow, from the second
    on]}; nothing but signed bytes is ever started, whatever was answered."""
    top = tmp_path_factory.mktemp("devices")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        for answer in ANSWERS:
            for number in (0, 1):
                root = top / ("%d %d" % (len(found), number))
                root.mkdir()
                patch.chdir(root)
                server, problem, minutes = attacked(str(root), releases, answer, number)
                held(root, releases, server, problem, answer)
                found.setdefault(answer, []).append(did(server, problem, minutes))
    return found


def held(root, releases, server, problem, answer):
    """What has to be so whatever was answered."""
    folder, _ = boot.choose()
    runs = Path(root, folder, slots.PACK).read_bytes()
    if problem:
        assert (folder, runs) == ("app.a", releases["old"]), answer
        # What lies there of another version has no manifest, or is the one that was there before.
        if slots.complete(str(root), "app.b"):
            assert Path(root, "app.b", slots.PACK).read_bytes() == releases["older"], answer
    else:
        assert folder == "app.b" and runs in (releases["good"], releases["newer"]), answer
        assert boot._pack == "right"
    for left, most in ((root / "update.bin", HEAD_MOST), (root / "app.b" / slots.PACK, len(releases["good"]))):
        assert not left.exists() or left.stat().st_size <= most, answer
    assert not server.open, answer
    # An attacker may cost a device some of its data volume, not all of it.
    assert len(server.requests) <= 60 and server.sent < 12 * len(releases["good"]), (answer, len(server.requests))


def test_the_table_in_the_docs_is_what_the_device_does(table):
    lines = ["| %s | %s | %s |" % (answer, *did) for answer, did in table.items()]
    text = (ROOT / "docs" / "update.md").read_text()
    missing = [line for line in lines if line not in text.splitlines()]
    assert not missing, "docs/update.md does not have:\n" + "\n".join(lines)
    assert len(re.findall(r"^\| .* \| .* \(\d+, \d+ min\) \|$", text, re.M)) == len(lines)


# --- an order that is stopped


class Device:
    """What an Order wants of the App (services.py), with room for it at once."""

    guard = object()
    order = mqtt = None

    def __init__(self, root, server):
        self.board = SimpleNamespace(root=root, feed=lambda: None)
        self.link = SimpleNamespace(socket=server, up=self.up)
        self.gate = Gate()
        self.restarts = []

    async def up(self, _deadline_ms):
        return True

    def restart(self, reason):
        self.restarts.append(reason)


# (what the server says, seconds until the order is stopped, whether it is under way by then); None: before its first
# turn, by the next line of the same message
MOMENTS = [
    ("silence", None, True), ("silence", 0, True), ("no connection", 10, True), ("a head, then silence", 20, True),
    ("a body of 100 bytes each 20 s", 400, True), ("503", 30, True), ("404", 30, False),
]  # fmt: skip


@pytest.mark.parametrize("answer, seconds, runs", MOMENTS)
def test_an_order_is_stopped_at_any_moment_and_another_is_taken(tmp_path, releases, answer, seconds, runs):
    root = str(tmp_path)
    answers = [answer]
    talk = laid(root, releases, answers, 0)
    device = Device(root, hostile_web.Server(talk))

    async def main():
        order.begin(device, "http://server/firmware.rel")
        with pytest.raises(OrderError, match="under way"):
            order.begin(device, "http://server/other.rel")
        if seconds is not None:
            await asyncio.sleep(seconds)
        if runs:
            order.stop(device)
        with pytest.raises(OrderError):
            order.stop(device)
        await asyncio.sleep(1)
        assert device.order is None and not overlay.running[2] and not device.link.socket.open
        left = slots.read_text(root + "/update.txt", 400)
        assert left.endswith("stopped by a command") == runs and left
        assert not (slots.exists(root + "/update.bin") or slots.exists(root + "/update.bin.tag"))
        answers[0] = "what was asked for"
        order.begin(device, "http://server/firmware.rel")
        await asyncio.sleep(60)
        assert device.restarts == ["update to 2.g"]

    virtual_time.run(main())
    assert Path(root, "app.b", slots.PACK).read_bytes() == releases["good"]


def test_what_makes_way_again_and_again_is_not_given_for_ever_either(tmp_path, releases, monkeypatch):
    """The heap is wanted all the time, and the server brings a byte now and then: that ends by the same deadline."""
    talk = laid(str(tmp_path), releases, ["a body of a byte each 20 s"], 0)
    device = Device(str(tmp_path), hostile_web.Server(talk))
    monkeypatch.setattr(overlay, "wanted", 1)

    async def main():
        order.begin(device, "http://server/firmware.rel")
        while device.order:
            await asyncio.sleep(10)

    virtual_time.run(main(), limit_s=2 * 3600)
    assert "the server is too slow" in slots.read_text(str(tmp_path) + "/update.txt", 400)
    assert len(device.link.socket.requests) < 200
