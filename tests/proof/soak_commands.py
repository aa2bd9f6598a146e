"""What people type by chance in the soaks: whatever a device is asked, and what it is not."""

_OURS = "AT^MTXTUNNEL="
_RANGE = ",0,0,%d,11,26,23,59,%d,11,26"


def lines(idents):
    """Command lines for meters of these IDs; a `%d` in one is a digit by chance."""
    found = [
        "AT", "ATI", "AT+CSQ", "nonsense", "AT^MTXTUNNEL", "x" * 600,
        *(_OURS + words for words in (
            "HELP", "HELP,SETPARAM", "HELP,mqtt.qos", "GETSTATUS", "GETLOG", "VERSION", "GETCONFIG", "GETCONFIG,mqtt",
            "DOCTOR", "SYNC", "GETAUDIT", "GETPARAM,mqtt.qos", "GETPARAM,mqtt.password", "SETPARAM,mqtt.qos,7",
            "SETPARAM,logger.id,%d", "SETPARAM,meter.0.event_days,%d", "SETPARAM,device.zone,Europe/Madrid",
            "FORCEREAD," + idents[0], "FORCEREAD,M9",
            "SAVECONFIG\nlogger.id: %d\nmqtt.qos: 1", "SAVECONFIG\nmqtt.qos: 9\nx",
        )),
    ]  # fmt: skip
    for ident in idents:
        for kind in ("", "_TAVC", "_ID", "_CLOCK", "_PC", "_CFG"):
            found += [_OURS + "%sIEC102%s,%s" % (way, kind, ident) for way in ("SET", "GET")]
    for kind in ("LC", "EV", "CTAVM2"):
        found.append(_OURS + "SETIEC102_%s,%s" % (kind, idents[-1]) + _RANGE % (9, 10))
    return found
