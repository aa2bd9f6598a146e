"""A device that was made under older defaults keeps them: they become values of its file at the first start.

Loaded for such a file, and for whoever asks which channels still have the rights of then.
"""

from firmware.config import files
from firmware.port import const

# Setting and its default as long as config.json had no number.
_FIRST = (
    ("mqtt.commands", "view,meter,setup,modem,REBOOT,UPDATE"),
    ("sms.commands", "view,meter,REBOOT"),
    ("device.confirm", False),
)
_LISTS = ("console.commands", "port.1.commands", "port.2.commands", "mqtt.commands", "sms.commands")
# What let a channel move the way out, before that had a role of its own.
_CHANGES = (("SETPARAM", "SETUP"), ("SAVECONFIG", "SETUP"))
_WAY = ",way"


# What a list may have of letters, with `way` in it as well.
_LONGEST = const(200)


def keep(config):
    """Write the old defaults down where the file had nothing of its own, or nothing of use.

    What the flash does not take is in force all the same, and tried again at the next start.
    """
    for name, value in _FIRST:
        if name not in config.values:
            config.values[name] = value
    for name in _LISTS:
        words = config.get(name)
        if any(_last(words, fits) for fits in _CHANGES) and not _last(words, ("WAY",)):
            if len(words) + len(_WAY) > _LONGEST:
                words = words.replace(" ", "")
            if len(words) + len(_WAY) > _LONGEST:
                files.problem(config, "%s has no room for the right %s" % (name, _WAY[1:]))
            else:
                config.values[name] = words + _WAY
    try:
        config.save()
    except OSError as error:
        files.problem(config, "the settings could not be written anew: %s" % error)


def _last(words, fits):
    """Whether a list of rights lets one of `fits` pass, as firmware.commands.table.allowed() reads such a list."""
    good = False
    for word in words.upper().split(","):
        word = word.strip()
        bare = word.lstrip("-").strip()
        if bare == "*" or bare in fits:
            good = bare == word
    return good


def open_channels(config):
    """Names ("mqtt", "sms") of the channels that take commands with the rights of the older defaults."""
    found = []
    for name, words in _FIRST[:2]:
        channel = name.split(".")[0]
        if config.get(name) not in (words, words + _WAY):
            continue
        switches = ("sms.enabled",) if channel == "sms" else ("mqtt.at_topic", "mqtt.at_topic2")
        if any(config.get(switch) for switch in switches):
            found.append(channel)
    return found
