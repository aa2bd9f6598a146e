"""A signed release to a fleet in waves; stops when too many fail, goes on where it stopped, names who has not got it.

Who belongs to which wave, and how far each device is, stands in the table `rollout` under the version's name: the same
command again goes on. Devices that failed are not asked again unless `--retry` says so.
"""

import hashlib
import http.client
import math
import re
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Lock

from tools import release
from tools.fleet import desk, updating, words
from tools.fleet.store import open_store
from tools.options import between, number

WAVES = "1,10,100"
# Which boards take it (tools/pack.py); a device refuses the other one before it changes anything.
_FULL = "the full version: for all boards but a Pico W, which takes the file without -full in its name"
_BASE = "the base version: for a Pico W; all other boards take the file with -full in its name"
# What a device can be: waiting, ordered (under way), done, failed.
_ENDED = ("done", "failed")


class Stopped(Exception):
    """Too many have failed."""


class Rollout:
    """`ask` as in Backfill; `url`: where the devices fetch the version `version`.

    `limit`: the share of failures in percent, of all devices that the waves so far have; `patience_s`: how long one
    device may take; `poll_s`: between two questions.
    """

    def __init__(self, store, ask, version, url, *, limit=5, patience_s=7200, poll_s=30, at_once=10, say=print,
                 pause=None, halt=None):  # fmt: skip
        self.store = store
        self.ask = ask
        self.version = version
        self.url = url
        self.limit = limit
        self.patience_s = patience_s
        self.poll_s = poll_s
        self.at_once = at_once
        self.say = say
        # Set where all of it is to end: nobody is ordered or asked any more, and the table knows who is under way.
        self.halt = halt or Event()
        self.pause = pause or self.halt.wait
        self._lock = Lock()

    # --- the table

    def plan(self, devices, waves, retry=False):
        """Put the devices that are not in the table into their waves; `waves`: percents that rise to 100."""
        known = {row[0] for row in self._all("select device from rollout where name = ?", (self.version,))}
        new = sorted(
            set(devices) - known,
            key=lambda name: hashlib.sha256((self.version + name).encode()).digest(),
        )
        done = 0
        for wave, percent in enumerate(waves):
            most = math.ceil(len(new) * percent / 100)
            for name in new[done:most]:
                with self._lock:
                    self.store.do(
                        "insert into rollout values (?, ?, ?, 'waiting', '', ?)",
                        (self.version, name, wave, time.time()),
                    )
            done = max(done, most)
        if retry:
            with self._lock:
                self.store.do("update rollout set state = 'waiting', why = '' where name = ? and state = 'failed'",
                              (self.version,))  # fmt: skip

    def _all(self, sql, values):
        with self._lock:
            return self.store.all(sql, values)

    def states(self):
        """[(device, wave, state, why)]"""
        return self._all("select device, wave, state, why from rollout where name = ? order by wave, device",
                         (self.version,))  # fmt: skip

    def _note(self, device, state, why=""):
        with self._lock:
            self.store.do("update rollout set state = ?, why = ?, changed = ? where name = ? and device = ?",
                          (state, why, time.time(), self.version, device))  # fmt: skip

    # --- the waves

    def run(self):
        """All waves; Stopped."""
        for wave in sorted({row[1] for row in self.states()}):
            todo = [(row[0], row[2]) for row in self.states() if row[1] == wave and row[2] not in _ENDED]
            if todo:
                self.say("wave %d: %d devices" % (wave + 1, len(todo)))
            with ThreadPoolExecutor(self.at_once) as pool:
                try:
                    list(pool.map(lambda item, wave=wave: self._one(item[0], wave, item[1]), todo))
                except BaseException:
                    self.halt.set()  # or the pool waits until all of them have it
                    raise
            self._judge(wave)

    def _failures(self, wave):
        """(failed, all) of the waves up to this one."""
        rows = [row for row in self.states() if row[1] <= wave]
        return sum(row[2] == "failed" for row in rows), len(rows)

    def _judge(self, wave):
        failed, every = self._failures(wave)
        if failed * 100 > self.limit * every:
            raise Stopped("%d of %d devices failed: more than %g %%" % (failed, every, self.limit))

    def _update(self, name, state):
        each = updating.Updating(
            self.ask, name, self.version, self.url,
            ordered=lambda: self._note(name, "ordered"), halt=self.halt, under_way=state == "ordered",
        )  # fmt: skip
        return each.run(self.patience_s, self.poll_s, self.pause)

    def _one(self, name, wave, state):
        try:
            self._judge(wave)
        except Stopped:
            return  # it is not ordered any more; those that are under way come to their end
        try:
            why = self._update(name, state)
        except desk.NoAnswer as error:
            if self.halt.is_set():
                return
            why = str(error)
        except updating.Halted:
            return
        self._note(name, "failed" if why else "done", why or "")
        self.say("%s: %s" % (words.shown(name), words.shown(why or "has " + self.version)))


def waves_of(text):
    """[percent] of "1,10,100"; ValueError."""
    found = [float(word) for word in text.split(",")]
    if found != sorted(found) or not found[0] > 0 or found[-1] != 100 or len(set(found)) < len(found):
        raise ValueError("--waves: percents that rise to 100, not %s" % text)
    return found


def checked(source, public):
    """The device.Head of a release at an address or in a file, its signature checked as a device does; ValueError."""
    try:
        modulus = release.load_public(public)
        if "://" not in source:
            return release.read(source, modulus)[0]
        with TemporaryDirectory() as folder, urllib.request.urlopen(source, timeout=60) as answer:
            path = Path(folder) / "fetched.rel"
            path.write_bytes(answer.read(1 << 22))
            return release.read(path, modulus)[0]
    except (release.ReleaseToolError, http.client.HTTPException, OSError, ValueError) as error:
        raise ValueError("the release: %s" % error) from None


def add_arguments(parser):
    desk.add_arguments(parser)
    add = parser.add_argument
    add("url", help="where the devices fetch the release")
    add("--file", help="the release as a file, where this machine cannot fetch it from there")
    add("--public", default=release.PUBLIC, help="the key the devices check with (%(default)s)")
    add(
        "--device",
        action="append",
        help="only this one, may be repeated (default: all that the database knows)",
    )
    add("--waves", default=WAVES, help="percents (%(default)s)")
    add(
        "--limit",
        type=between(0, 100, kind=number),
        default=5,
        help="stop when more percent of the devices so far fail (%(default)s)",
    )
    add("--minutes", type=between(1), default=120, help="how long one device may take (%(default)s)")
    add(
        "--poll",
        type=between(0),
        default=30,
        metavar="SECONDS",
        help="between two questions (%(default)s)",
    )
    add("--at-once", type=between(1, 1000), default=10, help="devices under way at a time (%(default)s)")
    add("--retry", action="store_true", help="those that failed, too")


def main(args):
    waves = waves_of(args.waves)
    if not re.fullmatch(r"https?://\S+", args.url):
        raise ValueError("devices fetch from http://… or https://…, not from %s (--file is what this machine reads)"
                         % args.url)  # fmt: skip
    head = checked(args.file or args.url, args.public)
    version = head.version
    if head.full is not None:
        print(_FULL if head.full else _BASE)
    store = open_store(args.database, create=bool(args.device))
    names = args.device or [row[0] for row in store.all("select device from device order by device")]
    if not names:
        print("no device is known; `ingest` learns them, --device names one")
        return 1
    talk = desk.Desk(args)
    roll = Rollout(store, talk.ask, version, args.url, limit=args.limit, patience_s=args.minutes * 60,
                   poll_s=args.poll, at_once=args.at_once, halt=talk.halt)  # fmt: skip
    code = 0
    try:
        roll.plan(names, waves, args.retry)
        roll.run()
    except Stopped as stop:
        print("stopped: %s" % stop)
        code = 1
    except KeyboardInterrupt:
        print("ended; the same command goes on with it")
        code = 130
    finally:
        talk.close()
    print(report(roll))
    return code or int(any(row[2] != "done" for row in roll.states()))


def report(roll):
    """How many have it, and each that has not with the reason."""
    rows = roll.states()
    lines = ["%s: %d of %d devices have it" % (roll.version, sum(row[2] == "done" for row in rows), len(rows))]
    lines += [
        words.shown("%s  wave %d  %s  %s" % (name, wave + 1, state, why))
        for name, wave, state, why in rows
        if state != "done"
    ]
    return "\n".join(lines)
