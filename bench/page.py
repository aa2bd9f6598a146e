"""The device's page: how much of it there is, what it takes of a middle board's heap, how long the first look takes.

Until the overview is there a browser asks for the page, what it is, the log in, the state, and the newest records.
That is done here on each way, by the same requests; the reference is the command GETSTATUS alone on the same way. A
meter is read every 15 s meanwhile, and the page asked again and again, as four tabs would: no reading may be late.
"""

import argparse
import contextlib
import json
import statistics
import tempfile
import time
import urllib.request
from pathlib import Path

from bench._rows import at_most, none, row
from tests.host.support.page_lab import Page
from tests.host.support.twin_lab import IDENT
from tools.fleet import desk
from tools.page import build, ways
from tools.page.server import Server

INTERVAL_S = 15
_LATE_MS = 1000
# What a middle board may have in use with the page served, bytes of a 64-bit heap of 550k.
_HEAP = 480_000


def run(quick=False):
    seconds = 35 if quick else 150
    packed = len_packed()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        lab = Page(folder, interval=INTERVAL_S, settings={"logger.time": "milliseconds"})
        stack.callback(lab.close)
        lab.open()
        lab.record(60)
        before = state(lab.tab())["heap"]
        rows = [at_most("the page, packed", packed, "bytes", "allowed", build.MOST)]
        rows += looks(lab, 2 if quick else 10)
        peak, late, seen = serve(lab, seconds)
        rows.append(row("heap in use after the first log in", before, "bytes"))
        rows.append(at_most("heap in use while the page is served", peak, "bytes", "bound", _HEAP))
        rows.append(none("readings late by more than 1 s, of %d" % seen, late))
        rows.append(none("starts of the device meanwhile", lab.twin.starts - 1))
    return rows


def len_packed():
    with tempfile.TemporaryDirectory() as folder:
        return build.build(Path(folder))


def state(tab):
    lines = tab.get("/api/status").json["lines"]
    found = dict(line.partition(": ")[::2] for line in lines)
    return {"heap": int(found["heap"]), "newest": int(found["log.newest"])}


# --- the first look


def looks(lab, count):
    """Rows of the three ways."""
    parser = argparse.ArgumentParser()
    desk.add_arguments(parser)
    broker = ways.Broker(parser.parse_args(["--broker", "mqtt://127.0.0.1:%d" % lab.port]), [IDENT])
    found = [first_look("on the device", lambda: on_device(lab), count)]
    for way in (ways.Cable(lab.twin.console.person), broker):
        server = Server(way)
        try:
            found.append(first_look("over the cable" if way.name == "cable" else "through the broker",
                                    lambda server=server: here(server), count))  # fmt: skip
        finally:
            server.close()
            way.close()
    return found


def first_look(name, look, count):
    times = [look() for _ in range(count)]
    whole, alone = (statistics.median(each) for each in zip(*times))
    return row("the overview %s" % name, whole * 1000, "ms", ("GETSTATUS alone", alone * 1000))


def on_device(lab):
    start = time.monotonic()
    assert lab.tab().get("/").status == 200
    tab = lab.tab()
    begin = time.monotonic()
    newest = state(tab)["newest"]
    alone = time.monotonic() - begin
    assert tab.at("GETRECORDS,%d,100" % max(1, newest - 11))["lines"]
    return time.monotonic() - start, alone


def here(server):
    start = time.monotonic()
    urllib.request.urlopen(server.url, timeout=60).close()
    asked(server, "api/about")
    begin = time.monotonic()
    lines = asked(server, "api/status")["lines"]
    alone = time.monotonic() - begin
    newest = int(next(line for line in lines if line.startswith("log.newest")).partition(": ")[2])
    text = "AT^MTXTUNNEL=GETRECORDS,%d,100" % max(1, newest - 11)
    assert asked(server, "api/at", {"text": text})["lines"]
    return time.monotonic() - start, alone


def asked(server, path, body=None):
    headers = {"Content-Type": "application/json", "Origin": server.url.rstrip("/")}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(
        urllib.request.Request(server.url + path + "?device=" + IDENT, data, headers), timeout=60
    ) as answer:
        text = answer.read()
    return json.loads(text)


# --- while it is served


def serve(lab, seconds):
    """(most bytes of heap in use, readings that were late, readings) while five tabs ask for what an overview does."""
    tabs = [lab.tab() for _ in range(4)]
    end, peak, at = time.monotonic() + seconds, 0, 0
    begin = len(lab.collect(1))
    while time.monotonic() < end:
        tab = tabs[at % len(tabs)]
        at += 1
        now = state(tab)
        peak = max(peak, now["heap"])
        tab.at("GETRECORDS,%d,100" % max(1, now["newest"] - 11))
        if at % 7 == 0:
            assert tab.get("/").status == 200 and tab.at("DOCTOR")["ok"]
        time.sleep(0.3)
    lab.collect(1)
    late = [each["TS"] for each in lab.records[begin:] if each["TS"] % (INTERVAL_S * 1000) > _LATE_MS]
    return peak, len(late), len(lab.records) - begin
