"""The fields of a line of the modem (V.250 5.7, TS 27.007)."""


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
