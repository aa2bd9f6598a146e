"""Where in an AT line something stands that is not to be repeated: on a screen, in an answer, in the audit log.

Small, as it is loaded with each line that somebody types.
"""

_OURS = const("AT^MTXTUNNEL")
# Their arguments are PINs, passwords or names of accounts.
_PRIVATE = const((
    "+CPIN", "+CPWD", "+CLCK", "+CGAUTH", "+QICSGP", "^SGAUTH", "+QMTCONN", "+CPUK", "+CNUM",
))  # fmt: skip


def private_at(line, config):
    """Where in `line` a secret begins, which must not be repeated; its length if there is none."""
    upper = line.upper()
    at = line.find("=") + 1
    if not at:
        return len(line)
    bare = upper[:at].replace(" ", "")
    if bare == _OURS + "=":
        return _hidden(line, at, config)
    if bare.startswith("AT") and any(name in bare for name in _PRIVATE):
        return at
    return len(line)


def _hidden(line, at, config):
    # Semicolons count, whatever the setting: rather too much is hidden.
    end = len(line)
    first = separator(line, at)
    name = line[at:first].strip().upper()
    if name != "SETPARAM":
        # The last ones are spelled wrong.
        private = name in ("LOGIN", "SETCERT") or name[:4] == "SETP"
        return first + 1 if private and first < end else end
    second = separator(line, first + 1)
    try:
        private = second < end and config.row(line[first + 1 : second].strip())[0][2] in ("secret", "code")
    except ValueError:
        private = True  # a name spelled wrong: better nothing is said
    return second + 1 if private else end


def separator(text, start, both=True):
    """Where the next separator is; the length (or a `start` beyond it) where there is none."""
    while start < len(text) and text[start] not in (",;" if both else ","):
        start += 1
    return start
