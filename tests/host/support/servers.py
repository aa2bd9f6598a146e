"""Servers of the system for tests of the fleet's side: PostgreSQL and RabbitMQ, folders and ports of their own.

Debian's packages postgresql and rabbitmq-server. One that is missing fails the test and says what to install: nothing
about exactly once holds that was skipped. `kill()` is a SIGKILL of all of a server's processes.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.host.support.brokers import free_port
from tools import patience

_RABBIT = Path("/usr/lib/rabbitmq/bin")


class Missing(AssertionError):
    """A server that the test is about is not installed."""


def _postgres():
    """The folder with the programs of the newest PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        raise Missing("PostgreSQL is missing: apt-get install postgresql")
    return found[-1]


def _end(process):
    """SIGKILL the process and all that it has started (its group)."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has ended by itself
    process.wait()


class Postgres:
    """A server on a loopback port; the tests run as root in CI, and PostgreSQL does not."""

    def __init__(self):
        self._bin = _postgres()
        self._folder = Path(tempfile.mkdtemp(prefix="pg"))
        self._as = {}
        if os.getuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
            self._as = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        self.port = free_port()
        self._run(
            "initdb",
            "-D",
            self._folder / "data",
            "-U",
            "fleet",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
        )
        self.url = "postgresql://fleet@127.0.0.1:%d/fleet" % self.port
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", self.port, "-U", "fleet", "fleet")

    def _run(self, name, *words):
        command = [str(self._bin / name), *(str(word) for word in words)]
        done = patience.run(command, 120, cwd=self._folder, **self._as)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        words = [
            "-D",
            self._folder / "data",
            "-p",
            self.port,
            "-h",
            "127.0.0.1",
            "-k",
            self._folder,
        ]
        with open(self._folder / "server.log", "a") as log:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), *(str(word) for word in words)], stdout=log, stderr=log,
                cwd=self._folder, start_new_session=True, **self._as,
            )  # fmt: skip
        ready = [str(self._bin / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port), "-q"]
        assert patience.until(lambda: subprocess.run(ready).returncode == 0, 60, 0.2), self.log()

    def log(self):
        return (self._folder / "server.log").read_text()[-3000:]

    def kill(self):
        """What a power cut leaves of it; the next start() recovers."""
        # The processes of connections have sessions of their own.
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._process.pid)], capture_output=True, text=True
        )
        _end(self._process)
        for number in children.stdout.split():
            try:
                os.kill(int(number), signal.SIGKILL)
            except ProcessLookupError:
                continue
        (self._folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def stop(self):
        self._process.send_signal(signal.SIGINT)  # "fast": connections are ended
        patience.wait(self._process, 30)

    def close(self):
        _end(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)


def _taken(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _mapper(port):
    program = shutil.which("epmd") or str(next(Path("/usr/lib/erlang").glob("erts-*/bin/epmd"), ""))
    environment = dict(os.environ, ERL_EPMD_ADDRESS="127.0.0.1")
    return subprocess.Popen(
        [program, "-port", str(port)], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


class Rabbit:
    """A node of RabbitMQ with its MQTT plug-in on `port`; `first`: the node whose cluster it joins."""

    def __init__(self, first=None, settings=""):
        if not (_RABBIT / "rabbitmq-server").exists():
            raise Missing("RabbitMQ is missing: apt-get install rabbitmq-server")
        self._folder = Path(tempfile.mkdtemp(prefix="mq"))
        self.port, amqp, dist = free_port(), free_port(), free_port()
        self.epmd = first.epmd if first else free_port()
        # Erlang's port mapper would stay as a daemon: this one is ours, and ends with the first node.
        self._mapper = None if first else _mapper(self.epmd)
        self.node = "l102-%d@localhost" % self.port
        self.cookie = first.cookie if first else secrets.token_hex(16)
        cookie = self._folder / ".erlang.cookie"
        cookie.write_text(self.cookie)
        cookie.chmod(0o400)
        # Sessions stay for a week and not a day; the ingester may have more on the way than ten.
        (self._folder / "rabbitmq.conf").write_text(
            "listeners.tcp.1 = 127.0.0.1:%d\nmqtt.listeners.tcp.1 = 127.0.0.1:%d\nmqtt.allow_anonymous = true\n"
            "mqtt.default_user = guest\nmqtt.default_pass = guest\nmqtt.subscription_ttl = 604800000\n"
            "mqtt.prefetch = 500\n%s" % (amqp, self.port, settings)
        )
        (self._folder / "plugins").write_text("[rabbitmq_mqtt].\n")
        self._environment = dict(
            os.environ, HOME=str(self._folder), RABBITMQ_NODENAME=self.node, RABBITMQ_CONF_ENV_FILE="/dev/null",
            RABBITMQ_CONFIG_FILE=str(self._folder / "rabbitmq.conf"), RABBITMQ_LOG_BASE=str(self._folder / "log"),
            RABBITMQ_MNESIA_BASE=str(self._folder / "data"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(self._folder / "plugins"),
            RABBITMQ_DIST_PORT=str(dist), ERL_EPMD_PORT=str(self.epmd), RABBITMQ_PID_FILE=str(self._folder / "pid"),
            ERL_EPMD_ADDRESS="127.0.0.1",
            # Two schedulers: a node for a test, not for a machine of its own.
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 2:2 +sbwt none",
        )  # fmt: skip
        self.start()
        if first:
            for words in (["stop_app"], ["join_cluster", first.node], ["start_app"]):
                self.control(*words)
            self._listening()

    def control(self, *words):
        done = patience.run(
            [str(_RABBIT / "rabbitmqctl"), "-q", "-n", self.node, *words],
            120,
            env=self._environment,
        )
        assert done.returncode == 0, "%s: %s" % (words, done.stdout + done.stderr + self.log())
        return done.stdout

    def start(self):
        with open(self._folder / "server.log", "a") as log:
            self._process = subprocess.Popen(
                [str(_RABBIT / "rabbitmq-server")], env=self._environment, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, cwd=self._folder, start_new_session=True,
            )  # fmt: skip
        self._listening()

    def _listening(self):
        limit = patience.Limit(120)
        while not limit.passed():
            if _taken(self.port):
                return
            time.sleep(0.2)
        raise AssertionError("RabbitMQ does not listen: %s" % self.log())

    def log(self):
        return (self._folder / "server.log").read_text()[-3000:]

    def stop(self):
        """In good order."""
        if self._process.poll() is None:
            try:
                self.control("shutdown")
            except AssertionError:
                pass  # it has gone meanwhile, or is not up far enough to be told
            try:
                patience.wait(self._process, 60)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        _end(self._process)
        # Its children end a moment later: a start before that would find them at the port.
        assert patience.until(lambda: not _taken(self.port), 30)

    def close(self):
        _end(self._process)
        if self._mapper:
            _end(self._mapper)
        shutil.rmtree(self._folder, ignore_errors=True)
