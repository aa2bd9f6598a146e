"""The fields of a line of the modem (V.250 5.7, TS 27.007)."""


def is_quotable(*texts):
    """Whether each of `texts` may stand between quotes in a line: no quote ends it, nothing ends the line."""
    return all(" " <= c != '"' and c != "\x7f" for text in texts for c in text)


def fields_of(line):
    """What follows the colon, split at commas outside quotes, quotes removed."""
    rest = line.partition(":")[2]
    fields, quoted, field = [], False, ""
    for char in rest:
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            fields.append(field.strip())
            field = ""
        else:
            field += char
    fields.append(field.strip())
    return fields
