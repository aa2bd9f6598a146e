"""The database: SQLite by default, PostgreSQL by URL. One transaction a batch; several ingesters may share it.

Its tables are for others to read: `record` (KEY is the primary key), `aside` (what is no record, as it came, with the
reason), `device` (what each device tells of itself), `watch` (a line an hour and device), `rollout` (who has which
release, and why not). Times are UTC seconds since 1970, but for `rollout.changed` all of them whole ones.
"""

import hashlib
from collections import namedtuple
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from tools.fleet import records
from tools.fleet.faults import Fault

# What a batch came to: records that were new, that were there already, messages newly aside.
Written = namedtuple("Written", "new repeated aside")
# A message as it came, for the table `aside`.
Message = namedtuple("Message", "topic payload")

COLUMNS = ", ".join((*records.KEY, "read", "arrived", "source", "digest", "data"))
KEY = ", ".join(records.KEY)
SAME = " and ".join("s.%s = r.%s" % (name, name) for name in records.KEY)
SCHEMA = """
create table if not exists record (
    device text not null, meter text not null, type text not null, form text not null, contract integer not null,
    object text not null, at bigint not null, read bigint not null, arrived bigint not null, source text not null,
    digest text not null, data {json} not null,
    primary key ({key})
){compact};
create table if not exists aside (
    digest text primary key, arrived bigint not null, device text not null, topic text not null, reason text not null,
    detail text not null, payload {bytes} not null
);
create table if not exists device (
    device text primary key, first_seen bigint not null, last_seen bigint not null, state text not null,
    state_at bigint not null, online text not null, status text not null, status_at bigint not null
);
create table if not exists watch (
    hour bigint not null, device text not null, data {json} not null, primary key (hour, device)
);
create table if not exists rollout (
    name text not null, device text not null, wave integer not null, state text not null, why text not null,
    changed double precision not null, primary key (name, device)
);
"""


TABLES = ("record", "aside", "device", "watch", "rollout")


class StoreError(Exception):
    """The database cannot be had now, or not as it is meant to; the words say which."""


def open_store(url, create=True):
    """A store by URL: `postgresql://user@host/name`, or a path (or `sqlite:path`) of a file. StoreError.

    With `create` the tables are made where they are missing. ValueError: no waiting makes this a database.
    """
    scheme = url.split(":", 1)[0]
    if "://" in url and scheme not in ("postgres", "postgresql"):
        raise ValueError("the database is a file or postgresql://user:password@host/name, not %s:" % scheme)
    if scheme in ("postgres", "postgresql"):
        from tools.fleet.postgres import Postgres as Kind
    else:
        from tools.fleet.sqlite import Sqlite as Kind
    made = Kind(url, create)
    if not create:
        made.known()
    return made


class Store:
    """What both have in common. For one thread at a time.

    Texts of SQL here have `?` for a value. `broken` is the class of errors that another connection may mend, `refused`
    of those that the values are to blame for.
    """

    url = ""
    broken = refused = Exception

    def close(self):
        try:
            self._connection.close()
        except self.broken:
            pass  # it was lost before

    def known(self):
        """StoreError where the tables are not there."""
        try:
            self.all("select 1 from record limit 1")
        except StoreError as error:
            self.close()
            told = "%s: the tables cannot be read (%s); `ingest` makes them" % (safe(self.url), error)
            raise StoreError(told) from None

    @contextmanager
    def transaction(self, reading=False):
        """A cursor; committed at the end, rolled back by an error. StoreError where the database is gone.

        Who is only `reading` holds nobody up.
        """
        try:
            cursor = self._begin(reading)
            yield cursor
            self._connection.commit()
        except BaseException as error:
            try:
                self._connection.rollback()
            except self.broken:
                pass  # the connection is gone, and the transaction with it
            if isinstance(error, self.broken) and not isinstance(error, self.refused):
                raise StoreError(words(error)) from None
            raise

    def all(self, sql, values=()):
        """The rows of a question."""
        with self.transaction(True) as cursor:
            return self.execute(cursor, sql, values).fetchall()

    def do(self, sql, values=()):
        """How many rows it was about."""
        with self.transaction() as cursor:
            self.execute(cursor, sql, values)
            return cursor.rowcount

    # --- a batch

    def write(self, found, aside, seen, now, source="mqtt"):
        """One transaction. StoreError: nothing of it is there, or all of it (the connection broke in the commit).

        `found`: [(Row, Message)]; `aside`: [(Message, device, Fault)]; `seen`: {device: dict of columns of `device`}.
        """
        try:
            return self._write(found, aside, seen, now, source)
        except self.refused as error:
            # A value that the database does not take must not keep the others out for ever: halve until it is found.
            if len(found) > 1:
                half = len(found) // 2
                one = self.write(found[:half], aside, seen, now, source)
                other = self.write(found[half:], [], {}, now, source)
                return Written(*(a + b for a, b in zip(one, other)))
            if not found:
                raise StoreError("the database refuses it: %s" % error) from None
            ((row, message),) = found
            fault = (message, row.device, Fault("database", clean(str(error))))
            return self._write([], [*aside, fault], seen, now, source)

    def _write(self, found, aside, seen, now, source):
        aside = list(aside)
        variants = {}  # key -> {digest: (row, message)}; nearly always one
        for row, message in found:
            variants.setdefault(row[:7], {}).setdefault(row.digest, (row, message))
        with self.transaction() as cursor:
            # In one order everywhere: two ingesters with the same records wait for each other once, not for ever.
            first = [next(iter(variants[key].values()))[0] for key in sorted(variants)]
            ordered = [(*row[:8], now, source, *row[8:]) for row in first]
            new = self.insert(cursor, ordered) if ordered else 0
            there = {}
            if new < len(ordered):
                there = {tuple(row[:7]): row[7] for row in self.different(cursor, ordered)}
            other = 0
            for key, some in variants.items():
                if len(some) > 1 or key in there:
                    kept = there.get(key, next(iter(some)))
                    wrong = [each for name, each in some.items() if name != kept]
                    other += sum(row[:7] == key and row.digest != kept for row, _ in found)
                    aside += [(message, row.device, _other(row)) for row, message in wrong]
            kept = sum(self._keep(cursor, now, *each) for each in aside)
            for device in sorted(seen):
                self._see(cursor, device, seen[device], now)
        return Written(new, len(found) - new - other, kept)

    def _keep(self, cursor, now, message, device, fault):
        payload = bytes(message.payload[: records.LONGEST])
        name = hashlib.sha256(b"\0".join((message.topic.encode(), fault.reason.encode(), payload))).hexdigest()
        values = (
            name,
            now,
            clean(device),
            clean(message.topic),
            fault.reason,
            clean(fault.detail),
            payload,
        )
        self.execute(cursor, "insert into aside values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing", values)
        return max(cursor.rowcount, 0)

    def _see(self, cursor, device, columns, now):
        """Take down what a device told of itself; `columns` of the table by name.

        Without `last_seen` it has not been heard itself: the broker has told what it once said, or that it has gone.
        """
        row = {
            "last_seen": 0,
            "state": "",
            "state_at": 0,
            "online": "",
            "status": "",
            "status_at": 0,
            **columns,
        }
        changes = ", ".join("%s = excluded.%s" % (name, name) for name in columns if name != "last_seen")
        later = "last_seen = case when excluded.last_seen > device.last_seen then excluded.last_seen"
        later += " else device.last_seen end"
        sql = "insert into device (device, first_seen, %s) values (%s) on conflict (device) do update set %s" % (
            ", ".join(row), ", ".join("?" * (len(row) + 2)), ", ".join(filter(None, (later, changes))),
        )  # fmt: skip
        self.execute(cursor, sql, (device, now, *row.values()))


def clean(text):
    """`text` as any database takes it."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\\0")


def words(error):
    """What a database says, on one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _other(row):
    """The fault of a record whose key is taken by one with other values."""
    return Fault("values", "%s of %s, object %s, at %d" % (row.type, row.meter or "-", row.object, row.at))


def safe(url):
    """An address without its password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.rpartition("@")[2]
    if not parts.password:
        return url
    return parts._replace(
        netloc="%s:***@%s" % (unquote(parts.username or ""), parts.netloc.rpartition("@")[2])
    ).geturl()
