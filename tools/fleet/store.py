"""The database: SQLite by default, PostgreSQL by URL. One transaction a batch; several ingesters may share it.

Its tables are for others to read: `record` (KEY is the primary key), `aside` (what is no record, as it came, with the
reason), `device` (what each device tells of itself), `watch` (a line an hour and device), `rollout` (who has which
release, and why not). Times are UTC seconds since 1970, but for `rollout.changed` all of them whole ones.
"""

import hashlib
import sqlite3
import time
from collections import namedtuple
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tools.fleet import records

# What a batch came to: records that were new, that were there already, messages newly aside.
Written = namedtuple("Written", "new repeated aside")
# A message as it came, for the table `aside`.
Message = namedtuple("Message", "topic payload")

_COLUMNS = ", ".join((*records.KEY, "read", "arrived", "source", "digest", "data"))
_KEY = ", ".join(records.KEY)
_SAME = " and ".join("s.%s = r.%s" % (name, name) for name in records.KEY)
_SCHEMA = """
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


class StoreError(Exception):
    """The database cannot be had now, or not as it is meant to; the words say which."""


def open_store(url, create=True):
    """A store by URL: `postgresql://user@host/name`, or a path (or `sqlite:path`) of a file. StoreError.

    With `create` the tables are made where they are missing.
    """
    kind = _Postgres if url.split(":", 1)[0] in ("postgres", "postgresql") else _Sqlite
    return kind(url, create)


class _Store:
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
                raise StoreError(str(error).strip() or type(error).__name__) from None
            raise

    def all(self, sql, values=()):
        """The rows of a question."""
        with self.transaction(True) as cursor:
            return self.execute(cursor, sql, values).fetchall()

    def each(self, sql, values=()):
        """The rows of a question one by one, however many they are."""
        with self.transaction(True) as cursor, self._long(cursor) as rows:
            self.execute(rows, sql, values)
            while True:
                some = rows.fetchmany(2000)
                if not some:
                    return
                yield from some

    def do(self, sql, values=()):
        with self.transaction() as cursor:
            self.execute(cursor, sql, values)

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
            text = str(error).replace("\0", " ")
            fault = (message, row.device, records.Fault("database", text[:300]))
            return self._write([], [*aside, fault], seen, now, source)

    def _write(self, found, aside, seen, now, source):
        rows, aside = {}, list(aside)
        repeated = 0
        for row, message in found:
            first = rows.setdefault(row[:7], (row, message))
            if first[0].digest != row.digest:
                aside.append((message, row.device, _other(row)))
            repeated += first[0] is not row
        with self.transaction() as cursor:
            # In one order everywhere: two ingesters with the same records wait for each other once, not for ever.
            ordered = [(*row[:8], now, source, *row[8:]) for _, (row, _) in sorted(rows.items())]
            new = self.insert(cursor, ordered) if ordered else 0
            if new < len(ordered):
                for key in self.different(cursor, ordered):
                    row, message = rows[tuple(key)]
                    aside.append((message, row.device, _other(row)))
            kept = sum(self._keep(cursor, now, *each) for each in aside)
            for device in sorted(seen):
                self._see(cursor, device, seen[device], now)
        return Written(new, repeated + len(ordered) - new, kept)

    def _keep(self, cursor, now, message, device, fault):
        payload = bytes(message.payload[: records.LONGEST])
        name = hashlib.sha256(
            b"\0".join((message.topic.encode(), fault.reason.encode(), payload))
        ).hexdigest()
        values = (
            name,
            now,
            clean(device),
            clean(message.topic),
            fault.reason,
            clean(fault.detail),
            payload,
        )
        self.execute(
            cursor, "insert into aside values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing", values
        )
        return max(cursor.rowcount, 0)

    def _see(self, cursor, device, columns, now):
        """Take down what a device told of itself; `columns` of the table by name, `last_seen` among them."""
        row = {
            "last_seen": now,
            "state": "",
            "state_at": 0,
            "online": "",
            "status": "",
            "status_at": 0,
            **columns,
        }
        changes = ", ".join(
            "%s = excluded.%s" % (name, name) for name in columns if name != "last_seen"
        )
        later = "last_seen = case when excluded.last_seen > device.last_seen then excluded.last_seen"
        later += " else device.last_seen end"
        sql = "insert into device (device, first_seen, %s) values (%s) on conflict (device) do update set %s" % (
            ", ".join(row), ", ".join("?" * (len(row) + 2)), ", ".join(filter(None, (later, changes))),
        )  # fmt: skip
        self.execute(cursor, sql, (device, row["last_seen"], *row.values()))


def clean(text):
    """`text` as any database takes it."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\\0")


def _other(row):
    """The fault of a record whose key is taken by one with other values."""
    return records.Fault(
        "values", "%s of %s, object %s, at %d" % (row.type, row.meter or "-", row.object, row.at)
    )


class _Sqlite(_Store):
    """A file; whoever writes waits for the others up to a minute."""

    refused = (
        sqlite3.DataError,
        sqlite3.IntegrityError,
        sqlite3.InterfaceError,
        OverflowError,
        UnicodeError,
    )

    def __init__(self, url, create):
        self.broken = sqlite3.Error
        self.url = url
        path = url[len("sqlite:") :] if url.startswith("sqlite:") else url
        mode = "rwc" if create else "rw"
        uri = Path(path).absolute().as_uri() + "?mode=" + mode
        try:
            self._connection = sqlite3.connect(
                uri, uri=True, timeout=60, isolation_level=None, check_same_thread=False
            )
            # A commit is on the disk before it ends: only then is a record acknowledged.
            for line in (
                "journal_mode=wal",
                "synchronous=full",
                "cache_size=-16000",
                "temp_store=memory",
            ):
                self._connection.execute("pragma " + line).fetchall()
            if create:
                schema = _SCHEMA.format(
                    json="text", bytes="blob", compact=" without rowid", key=_KEY
                )
                for statement in schema.split(";\n"):
                    self._connection.execute(statement)
            self._connection.execute(
                "create temp table staged (%s, primary key (%s))" % (_COLUMNS, _KEY)
            )
        except sqlite3.Error as error:
            raise StoreError("%s: %s" % (path, error)) from None

    def _begin(self, reading):
        cursor = self._connection.cursor()
        cursor.execute("begin" if reading else "begin immediate")
        return cursor

    def _long(self, cursor):
        return nullcontext(cursor)

    def execute(self, cursor, sql, values=()):
        return cursor.execute(sql, values)

    def insert(self, cursor, ordered):
        """How many of the rows were new."""
        before = self._connection.total_changes
        marks = ", ".join("?" * len(ordered[0]))
        cursor.executemany(
            "insert into record (%s) values (%s) on conflict do nothing" % (_COLUMNS, marks),
            ordered,
        )
        return self._connection.total_changes - before

    def different(self, cursor, ordered):
        """The keys of those that are in the table with other values."""
        cursor.execute("delete from staged")
        cursor.executemany(
            "insert into staged values (%s)" % ", ".join("?" * len(ordered[0])), ordered
        )
        names = ", ".join("s." + name for name in records.KEY)
        cursor.execute(
            "select %s from staged s join record r on %s where s.digest <> r.digest"
            % (names, _SAME)
        )
        return cursor.fetchall()


class _Postgres(_Store):
    """A server; rows come in by COPY into a table of the session."""

    def __init__(self, url, create):
        try:
            import psycopg
        except ImportError:
            raise StoreError(
                "PostgreSQL needs the package psycopg: `make fleet-postgres` installs it"
            ) from None
        self.broken = psycopg.Error
        self.refused = (
            psycopg.DataError,
            psycopg.IntegrityError,
            psycopg.NotSupportedError,
            UnicodeError,
        )
        self.url = url
        try:
            # A server that has gone without a word must not hold the ingester for ever.
            self._connection = psycopg.connect(
                url, connect_timeout=10, keepalives_idle=20, keepalives_interval=5, keepalives_count=4,
                tcp_user_timeout=60000, application_name="lector102 fleet",
                options="-c statement_timeout=120000 -c timezone=UTC",
            )  # fmt: skip
            self._connection.prepare_threshold = 1
            with self._connection.cursor() as cursor:
                if create:
                    # Two that create the same tables at a time: one of them would fail.
                    cursor.execute("select pg_advisory_xact_lock(102102)")
                    cursor.execute(
                        _SCHEMA.format(json="jsonb", bytes="bytea", compact="", key=_KEY)
                    )
                cursor.execute("create temp table staged (like record) on commit delete rows")
            self._connection.commit()
        except psycopg.Error as error:
            raise StoreError("%s: %s" % (safe(url), str(error).strip())) from None

    def _begin(self, reading):
        return self._connection.cursor()

    def _long(self, cursor):
        # Of a cursor with a name the server keeps the rows until they are asked for.
        return self._connection.cursor("rows")

    def execute(self, cursor, sql, values=()):
        return cursor.execute(sql.replace("%", "%%").replace("?", "%s"), values)

    def insert(self, cursor, ordered):
        with cursor.copy("copy staged (%s) from stdin" % _COLUMNS) as copy:
            for row in ordered:
                copy.write_row(row)
        # In the order of the key, or two ingesters lock each other out.
        cursor.execute(
            "insert into record (%s) select %s from staged order by %s on conflict do nothing"
            % (_COLUMNS, _COLUMNS, _KEY)
        )
        return cursor.rowcount

    def different(self, cursor, ordered):
        names = ", ".join("s." + name for name in records.KEY)
        return cursor.execute(
            "select %s from staged s join record r on %s where s.digest <> r.digest"
            % (names, _SAME)
        ).fetchall()


def safe(url):
    """An address without its password."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    return parts._replace(
        netloc="%s:***@%s" % (unquote(parts.username or ""), parts.netloc.rpartition("@")[2])
    ).geturl()


def now():
    return int(time.time())
