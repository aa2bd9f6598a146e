"""What the tests of the page share: one Chromium a worker, the twin's device, pages that ask no other host.

The device is opened as http://device.test: localhost is a secure context for a browser, a device on a network is not,
and what differs (no crypto.subtle) is what the page has to live with. A strict policy refuses what Playwright calls
wait_for_function, so tests wait by locators alone.
"""

import re
import signal

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.host.support import guardian, programs
from tests.host.support.page_lab import PASSWORD, Page
from tools import micropython32
from tools.build import ROOT

SHOTS = ROOT / "build" / "screenshots"
_OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
_WAIT_MS = 30000


def pytest_configure(config):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        guardian.begin()


class Screen:
    """A browser's page on `url`; what it says on its console and which hosts it asks is kept."""

    def __init__(self, browser, url, **context):
        self.url = url
        self.context = browser.new_context(
            **{"locale": "en-GB", "viewport": {"width": 1100, "height": 900}, **context}
        )
        self.context.set_default_timeout(_WAIT_MS)
        self.page = self.context.new_page()
        self.errors, self.hosts = [], set()
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.errors.append(said.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda asked: self.hosts.add(re.match(r"\w+:(?://)?([^/]*)", asked.url)[1]))

    def open(self, part=""):
        self.page.goto(self.url + ("#" + part if part else ""))
        return self

    def login(self, password=PASSWORD, label="Password of the device"):
        self.page.get_by_label(label).fill(password)
        self.page.locator("form button").click()
        return self

    @property
    def main(self):
        return self.page.locator("main")

    def has(self, text, seconds=30):
        expect(self.main).to_contain_text(text, timeout=seconds * 1000)
        return self

    def button(self, name):
        return self.page.get_by_role("button", name=name, exact=True)

    def shot(self, name):
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / (name + ".png"), full_page=True)

    def small_shot(self, name):
        """What is on the screen, for docs/page.md."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / ("page-%s.png" % name))

    def faults(self):
        """What axe-core finds. Its script comes past the policy by the browser's own door."""
        code = (micropython32.install(name="axe") / "axe.min.js").read_text()
        self.page.evaluate(code + ";0")
        found = self.page.evaluate("() => axe.run(document)")
        return ["%s: %s" % (each["id"], node["html"][:120]) for each in found["violations"] for node in each["nodes"]]

    def close(self):
        """Nothing was said on the console, nobody else was asked. By a 401 the page learns that it has to log in."""
        self.context.close()
        wrong = [each for each in self.errors if not re.search(r"status of (401|403|429)", each)]
        host = re.match(r"\w+://([^/]*)", self.url)[1]
        assert wrong == [] and self.hosts - {host, "blob", ",", ""} == set(), (wrong, self.hosts)


@pytest.fixture(scope="session")
def browser():
    path = programs.need("chromium")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=path, args=[*_OPTIONS, "--host-resolver-rules=MAP device.test 127.0.0.1"]
        )
        yield made
        made.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A device with a page whose settings stay over a restart."""
    values = {"page.hosts": "device.test", "meter.0.curve": 60, "meter.0.curve_days": 2}
    made = Page(tmp_path_factory.mktemp("page"), settings=values, keep=True).open()
    made.record(60)
    yield made
    made.close()


@pytest.fixture
def screens(browser):
    """Makes a Screen; all are closed and looked at in the end."""
    made = []

    def screen(url, **context):
        made.append(Screen(browser, url, **context))
        return made[-1]

    yield screen
    for each in made:
        each.close()


@pytest.fixture
def device(lab, screens):
    """Makes a Screen on the lab's device, logged in."""

    def screen(part="", **context):
        found = screens("http://device.test:%d/" % lab.web, **context).open(part)
        label = "Contraseña del equipo" if context.get("locale", "").startswith("es") else "Password of the device"
        return found.login(label=label)

    return screen
