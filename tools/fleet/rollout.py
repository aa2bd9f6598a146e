"""A signed release to a fleet in waves; stops when too many fail, goes on where it stopped, names who has not got it.

Who belongs to which wave, and how far each device is, stands in the table `rollout` under the version's name: the same
command again goes on. Devices that failed are not asked again unless `--retry` says so.
"""

import hashlib
import math
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from tools import release
from tools.fleet import desk
from tools.fleet.store import open_store
from tools.options import between

WAVES = "1,10,100"
_CODES = {
    3: "not allowed over MQTT: mqtt.commands wants UPDATE (docs/settings.md, who may do what)",
    7: "busy with another update, or on trial itself",
}
# What a device can be: waiting, ordered (under way), done, failed.
_ENDED = ("done", "failed")
_ORDERS = 2


class Stopped(Exception):
    """Too many have failed."""


class Rollout:
    """`ask` as in Backfill; `url`: where the devices fetch the version `version`.

    `limit`: the share of failures in percent, of all devices that the waves so far have; `patience_s`: how long one
    device may take; `poll_s`: between two questions.
    """

    def __init__(self, store, ask, version, url, *, limit=5, patience_s=7200, poll_s=30, at_once=10, say=print,
                 pause=time.sleep):  # fmt: skip
        self.store = store
        self.ask = ask
        self.version = version
        self.url = url
        self.limit = limit
        self.patience_s = patience_s
        self.poll_s = poll_s
        self.at_once = at_once
        self.say = say
        self.pause = pause
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
        for number, percent in enumerate(waves):
            most = math.ceil(len(new) * percent / 100)
            for name in new[done:most]:
                with self._lock:
                    self.store.do(
                        "insert into rollout values (?, ?, ?, 'waiting', '', ?)",
                        (self.version, name, number, time.time()),
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
            todo = [row[0] for row in self.states() if row[1] == wave and row[2] not in _ENDED]
            if todo:
                self.say("wave %d: %d devices" % (wave + 1, len(todo)))
            with ThreadPoolExecutor(self.at_once) as pool:
                list(pool.map(lambda name, wave=wave: self._one(name, wave), todo))
            self._judge(wave)

    def _failures(self, wave):
        """(failed, all) of the waves up to this one."""
        rows = [row for row in self.states() if row[1] <= wave]
        return sum(row[2] == "failed" for row in rows), len(rows)

    def _judge(self, wave):
        failed, every = self._failures(wave)
        if failed * 100 > self.limit * every:
            raise Stopped("%d of %d devices failed: more than %g %%" % (failed, every, self.limit))

    def _one(self, name, wave):
        try:
            self._judge(wave)
        except Stopped:
            return  # it is not ordered any more; those that are under way come to their end
        try:
            why = self._update(name)
        except desk.NoAnswer as error:
            why = str(error)
        self._note(name, "failed" if why else "done", why or "")
        self.say("%s: %s" % (name, why or "has " + self.version))

    # --- one device

    def _update(self, name):
        """ "" when the device runs the version and has confirmed it, else why not."""
        orders = 0
        end = time.monotonic() + self.patience_s
        silent = ""
        while time.monotonic() < end:
            try:
                start = self._section(name, "start")
                if self._runs(name):
                    if start.get("trial") != "true":
                        return ""
                elif orders and start.get("mode") not in ("normal", None):
                    return "went back to %s: %s" % (start.get("version"), start.get("why"))
                else:
                    update = self._section(name, "update")
                    if orders and update.get("state") == "failed":
                        return update.get("error") or "failed"
                    if update.get("state") in ("idle", "failed", None):
                        # It was restarted on the way, or has tried the version and gone back: the next time shows.
                        if orders == _ORDERS:
                            return "ordered %d times and not there; its last start: %s" % (
                                orders,
                                start.get("why"),
                            )
                        why = self._order(name)
                        if why:
                            return why
                        orders += 1
                        self._note(name, "ordered")
                silent = ""
            except desk.NoAnswer as error:
                if not orders:
                    raise
                silent = str(error)  # it starts again, or has no coverage
            self.pause(self.poll_s)
        return silent or "not done within %d min" % (self.patience_s // 60)

    def _runs(self, name):
        lines = self.ask(name, desk.OURS + "VERSION").lines
        return bool(lines) and lines[-1].split()[-1] == self.version

    def _section(self, name, section):
        """GETSTATUS of a section as {"state": "idle"}."""
        lines = self.ask(name, "%sGETSTATUS,%s" % (desk.OURS, section)).lines
        pairs = (line.partition(": ") for line in lines)
        return {key[len(section) + 1 :]: value for key, _, value in pairs if key.startswith(section + ".")}

    def _order(self, name):
        answer = self.ask(name, "%sUPDATE,%s" % (desk.OURS, self.url))
        if answer.ok:
            return ""
        if answer.code:
            return _CODES.get(answer.code) or answer.why
        # Without device.mtxerr the answer has no reason; who may update can be looked up.
        lines = self.ask(name, desk.OURS + "GETPARAM,mqtt.commands").lines
        granted = lines[-1].rpartition(":")[2].strip() if lines else ""
        words = [word.strip().upper() for word in granted.split(",")]
        if granted and not {"UPDATE", "DANGER", "*"} & set(words):
            return "%s; it is %s" % (_CODES[3], granted)
        return "the device refuses the order (AT^MTXTUNNEL=SETPARAM,device.mtxerr,on makes it say why)"


def waves_of(text):
    """[percent] of "1,10,100"; ValueError."""
    found = [float(word) for word in text.split(",")]
    if found != sorted(found) or not found[0] > 0 or found[-1] != 100:
        raise ValueError("--waves: percents that rise to 100, not %s" % text)
    return found


def checked(source, public):
    """The version of a release at an address or in a file, its signature checked as a device does; ValueError."""
    try:
        modulus = release.load_public(public)
        if "://" not in source:
            return release.read(source, modulus)[0].version
        with TemporaryDirectory() as folder, urllib.request.urlopen(source, timeout=60) as answer:
            path = Path(folder) / "fetched.rel"
            path.write_bytes(answer.read(1 << 22))
            return release.read(path, modulus)[0].version
    except (release.ReleaseToolError, urllib.error.URLError, OSError) as error:
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
        type=float,
        default=5,
        help="stop when more percent of the devices so far fail (%(default)s)",
    )
    add("--minutes", type=between(1), default=120, help="how long one device may take (%(default)s)")
    add(
        "--poll",
        type=int,
        default=30,
        metavar="SECONDS",
        help="between two questions (%(default)s)",
    )
    add("--at-once", type=between(1), default=10, help="devices under way at a time (%(default)s)")
    add("--retry", action="store_true", help="those that failed, too")


def main(args):
    version = checked(args.file or args.url, args.public)
    store = open_store(args.database)
    names = args.device or [row[0] for row in store.all("select device from device order by device")]
    if not names:
        print("no device is known; `ingest` learns them, --device names one")
        return 1
    talk = desk.Desk(args)
    roll = Rollout(store, talk.ask, version, args.url, limit=args.limit, patience_s=args.minutes * 60,
                   poll_s=args.poll, at_once=args.at_once)  # fmt: skip
    code = 0
    try:
        roll.plan(names, waves_of(args.waves), args.retry)
        roll.run()
    except Stopped as stop:
        print("stopped: %s" % stop)
        code = 1
    finally:
        talk.close()
    print(report(roll))
    return code or int(any(row[2] != "done" for row in roll.states()))


def report(roll):
    """How many have it, and each that has not with the reason."""
    rows = roll.states()
    lines = ["%s: %d of %d devices have it" % (roll.version, sum(row[2] == "done" for row in rows), len(rows))]
    lines += [
        "%s  wave %d  %s  %s" % (name, wave + 1, state, why) for name, wave, state, why in rows if state != "done"
    ]
    return "\n".join(lines)
