"""What the readings of a meter want of the settings."""


def options(config, index):
    """The options of a meter.Meter, by its number in the settings; those of its LinkAddress in `times`."""
    get = config.get
    return {
        "days": get("meter.closing_days", index),
        "contract": get("meter.contract", index),
        "totals": get("iec102.totals"),
        "invalid": get("iec102.invalid"),
        "resend": get("meter.resend", index),
        "curve_record": int(get("meter.curve_record", index)),
        "curve_minutes": int(get("meter.curve_minutes", index)),
        "curve_days": get("meter.curve_days", index),
        "set_clock": get("meter.set_clock", index),
        "max_step": get("meter.max_step", index),
        "times": {
            "answer_ms": get("iec102.answer_timeout"),
            "gap_ms": get("iec102.gap_timeout"),
            "busy_ms": get("iec102.busy_limit") * 1000,
            "session_ms": get("iec102.session_deadline") * 1000,
            "turnaround_ms": get("iec102.turnaround"),
            "retries": get("iec102.retries"),
        },
    }
