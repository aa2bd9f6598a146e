"""The LTE modem: AT channel, models as data, bring-up, CMUX, the PPP link and its recovery, SMS.

Only app and boards import from here; the face is `link.ModemLink` (docs/architecture.md, Link), which
prepare.py makes. What a link that stands needs every turn stays in memory: link.py, at.py and, with CMUX, cmux.py. All
else is functions of a link, loaded for as long as they run: nothing of theirs is given to what stays.
"""
