"""A mix of faults by chance, such as a modem in the field has on an ordinary day.

Each is one that a link has to live with: it comes up in spite of all of them, in time, and what one of them breaks
comes back by itself. What only a person can help (a blocked SIM, no network at all) is no weather.
"""

from tools.modem.faults import Faults


def mix(random):
    """Faults (name -> value) for one run; `random`: a random.Random, which decides everything."""
    faults = Faults()
    for name, chance, value in (
        ("chatter", 0.5, lambda: round(random.uniform(2, 90), 1)),
        ("inside", 0.3, lambda: random.randint(1, 2)),
        ("first", 0.3, lambda: random.randint(1, 2)),
        ("before-echo", 0.2, lambda: 1),
        ("behind", 0.5, lambda: random.randint(1, 4)),
        ("connected", 0.3, lambda: random.randint(1, 2)),
        ("everywhere", 0.3, lambda: 1),
        ("last-channel", 0.3, lambda: 1),
        ("split", 0.4, lambda: random.randint(1, 60)),
        ("slow", 0.3, lambda: round(random.uniform(0.05, 0.6), 2)),
        ("late", 0.2, lambda: round(random.uniform(0.2, 4), 1)),
        ("register", 0.4, lambda: round(random.uniform(1, 90))),
        ("states", 0.4, lambda: "%d/%d/%d:%d" % (*random.choices((0, 2, 3, 4, 8, 11), k=3), random.randint(5, 90))),
        ("late-clock", 0.4, lambda: round(random.uniform(5, 3600))),
        ("epoch", 0.1, lambda: random.choice(_EPOCHS)),
        ("roaming", 0.3, lambda: 1),
        ("echo", 0.2, lambda: 1),
        ("noise", 0.1, lambda: random.randint(1, 8)),
        ("no-pinr", 0.3, lambda: 1),
        ("pin-again", 0.3, lambda: round(random.uniform(1.5, 8), 1)),
        ("alphabets", 0.4, lambda: random.choice(("UCS2/GSM", "GSM", "IRA", "GSM/UCS2", "UCS2/IRA"))),
        ("no-cmux", 0.1, lambda: 1),
        ("hang-up", 0.4, lambda: round(random.uniform(30, 3600))),
        ("mux-crash", 0.15, lambda: round(random.uniform(60, 3600))),
        ("crash", 0.15, lambda: round(random.uniform(300, 7200))),
        ("slow-boot", 0.2, lambda: round(random.uniform(1, 20), 1)),
    ):
        # Drawn in any case, so that a change of one leaves the others as they are.
        drawn = value()
        if random.random() < chance:
            faults.set(name, drawn)
    return faults


# Where clocks begin that nobody has set: u-blox/ubxlib 244 (70, 80), vshymanskyy/TinyGSM 228 and 289 (04), SIMCom's
# and Quectel's (80); 69 is 70 with a zone.
_EPOCHS = (
    *("70/01/01,00:00:08+00", "80/01/06,00:00:12+00", "04/01/01,00:00:40+12", "69/12/31,16:00:05-32"),
    "00/01/01,00:00:00",
)
