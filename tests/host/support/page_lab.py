"""A laboratory (twin_lab.py) whose device has a page."""

import http.client

from tests.host.support import brokers
from tests.host.support.page_client import Browser
from tests.host.support.twin_lab import Lab
from tools import micropython

PASSWORD = "a good password"
BROKER_SECRET = "hush-hush-broker"


class Page(Lab):
    """A laboratory whose device has a page on a port of its own."""

    def __init__(self, folder, heap=micropython.MIDDLE, settings=None, **more):
        self.web = brokers.free_port()
        values = {"page.password": PASSWORD, "page.port": self.web, "mqtt.password": BROKER_SECRET}
        values.update({"page.commands": "*", "mqtt.commands": "*", **(settings or {})})
        super().__init__(folder, settings=values, heap=heap, **more)

    def open(self):
        self.twin.start()
        self.twin.wait_line("I page: http://", 60)
        return self

    def tab(self, password=PASSWORD):
        made = Browser(self.web)
        assert made.login(password).status == 200
        return made

    def serves(self):
        """Whether the page answers. Where none does another program may have got the port meanwhile."""
        try:
            return Browser(self.web).get("/api/about").status == 200
        except (OSError, http.client.HTTPException):
            return False
