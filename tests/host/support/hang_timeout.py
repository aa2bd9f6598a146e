"""Ends a test that hangs: pytest-timeout's seconds, counted by tools/patience.py instead of the wall clock."""

import signal
import threading

import pytest
import pytest_timeout

from tools import patience

_LOOK_S = 0.5
_timers = {}  # node id of a test -> the event that ends its timer


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item, settings):
    if threading.current_thread() is not threading.main_thread():
        return None  # no signal reaches the test there: pytest-timeout's own way
    limit, over = patience.Limit(settings.timeout), threading.Event()

    def watch():
        while not over.wait(_LOOK_S):
            if limit.passed():
                signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)
                return

    signal.signal(signal.SIGALRM, lambda *_: pytest_timeout.timeout_sigalrm(item, settings))
    _timers[item.nodeid] = over
    threading.Thread(target=watch, name="hang guard", daemon=True).start()
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_cancel_timer(item):
    over = _timers.pop(item.nodeid, None)
    if not over:
        return None
    over.set()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    return True
