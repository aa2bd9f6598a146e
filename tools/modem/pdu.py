"""Short messages as the simulated modem has them in PDU mode (3GPP TS 23.040 9.2; alphabet: TS 23.038 6.2.1).

Written apart from the firmware's: each is the other's proof.
"""

import struct
import time

GSM = dict(
    enumerate(
        "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\0ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
        "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
    )
)
EXTENSION = {10: "\f", 20: "^", 40: "{", 41: "}", 47: "\\", 60: "[", 61: "~", 62: "]", 64: "|", 101: "€"}
_CODES = {letter: [code] for code, letter in GSM.items() if code != 27}
_CODES.update({letter: [27, code] for code, letter in EXTENSION.items()})


def septets(text):
    """The codes of `text`, or None where it has letters the alphabet does not."""
    try:
        return [code for letter in text for code in _CODES[letter]]
    except KeyError:
        return None


def pack(codes):
    number = sum(code << 7 * place for place, code in enumerate(codes))
    return number.to_bytes((7 * len(codes) + 7) // 8, "little")


def unpack(data, count):
    number = int.from_bytes(data, "little")
    return [number >> 7 * place & 127 for place in range(count)]


def letters(codes):
    text, escaped = "", False
    for code in codes:
        if escaped:
            text += EXTENSION.get(code, " ")
        elif code != 27:
            text += GSM[code]
        escaped = code == 27 and not escaped
    return text


def _swapped(digits):
    digits += "F" * (len(digits) % 2)
    return bytes(int(digits[at + 1] + digits[at], 16) for at in range(0, len(digits), 2))


def address(number):
    """A phone number, or the name of a sender that has letters (or stands in apostrophes)."""
    if number.strip("+0123456789"):
        codes = septets(number.strip("'"))
        data = pack(codes)
        return bytes([(7 * len(codes) + 3) // 4, 0xD0]) + data
    return bytes([len(number.lstrip("+")), 0x91 if number[:1] == "+" else 0x81]) + _swapped(number.lstrip("+"))


def parts(text, reference):
    """[(text, user data header), …] of the messages a phone makes of one (23.040 9.2.3.24.1)."""
    most, each = (70, 67) if septets(text) is None else (160, 153)
    found, length = [""], 0
    if sum(_length(letter, most) for letter in text) <= most:
        return [(text, b"")]
    for letter in text:
        count = _length(letter, most)
        if length + count > each:
            found.append("")
            length = 0
        found[-1] += letter
        length += count
    return [(part, bytes((0, 3, reference, len(found), at + 1))) for at, part in enumerate(found)]


def _length(letter, most):
    return len(letter.encode("utf-16-be")) // 2 if most == 70 else len(_CODES[letter])


def deliver(number, text, utc, header=b"", coding=None):
    """A message that comes, as hexadecimal with its service centre before it. `header`: a user data header."""
    codes = septets(text)
    coding = (8 if codes is None else 0) if coding is None else coding
    udh = bytes([len(header)]) + header if header else b""
    if coding == 8:
        data = udh + text.encode("utf-16-be")
        length = len(data)
    elif coding == 4:
        data = udh + text.encode("latin-1")
        length = len(data)
    else:
        fill = (len(udh) * 8 + 6) // 7
        bits = int.from_bytes(pack([0] * fill + codes), "little") | int.from_bytes(udh, "little")
        length = fill + len(codes)
        data = bits.to_bytes((7 * length + 7) // 8, "little")
    stamp = _swapped(time.strftime("%y%m%d%H%M%S", time.gmtime(utc)) + "00")
    first = 0x44 if header else 0x04
    return (
        (
            (b"\x07\x91" + _swapped("34609090909") + bytes([first]) + address(number))
            + bytes([0, coding])
            + stamp
            + struct.pack("B", length)
            + data
        )
        .hex()
        .upper()
    )


def submitted(line):
    """(number, text, bytes AT+CMGS has to count) of a message that is to go out. ValueError: it is none."""
    data = bytes.fromhex(line)
    at = 1 + data[0]
    if data[at] & 3 != 1 or data[at] & 0x18:
        raise ValueError("no SMS-SUBMIT without a validity period")
    digits, kind = data[at + 2], data[at + 3]
    end = at + 4 + (digits + 1) // 2
    number = "".join("%X%X" % (byte & 15, byte >> 4) for byte in data[at + 4 : end])[:digits]
    coding, length = data[end + 1], data[end + 2]
    if not number.isdigit() or coding or length > 160 or len(data) != end + 3 + (7 * length + 7) // 8:
        raise ValueError("wrong lengths")
    return ("+" if kind == 0x91 else "") + number, letters(unpack(data[end + 3 :], length)), len(data) - 1 - data[0]
