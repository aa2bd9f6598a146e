"""SQLite as the database of the fleet."""

import sqlite3
from pathlib import Path

from tools.fleet import records, store


class Sqlite(store.Store):
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
            # Whose file it is shows below: one that is only read is not made another kind.
            for line in (
                *(["journal_mode=wal"] * create),
                "synchronous=full",
                "cache_size=-16000",
                "temp_store=memory",
            ):
                self._connection.execute("pragma " + line).fetchall()
            if create:
                schema = store.SCHEMA.format(json="text", bytes="blob", compact=" without rowid", key=store.KEY)
                for statement in schema.split(";\n"):
                    self._connection.execute(statement)
            self._connection.execute("create temp table staged (%s, primary key (%s))" % (store.COLUMNS, store.KEY))
        except sqlite3.Error as error:
            raise store.StoreError("%s: %s" % (path, error)) from None

    def _begin(self, reading):
        cursor = self._connection.cursor()
        cursor.execute("begin" if reading else "begin immediate")
        return cursor

    def execute(self, cursor, sql, values=()):
        return cursor.execute(sql, values)

    def insert(self, cursor, ordered):
        """How many of the rows were new."""
        before = self._connection.total_changes
        marks = ", ".join("?" * len(ordered[0]))
        cursor.executemany(
            "insert into record (%s) values (%s) on conflict do nothing" % (store.COLUMNS, marks),
            ordered,
        )
        return self._connection.total_changes - before

    def different(self, cursor, ordered):
        """The keys of those that are in the table with other values, and the digest of what is there."""
        cursor.execute("delete from staged")
        cursor.executemany("insert into staged values (%s)" % ", ".join("?" * len(ordered[0])), ordered)
        names = ", ".join("s." + name for name in records.KEY)
        cursor.execute(
            "select %s, r.digest from staged s join record r on %s where s.digest <> r.digest" % (names, store.SAME)
        )
        return cursor.fetchall()
