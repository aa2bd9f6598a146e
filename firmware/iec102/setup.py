"""How a meter is set up: 142 (protocol reference 6.6)."""

from firmware.iec102.asdu import HEAD, get_fields, wrong_length

_BODY = const(246)
# (name, length) each, see get_fields().
FIELDS = (
    ("manufacturer", 1), ("model", "s2"), ("firmware", 1), ("equipment", 4), ("standard", 1),
    ("protocol_date", 5), ("battery", 1), ("port1_speed", 1), ("port1_format", 1), ("port1_mode", 1),
    ("port1_start", "s20"), ("port2_speed", 1), ("port2_format", 1), ("optical_speed", 1), ("optical_format", 1),
    ("vt_primary", 4), ("vt_secondary", 4), ("ct_primary", 4), ("ct_secondary", 4), ("period1", 1),
    ("period2", 1), ("period3", 1), ("contracts", 1),
)  # fmt: skip


def decode(type, count, buf, fields=FIELDS):
    """(objects, None); behind the fields nothing but zeros is known, else it is kept as `rest` (hex)."""
    if len(buf) != HEAD + _BODY:
        raise wrong_length(type, len(buf))
    item = {}
    rest = bytes(buf[get_fields(fields, buf, HEAD, item) :])
    if any(rest):
        item["rest"] = rest.hex()
    return [item], None
