"""PostgreSQL as the database of the fleet."""

from tools.fleet import records, store


class Postgres(store.Store):
    """A server; rows come in by COPY into a table of the session."""

    def __init__(self, url, create):
        try:
            import psycopg  # pyright: ignore[reportMissingImports]  # make fleet-postgres brings it
        except ImportError:
            raise ValueError("PostgreSQL needs the package psycopg: `make fleet-postgres` installs it") from None
        try:
            ports = str(psycopg.conninfo.conninfo_to_dict(url).get("port", "")).split(",")
        except psycopg.Error:
            ports = ["x"]
        if not all(port.isdigit() for port in ports if port):
            # What the driver says of it may have the password in it.
            raise ValueError("the database is postgresql://user:password@host[:port]/name, written otherwise")
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
                if create and self._lacking(cursor):
                    # Two that create the same tables at a time: one of them would fail.
                    cursor.execute("select pg_advisory_xact_lock(102102)")
                    cursor.execute(store.SCHEMA.format(json="jsonb", bytes="bytea", compact="", key=store.KEY))
                cursor.execute("create temp table staged (like record) on commit delete rows")
            self._connection.commit()
        except psycopg.Error as error:
            raise store.StoreError("%s: %s" % (store.safe(url), store.words(error))) from None

    @staticmethod
    def _lacking(cursor):
        """Whether a table is not there: `create … if not exists` wants the right to make one even where it is."""
        sql = "select count(*) from unnest(%s::text[]) name where to_regclass(name) is null"
        return cursor.execute(sql, (list(store.TABLES),)).fetchone()[0]

    def _begin(self, reading):
        return self._connection.cursor()

    def execute(self, cursor, sql, values=()):
        return cursor.execute(sql.replace("%", "%%").replace("?", "%s"), values)

    def insert(self, cursor, ordered):
        with cursor.copy("copy staged (%s) from stdin" % store.COLUMNS) as copy:
            for row in ordered:
                copy.write_row(row)
        # In the order of the key, or two ingesters lock each other out.
        cursor.execute(
            "insert into record (%s) select %s from staged order by %s on conflict do nothing"
            % (store.COLUMNS, store.COLUMNS, store.KEY)
        )
        return cursor.rowcount

    def different(self, cursor, ordered):
        names = ", ".join("s." + name for name in records.KEY)
        return cursor.execute(
            "select %s, r.digest from staged s join record r on %s where s.digest <> r.digest" % (names, store.SAME)
        ).fetchall()
