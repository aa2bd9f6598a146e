"""Every wait of the modem in one table, in ms: name -> value. docs/modems.md explains them (a test
compares).

A setting `timing` of ModemLink overrides single ones; tests do. Times that depend on the model
(boot, pulses) are in profiles.py and are multiplied by `scale` / 100.
"""

TABLE = {
    "turn": 20,
    "at": 300,
    "guard": 1100,
    "sim": 20000,
    "register": 180000,
    "denied": 30000,
    "look": 2000,
    "mux": 1000,
    "dial": 75000,
    "ppp": 30000,
    "close": 15000,
    "stable": 60000,
    "backoff_min": 2000,
    "backoff_max": 900000,
    "blocked": 60000,
    "probe": 10000,
    "watch": 60000,
    "watch_answer": 5000,
    "quiet": 30000,
    "ask": 10000,
    "dcd": 1500,
    "no_carrier": 500,
    "time": 43200000,
    "scale": 100,
}
