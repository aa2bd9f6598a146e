"""Why something that came is no record."""

from collections import namedtuple

# What is kept aside. reason: a word of REASONS; detail: words for a person.
Fault = namedtuple("Fault", "reason detail")

REASONS = {
    "json": "no JSON object in UTF-8",
    "form": "a key is missing or is not what it should be",
    "clock": "a time before 2020 or more than a day from now",
    "device": "IMEI is not the one of the topic",
    "twice": "two devices with one IMEI: its records come on another topic at the same time",
    "values": "another record with the same key has other values",
    "hour": "a time in the repeated hour of October without its summer-time bit (logger.tags plain)",
    "size": "longer than any record",
    "database": "the database refuses it",
}


class Bad(ValueError):
    """A record that is none; `fault`."""

    def __init__(self, reason, detail):
        super().__init__("%s: %s" % (reason, detail))
        self.fault = Fault(reason, detail[:300])
