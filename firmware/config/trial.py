"""Changes that have yet to prove themselves: each public function is a method of Config, `config` being itself.

What is staged or on trial stands in a file of its own; the settings' file keeps the old values until confirm().
"""

from firmware.config.edit import keep, put, save, stage
from firmware.config.text import row


def trial(config, values, seconds):
    """Put `values` in force for `seconds`: then confirm() or expire(). ConfigError, OSError."""
    stage(config, values, seconds)
    begin_trial(config)


def begin_trial(config):
    """Put what is staged in force; the file keeps the old values. A restart before confirm() takes it back."""
    if config.staged:
        config.trying = config.trial_seconds
        keep(config)


def restage(config):
    """What is staged or on trial waits for the next load() and is on trial from then on. OSError."""
    config.trying = 0
    keep(config)


def confirm(config):
    """What was on trial is good. OSError."""
    if not config.trying:
        return
    for full in config.staged:
        put(config, row(config, full)[0], full, config.staged[full])
    save(config)
    expire(config)


def expire(config):
    """Take back what is staged or on trial; returns the names."""
    names = sorted(config.staged)
    config.staged = {}
    config.trying = 0
    keep(config)
    return names
