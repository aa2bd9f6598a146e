"""What GETSTATUS and the online topic tell of a ModemLink; loaded when they do."""

from firmware.core import errors, overlay
from firmware.core.compat import monotonic_s

# What is done about a link that fails, from mild to rough (bringup.py).
MEASURES = ("redial", "register again", "radio off and on", "reset pulse", "power cycle", "board restart")
# In the store: the board was restarted for the modem's sake and the link has not been up since; [reason, counters].
RESTARTED = "modem_restarted_board"


def last_reason(link):
    """What was wrong last in words, be it before the board was restarted for it."""
    return errors.text(link.last_why) or link.restarted_for


def status(link):
    """Uptime in s, signal in dBm."""
    session = link.session
    found = {
        "uplink": "modem",
        "up": link.is_up(),
        "state": link.state,
        "ip": session.ip if session else "",
        "uptime": monotonic_s() - session.since if link.is_up() else 0,
        "cmux": link.mux is not None,
        "profile": link.profile["name"],
        "problem": errors.text(link.why),
        "connects": link.connects,
        "last_reason": last_reason(link),
        "last_measure": link.last_measure,
    }
    found.update(link.facts)
    with overlay.use("register"):
        from firmware.net.modem import registration

        registration.describe(link, found)
    found["measures"] = dict(zip(MEASURES, link.ladder.counts))
    return found
