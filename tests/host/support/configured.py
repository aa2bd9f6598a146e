"""Mosquitto as a page of docs/ configures it, with the page's access list and users, and sessions of these users."""

import re
import subprocess
import tempfile
from pathlib import Path

import paho.mqtt.client as mqtt

from tests.host.support import brokers, programs
from tools import patience

WATCHER = "watcher"
_TLS = ("cafile", "certfile", "keyfile")


def fence(page, language):
    """The text of the block of `page` (text) that is marked as of `language`."""
    return re.search(r"```%s\n(.*?)\n```" % language, page, re.DOTALL)[1]


def word(user):
    return "word-" + user


class Configured(brokers.Mosquitto):
    """Mosquitto as the blocks `conf` and `acl` of `page` have it, but for TLS and addresses. `users`: none means that
    anybody may do anything; there is one more, WATCHER, who reads all that gets through."""

    def __init__(self, page, users=()):
        programs.need("mosquitto")
        self.port = brokers.free_port()
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        lines = []
        for line in fence(page, "conf").splitlines():
            name = line.split()[0]
            if name in _TLS or (not users and name in ("password_file", "acl_file", "use_username_as_clientid")):
                continue
            line = {
                "listener": "listener %d 127.0.0.1" % self.port,
                "password_file": "password_file %s/passwords" % folder,
                "acl_file": "acl_file %s/acl" % folder,
                "persistence_location": "persistence_location %s/" % folder,
                "allow_anonymous": "allow_anonymous %s" % ("false" if users else "true"),
            }.get(name, line)
            lines.append(line)
        self._config = folder / "mosquitto.conf"
        self._config.write_text("user root\n" + "\n".join(lines) + "\n")
        (folder / "acl").write_text(fence(page, "acl") + "\nuser %s\ntopic read #\n" % WATCHER)
        (folder / "passwords").write_text("")
        for user in (*users, WATCHER) if users else ():
            command = [programs.need("mosquitto_passwd"), "-b", str(folder / "passwords"), user, word(user)]
            subprocess.run(command, check=True, capture_output=True)
        self._process = None
        self.start()


def session(broker, user, *topics, ident=""):
    """A client of `user` that has subscribed to `topics`; (client, topics of what has come)."""
    came, ready = [], []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, ident)
    client.username_pw_set(user, word(user))
    client.on_message = lambda _c, _u, message: came.append(message.topic)
    client.on_subscribe = lambda *_: ready.append(True)
    client.on_connect = lambda *_: ready.append(True)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    if topics:
        client.subscribe([(topic, 1) for topic in topics])
    assert patience.until(lambda: len(ready) >= 1 + bool(topics), 15)
    return client, came
