"""In words what a device will do with the settings it has: the end of `make config`."""

from firmware.config.config import Config
from firmware.core.errors import ConfigError

_METERS = 8
_WAYS = {
    "auto": "over the modem, or WiFi on a board without one",
    "modem": "over the modem",
    "wifi": "over WiFi",
    "ethernet": "over Ethernet",
    "host": "over the network of this computer",
}


def lines(values):
    """Lines of text about {name: value} as they are stored; what will not work begins with `but`."""
    config = Config()
    try:
        config.set_many(values)
    except ConfigError as error:
        return ["but the stored settings are not understood: %s" % error]
    get = config.get
    return [*_network(get), *_meters(get, values), *_broker(get), *_commands(get)]


def _network(get):
    kind = get("uplink.type")
    words = "goes online %s" % _WAYS[kind]
    if kind in ("auto", "modem"):
        words += ", APN %s" % (get("uplink.apn") or "as the SIM has it")
    if kind in ("auto", "wifi") and get("uplink.ssid"):
        words += ", WiFi %s" % get("uplink.ssid")
    yield words
    if kind == "wifi" and not get("uplink.ssid"):
        yield "but no WiFi is named: uplink.ssid"


def _meters(get, values):
    found = False
    for index in range(_METERS):

        def of(name, index=index):
            return get("meter." + name, index)

        if not of("enabled"):
            continue
        found = True
        often = "every %d minutes" % of("interval") if of("interval") else "when told (meter.%d.interval is 0)" % index
        port = of("port")
        line = "%s baud, parity %s" % (get("port.baud", port), get("port.parity", port))
        yield "reads meter %s at port %d (%s), link address %d, measuring point %d, %s" % (
            of("id") or "ID%05d" % index, port, line, of("link"), of("point"), often
        )  # fmt: skip
        if "meter.%d.password" % index not in values:
            yield "but meter %d has the password 1 as long as meter.%d.password is not set" % (index, index)
    if not found:
        yield "but no meter is read: meter.0.enabled is off"


def _broker(get):
    if not get("mqtt.broker"):
        yield "but nothing is delivered: mqtt.broker is empty; records are kept"
    elif not get("mqtt.enabled"):
        yield "but nothing is delivered: mqtt.enabled is off; records are kept"
    elif not get("logger.enabled"):
        yield "but nothing is delivered: logger.enabled is off; records are kept"
    else:
        yield "delivers the records to %s, topic %s" % (get("mqtt.broker"), get("logger.topic"))


def _commands(get):
    topics = [get(name) for name in ("mqtt.at_topic", "mqtt.at_topic2") if get(name)]
    if topics:
        yield "takes commands from topic %s; they may: %s" % (" and ".join(topics), get("mqtt.commands"))
    else:
        yield "takes no commands from the broker: mqtt.at_topic is empty"
