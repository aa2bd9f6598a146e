"""Tests side by side, above all the cases of one: what mostly waits for meters, modems and timeouts waits once."""

import functools
import inspect
from concurrent.futures import ThreadPoolExecutor

# Of a module's cases, at a time: each is a process or three that mostly sleep.
_AT_ONCE = 4
_running = {}  # node id of a case -> its future


def together(body):
    """Decorate a test: it, or each of its cases, begins with the module's first test, beside the others.

    Each has its own result. They run in threads, so they get their parameters and a `tmp_path`, no other fixtures.
    """

    @functools.wraps(body)
    def test(request, **_):
        _running[request.node.nodeid].result()

    own = [each for each in inspect.signature(body).parameters.values() if each.name != "tmp_path"]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    test.__signature__ = inspect.Signature([inspect.Parameter("request", kind), *own])
    test.side_by_side = body
    return test


def begin(request):
    """For a module's fixture: carry out the cases of its tests that were selected."""
    cases = [
        item for item in request.session.items if item.path == request.path and hasattr(item.function, "side_by_side")
    ]
    if not cases:
        yield
        return
    folders = request.getfixturevalue("tmp_path_factory")
    with ThreadPoolExecutor(_AT_ONCE, "side by side") as pool:
        for item in cases:
            body = item.function.side_by_side
            arguments = dict(item.callspec.params) if hasattr(item, "callspec") else {}
            if "tmp_path" in inspect.signature(body).parameters:
                arguments["tmp_path"] = folders.mktemp("case")
            _running[item.nodeid] = pool.submit(body, **arguments)
        yield
        pool.shutdown(cancel_futures=True)
