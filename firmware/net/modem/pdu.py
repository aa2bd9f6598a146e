"""Short messages as they go over the air, in hexadecimal: what is in them can be no line of the modem.

3GPP TS 23.040 9.2 (SMS-DELIVER, SMS-SUBMIT, 9.1.2.5 addresses), TS 23.038 4 and 6.2.1 (data coding, alphabet).
"""

from binascii import hexlify, unhexlify

_ESCAPE = const(27)
# The alphabet of 7 bits, and what codes stand for behind an escape.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = b"\n\x14()/<=>@e"
_ESCAPED = "\f^{}\\[~]|€"
_NIBBLES = "0123456789*#abc"


def received(line):
    """(number, text) of a message that has come, None of anything else: one we have stored, a report, rubbish.

    A sender that is a name instead of a number stands in apostrophes, though it may have nothing but digits.
    """
    try:
        data = unhexlify(line)
        at = 1 + data[0]
        first, digits, kind = data[at], data[at + 1], data[at + 2]
        if first & 3:
            return None
        end = at + 3 + (digits + 1) // 2
        number = _sender(data[at + 3 : end], digits, kind >> 4 & 7)
        coding, length = data[end + 1], data[end + 9]
        return number, _text(data[end + 10 :], length, coding, first & 0x40)
    except (ValueError, IndexError):
        return None


def part_of(line):
    """(reference, how many, which one) where `line` is one of several messages that are one (23.040 9.2.3.24.1)."""
    data = unhexlify(line)
    at = 1 + data[0]
    if data[at] & 0x40:
        at += 13 + (data[at + 1] + 1) // 2
        # The header may say that it is longer than the message.
        end = min(at + data[at] + 1, len(data))
        at += 1
        while at + 4 < end:
            kind, size = data[at], data[at + 1]
            if (kind == 0 or kind == 8) and at + size + 1 < end:
                return data[at + 2 : at + size], data[at + size], data[at + size + 1]
            at += 2 + size
    return None


def _sender(data, digits, kind):
    if kind == 5:
        return "'%s'" % _letters(_septets(data, digits * 4 // 7))
    text = ""
    for byte in data:
        text += _NIBBLES[byte & 15]
        if len(text) < digits:
            text += _NIBBLES[byte >> 4]
    return "+" + text if kind == 1 else text


def _text(data, length, coding, headed):
    """The text behind the header, if there is one. IndexError: there is less than it should be."""
    skip = data[0] + 1 if headed else 0
    alphabet = coding >> 2 & 3
    if coding >= 0xC0:
        alphabet = (0, 0, 2, coding >> 2 & 1)[coding >> 4 & 3]
    if alphabet in (0, 3):
        return _letters(_septets(data, length)[(skip * 8 + 6) // 7 :])
    if len(data) < length:
        raise IndexError
    if alphabet == 1:
        return "".join(chr(byte) if byte < 128 else "?" for byte in data[skip:length])
    codes = [data[at] << 8 | data[at + 1] for at in range(skip, length - 1, 2)]
    return "".join("?" if 0xD800 <= code < 0xE000 else chr(code) for code in codes)


def _septets(data, count):
    """The first `count` values of 7 bits, the lowest bits first. IndexError."""
    found = bytearray(count)
    for number in range(count):
        at, shift = number * 7 // 8, number * 7 % 8
        value = data[at] >> shift
        if shift > 1:
            value |= data[at + 1] << 8 - shift
        found[number] = value & 127
    return found


def _letters(codes):
    text, escaped = "", False
    for code in codes:
        if escaped:
            at = _EXTENDED.find(bytes((code,)))
            text += _ESCAPED[at] if at >= 0 else _BASIC[code]
        elif code != _ESCAPE:
            text += _BASIC[code]
        escaped = code == _ESCAPE and not escaped
    return text


def _codes(letter):
    """A letter in the alphabet of 7 bits: one code or two; what it has no code for is a question mark."""
    at = _BASIC.find(letter)
    if at >= 0 and at != _ESCAPE:
        return bytes((at,))
    at = _ESCAPED.find(letter)
    return bytes((_ESCAPE, _EXTENDED[at])) if at >= 0 else b"?"


def parts(text, most):
    """Yield `text` in pieces of at most `most` codes."""
    piece, length = "", 0
    for letter in text:
        count = len(_codes(letter))
        if length + count > most:
            yield piece
            piece, length = "", 0
        piece += letter
        length += count
    if piece:
        yield piece


def to_send(number, text):
    """(bytes for AT+CMGS to count, the message in hexadecimal) of `text` to a number of digits, + before it or not."""
    digits = number.lstrip("+")
    padded = digits + "F" * (len(digits) % 2)
    address = unhexlify("".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2)))
    codes = b"".join(_codes(letter) for letter in text)
    packed = bytearray((len(codes) * 7 + 7) // 8)
    for place, code in enumerate(codes):
        at, shift = place * 7 // 8, place * 7 % 8
        packed[at] |= code << shift & 255
        if shift > 1:
            packed[at + 1] |= code >> 8 - shift
    head = bytes((1, 0, len(digits), 0x91 if number[:1] == "+" else 0x81))
    data = head + address + bytes((0, 0, len(codes))) + packed
    return len(data), "00" + hexlify(data).decode().upper()
