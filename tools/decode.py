"""`python -m tools.decode [--json] HEX …`: explain IEC 60870-5-102 frames, from the arguments or standard input."""

import datetime as dt
import json
import os
import re
import sys

from firmware.core.zone import Zone
from firmware.iec102 import asdu as codec
from firmware.iec102 import frame_text, ft12
from firmware.iec102.errors import Iec102Error
from firmware.iec102.timetag import TimeTag
from tools.options import Parser

# Protocol reference 6: names of the ASDU types.
MNEMONICS = {
    1: "M_SP_TA_2", 8: "M_IT_TG_2", 11: "M_IT_TK_2", 71: "P_MP_NA_2", 72: "M_TI_TA_2", 100: "C_RD_NA_2",
    102: "C_SP_NB_2", 103: "C_TI_NA_2", 122: "C_CI_NT_2", 123: "C_CI_NU_2", 129: "P_ME_NA_2", 133: "C_TA_VC_2",
    134: "C_TA_VM_2", 135: "M_TA_VC_2", 136: "M_TA_VM_2", 139: "M_IB_TG_2", 140: "M_IB_TK_2", 141: "C_RM_NA_2",
    142: "M_RM_NA_2", 144: "C_PC_NA_2", 145: "M_PC_NA_2", 147: "C_DF_NA_2", 148: "M_DF_NA_2", 150: "P_TA_IN_2",
    151: "R_TA_IN_2", 156: "P_RM_R2_2", 157: "R_RM_R2_2", 162: "P_IN_VA_2", 163: "R_IN_VA_2", 181: "C_CS_TA_2",
    182: "C_PI_NA_2", 183: "C_AC_NA_2", 187: "C_FS_NA_2", 189: "C_CB_NT_2", 190: "C_CB_NU_2",
}  # fmt: skip
# What a master asks with, and a meter mirrors.
REQUESTS = (100, 102, 103, 122, 123, 133, 134, 141, 144, 147, 150, 156, 162, 181, 182, 183, 187, 189, 190)
# Protocol reference 5, from bit 7 down.
QUALIFIER = ("IV invalid", "CA not synchronised", "CY overflow", "VH clock changed", "MP parameters changed",
             "INT intrusion", "AL supply failure", "RES")  # fmt: skip
UNITS = {
    "active": "kW", "reactive": "kvar", "cos_phi": "per mille", "current": "0.1 A", "voltage": "0.1 V", "power": "kW",
    "EaA": "kWh", "EiA": "kWh", "EaRi": "kvarh", "EiRi": "kvarh", "EaRc": "kvarh", "EiRc": "kvarh", "MPA": "kW",
    "vt_primary": "0.1 V", "vt_secondary": "0.1 V", "ct_primary": "0.1 A", "ct_secondary": "0.1 A", "battery": "%",
}  # fmt: skip
NEVER = "2000-00-00T00:00-0"  # a label of zeros (protocol reference 4)
QUALIFIER_KEYS = ("qualifier", "CA", "CRi", "CRc", "C7", "C8", "CMA", "CE")


class BadFrame(ValueError):
    """The text is not one good frame; the message says why."""


def parse_hex(text):
    """Bytes of hex digits; blanks, commas, colons, dashes and 0x are passed over. BadFrame otherwise."""
    digits = re.sub(r"0[xX]|[\s,:;-]", "", text)
    if not digits:
        raise BadFrame("no bytes")
    if not re.fullmatch("[0-9a-fA-F]+", digits):
        shown = "".join(c if " " <= c <= "~" else "?" for c in text.strip()[:40])
        raise BadFrame("not hexadecimal: %s" % shown)
    if len(digits) % 2:
        raise BadFrame("an odd number of hexadecimal digits")
    return bytes.fromhex(digits)


def why(raw):
    """What keeps `raw` from being a frame, for a person."""
    if raw[0] == 0x10:
        if len(raw) != 6:
            return "a fixed frame has 6 bytes, not %d" % len(raw)
        if raw[5] != 0x16:
            return "the end byte is %02X, not 16" % raw[5]
        return "checksum %02X, computed %02X" % (raw[4], sum(raw[1:4]) & 0xFF)
    if raw == b"\xe5":
        return "E5 is FT1.2's single character (an acknowledgement), not a frame"
    if raw[0] != 0x68:
        return "no start byte: a frame begins with 10 or 68, not %02X" % raw[0]
    if len(raw) < 15:
        return "a variable frame has at least 15 bytes, not %d" % len(raw)
    if raw[1] != raw[2]:
        return "the two lengths differ: %d and %d" % (raw[1], raw[2])
    if raw[3] != 0x68:
        return "the second start byte is %02X, not 68" % raw[3]
    if len(raw) != raw[1] + 6:
        return "length %d asks for %d bytes, there are %d" % (raw[1], raw[1] + 6, len(raw))
    if raw[-1] != 0x16:
        return "the end byte is %02X, not 16" % raw[-1]
    if sum(raw[4:-2]) & 0xFF != raw[-2]:
        return "checksum %02X, computed %02X" % (raw[-2], sum(raw[4:-2]) & 0xFF)
    return "length %d is too short for an ASDU" % raw[1]


def frame(raw, zone):
    """The frame as the dict of `--json`. BadFrame, Iec102Error."""
    parser = ft12.Parser()
    parser.feed(raw.lstrip(b"\xff"))  # some meters send FF before a frame
    if not parser.next() or parser.pending:
        raise BadFrame(why(raw))
    control = parser.control
    primary = control >> 6 & 1
    result = {
        "ok": True,
        "format": "fixed" if parser.asdu is None else "variable",
        "control": {
            "prm": primary,
            "fcb": control >> 5 & 1 if primary else 0,
            "fcv": control >> 4 & 1 if primary else 0,
            "acd": 0 if primary else control >> 5 & 1,
            "dfc": 0 if primary else control >> 4 & 1,
            "function": control & 15,
        },
        "link": parser.link,
    }
    if parser.asdu is None:
        return result
    asdu, cut = _asdu(bytes(parser.asdu), primary)
    if cut:
        result["cut"] = True
    result.update(
        {
            "type": asdu.type,
            "mnemonic": MNEMONICS[asdu.type],
            "vsq": asdu.vsq,
            "cause": asdu.cause,
            "negative": asdu.negative,
            "test": asdu.test,
            "point": asdu.point,
            "record": asdu.record,
            "objects": [plain(with_address(item), zone) for item in asdu.objects],
        }
    )
    if asdu.time:
        result["time"] = plain(asdu.time, zone)
    return result


def _asdu(raw, primary):
    """(the Asdu, whether only its head counts): meters shorten and alter what follows the head of a mirrored request,
    a refusal or a confirmation, and the master looks at no more of it. Iec102Error.
    """
    try:
        return codec.decode(raw), False
    except Iec102Error:
        cause = raw[2] & 0x3F
        mirrored = raw[0] in REQUESTS and cause in (7, 10)
        refused = raw[2] & 0x40 or 13 <= cause <= 18
        if primary or raw[0] not in MNEMONICS or not (mirrored or refused):
            raise
        asdu = codec.Asdu(raw[0], cause, raw[3] | raw[4] << 8, raw[5])
        asdu.count, asdu.sq = raw[1] & 0x7F, raw[1] >= 0x80
        asdu.negative, asdu.test = bool(raw[2] & 0x40), raw[2] >= 0x80
        return asdu, True


def with_address(item):
    """A tariff object under both names of its object address."""
    return dict({"address": item["DO"]}, **item) if "DO" in item else item


def plain(value, zone):
    """`value` with its time tags as dicts that JSON knows."""
    if isinstance(value, TimeTag):
        try:
            moment = dt.datetime.fromtimestamp(value.to_utc(zone), dt.timezone.utc)
            # Tag b has milliseconds; where there are none the text stays short.
            utc = moment.strftime("%Y-%m-%dT%H:%M:%S")
            utc += ".%03dZ" % value.millisecond if value.millisecond else "Z"
        except Iec102Error:
            utc = None
        return {
            "utc": utc,
            "summer": bool(value.su),
            "invalid": bool(value.iv),
            "text": value.text(),
        }
    if isinstance(value, dict):
        return {key: plain(item, zone) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, zone) for item in value]
    return value


def explain(result):
    """Lines for a person."""
    control = result["control"]
    flags = ("fcb", "fcv") if control["prm"] else ("acd", "dfc")
    yield "%s frame, %s, link address %d" % (
        result["format"],
        "master to meter" if control["prm"] else "meter to master",
        result["link"],
    )
    function = frame_text.function_of(control["prm"] << 6 | control["function"])
    bits = ", ".join("%s %d" % (flag.upper(), control[flag]) for flag in flags)
    yield "  function %d: %s (%s)" % (control["function"], function, bits)
    if "type" not in result:
        return
    cause = result["cause"]
    yield "  ASDU type %d %s, cause %d: %s%s%s" % (
        result["type"],
        result["mnemonic"],
        cause,
        frame_text.cause_of(cause),
        ", NEGATIVE" if result["negative"] else "",
        ", test" if result["test"] else "",
    )
    point = (result["point"], result["record"], result["vsq"])
    yield "  measuring point %d, record address %d, VSQ %d" % point
    if "cut" in result:
        yield "  what follows the head is cut or altered, as meters do in such answers"
    for item in result["objects"]:
        yield from tell(item, 2)
    if "time" in result:
        yield "  time %s" % moment_text(result["time"])


def moment_text(tag):
    notes = ", INVALID" if tag["invalid"] else ""
    if tag["text"] == NEVER:
        return "never%s" % notes
    return "%s (UTC %s, %s time%s)" % (
        tag["text"],
        tag["utc"] or "impossible",
        "summer" if tag["summer"] else "winter",
        notes,
    )


def tell(item, depth):
    """One object, a line for each value."""
    pad = "  " * depth
    head = "object %d" % item["address"] if "address" in item else "object"
    yield "%s%s" % (pad, head)
    for key, value in item.items():
        if key == "address":
            continue
        if isinstance(value, list):
            for number, part in enumerate(value, 1):
                text = describe_all(part) if isinstance(part, dict) else part
                yield "%s  %s %d: %s" % (pad, key, number, text)
        else:
            yield "%s  %s" % (pad, describe(key, value))


def describe_all(part):
    return ", ".join(describe(key, value) for key, value in part.items())


def describe(key, value):
    if isinstance(value, dict):
        return "%s %s" % (key, moment_text(value))
    if key in QUALIFIER_KEYS and value:
        bits = [name for i, name in enumerate(QUALIFIER) if value & 0x80 >> i]
        return "%s %d (%s)" % (key, value, ", ".join(bits))
    unit = UNITS.get(key)
    return "%s %s%s" % (key, value, " " + unit if unit else "")


def lines_of(args):
    if args.hex:
        # Bytes given one by one make one frame; whole frames given as words make several.
        if all(len(word) <= 4 for word in args.hex):
            return [" ".join(args.hex)]
        return args.hex
    if sys.stdin.isatty():
        print("type or paste frames, one a line; Ctrl-D ends (or at once: make decode 10 49 01 00 4a 16)", flush=True)
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")  # any bytes get an answer
    return (line for line in sys.stdin if line.strip())


def main(argv=None):
    parser = Parser(
        prog="tools.decode",
        example="make decode 10 49 01 00 4a 16",
        description="Explain IEC 60870-5-102 frames. Hex digits as arguments, or one frame a line on standard input.",
    )
    parser.add_argument("hex", nargs="*", help="a frame, such as 104901004a16 or 10 49 01 00 4a 16")
    parser.add_argument("--json", action="store_true", help="one JSON object a frame")
    parser.add_argument("--zone", default="Europe/Madrid", help="zone of the time tags (Europe/Madrid)")
    args = parser.parse_args(argv)
    try:
        zone = Zone(args.zone)
    except ValueError as error:
        parser.error(str(error))
    try:
        return tell_all(lines_of(args), zone, args.json)
    except BrokenPipeError:
        # Whoever read the output has had enough (head); Python must not complain about that at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def tell_all(lines, zone, as_json):
    """Print what each line is; 1 if one of them is no good frame, else 0."""
    bad = False
    for line in lines:
        try:
            result = frame(parse_hex(line), zone)
        except (BadFrame, Iec102Error) as error:
            bad = True
            result = {"ok": False, "error": str(error)}
        if as_json:
            print(json.dumps(result), flush=True)
        elif result["ok"]:
            print("\n".join(explain(result)))
        else:
            print("not a good frame: %s" % result["error"])
    sys.stdout.flush()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
