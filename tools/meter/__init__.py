"""A simulated IEC 60870-5-102 meter: `python -m tools.meter --help`.

`tariff` and `load` say what flows at any time, `model` sums it up and keeps the meter's clock, `events` what happened;
`curves`, `billing` and `answers` turn that into ASDUs or a `refusal`, `encoding` those into bytes; `station` is the
meter's side of the link. `faults` spoil answers, `manners` are odd ones of the meter itself, `line` and `transport`
carry them at the pace of a wire, `control` takes orders meanwhile, `weather` makes some up, `values` loads fixed
values. `station.Station` and `model.Meter` need no socket and no real clock, so that tests can run months in seconds.
Nothing in firmware/ imports from here.
"""
