"""What GETSTATUS and DOCTOR are told of the way to the broker."""

from firmware.core import errors
from firmware.core.compat import monotonic_s


def status(service):
    """Counters and state of a service.MqttService as a dict; `since`, `keepalive` (what was announced) and `ping` (the
    silence before one) in seconds, `rx` and `tx` in bytes."""
    publisher, session = service.publisher, service.session
    found = {
        "connected": service.connected,
        "state": service.state,
        "since": monotonic_s() - service.since,
        "sent": publisher.sent,
        "delivered": publisher.delivered,
        "dropped": publisher.dropped,
        "reconnects": max(service.connections - 1, 0),
        "waiting": len(session.flying),
        "last_error": errors.text(service.why),
        "refused": session.refused,
        "overrun": service.overrun,
        "rejected": session.rejected,
        "keepalive": service.settings.get("keepalive", 0),
        "ping": session.pause // 1000,
        "tx": session.stream.sent,
        "rx": session.stream.received,
    }
    trust = service.settings.get("tls")
    if trust:
        found["tls"] = trust.words()
        found["unchecked"] = trust.verify == "none"
    return found
