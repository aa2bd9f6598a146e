"""The LTE modem: AT channel, models as data, bring-up, CMUX, the PPP link and its recovery, SMS.

Only app.py and the boards import from here; the face is `link.ModemLink` (docs/architecture.md,
Link). What is not always needed (error words, model data, CMUX, SMS) is loaded when it is.
"""
