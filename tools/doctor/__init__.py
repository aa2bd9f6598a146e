"""What is wrong between a meter and the broker, in words: `python -m tools.doctor --help`.

`meter` looks at a meter on a serial line, `modem` at a modem and its SIM, `broker` at the way from this computer to
the broker; `report` says what was found and what to do next, `serialline` opens ports.
"""
