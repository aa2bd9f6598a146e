"""A red run ends with the failing tests' own words, however much they printed: who reads the last page sees why."""

import pytest

_FAILURES, _LINES, _WIDTH = 5, 5, 160


def said(report):
    """The lines in which a failure says what was wrong (list of str)."""
    lines = str(report.longrepr).splitlines()
    told = [line[1:].strip() for line in lines if line.startswith("E ")]
    told = told or [line.strip() for line in lines if line.strip()][-_LINES:]
    return [line[:_WIDTH] for line in told if line][:_LINES]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter):
    # After pytest's own summary: where CI is set it has whole messages, however many lines they have.
    yield
    red = [*terminalreporter.stats.get("error", ()), *terminalreporter.stats.get("failed", ())]
    if not red:
        return
    terminalreporter.write_sep("=", "what the failing tests say")
    for report in red[:_FAILURES]:
        terminalreporter.write_line(report.nodeid)
        for line in said(report):
            terminalreporter.write_line("    " + line)
    if len(red) > _FAILURES:
        terminalreporter.write_line("and %d more" % (len(red) - _FAILURES))
