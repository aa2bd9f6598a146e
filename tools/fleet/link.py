"""The way to the broker: addresses, TLS, filters of topics with the device's name in them."""

import os
import re
import ssl
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt

from tools.fleet.store import safe

RECORDS = ("lector102/[IMEI]/LOGGER", "lector102/[IMEI]/READINGS")
STATES = ("lector102/[IMEI]/ONLINE", "lector102/[IMEI]/STATUS")
COMMANDS = "lector102/[IMEI]/AT"
ANSWERS = "lector102/[IMEI]/ATR"


class LinkError(Exception):
    """The broker cannot be had; the words say why."""


class Filter:
    """A topic as in the settings, `[IMEI]` in the place of the device's name."""

    def __init__(self, text):
        # A name that is a part of a level cannot be subscribed to: the whole level is.
        self.levels = text.split("/")
        if any(mark in text for mark in "#+") or not text:
            raise ValueError("%s: a topic as in the settings of the device, with [IMEI] for its name" % text)
        self.subscription = "/".join("+" if "[" in level else level for level in self.levels)
        names = [re.escape(level).replace(r"\[IMEI\]", "(?P<imei>[^/]+)", 1) for level in self.levels]
        self._pattern = re.compile(re.sub(r"\\\[[A-Z]+\\\]", "[^/]+", "/".join(names)))
        self.text = text

    def device(self, topic):
        """The device's name in a topic, "" where the filter has none; None: it is another topic."""
        found = self._pattern.fullmatch(topic)
        if not found:
            return None
        return found.groupdict().get("imei", "")

    def topic(self, imei):
        return self.text.replace("[IMEI]", imei)


def add_arguments(parser):
    parser.add_argument("--broker", default=os.environ.get("LECTOR_BROKER", "mqtt://127.0.0.1:1883"),
                        help="mqtt[s]://[user[:password]@]host[:port] (LECTOR_BROKER; %(default)s); a password better"
                        " stands in LECTOR_MQTT_PASSWORD")  # fmt: skip
    parser.add_argument("--ca", help="with mqtts: the file of the authority that signed the broker's certificate")
    parser.add_argument("--cert", help="with mqtts: our own certificate, and")
    parser.add_argument("--key", help="its key")


def client(args, ident, **options):
    """A paho client for `args.broker`, not connected yet. ValueError: the options are wrong."""
    try:
        url = urlsplit(args.broker)
        known = url.scheme in ("mqtt", "tcp", "mqtts", "ssl") and url.hostname and url.port != 0
    except ValueError:
        known = False
    if not known:
        raise ValueError("the broker is mqtt://host:port or mqtts://host:port, not %s" % safe(args.broker))
    made = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, ident, **options)
    if url.username:
        password = os.environ.get("LECTOR_MQTT_PASSWORD") or unquote(url.password or "")
        made.username_pw_set(unquote(url.username), password)
    if url.scheme in ("mqtts", "ssl"):
        try:
            made.tls_set(args.ca, args.cert, args.key, cert_reqs=ssl.CERT_REQUIRED)
        except (OSError, ValueError) as error:
            raise ValueError("the certificates: %s" % error) from None
    return made


def connect(made, args, keepalive=60):
    """Open the connection; LinkError. Whether the broker takes us is told to `on_connect`."""
    url = urlsplit(args.broker)
    port = url.port or (8883 if url.scheme in ("mqtts", "ssl") else 1883)
    try:
        made.connect(url.hostname, port, keepalive)
    except (OSError, ValueError) as error:
        raise LinkError("no broker at %s:%d: %s" % (url.hostname, port, error)) from None
