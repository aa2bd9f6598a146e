"""What a person reads: texts of devices fit for a terminal."""


def shown(text):
    """`text` without what steers a terminal: names and words come from whoever writes to the broker."""
    return "".join(each if each.isprintable() else "?" for each in str(text))
