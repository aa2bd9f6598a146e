# The device's page in a browser of this computer, over the cable or through the broker; docs/page.md.

DEVICE ?=

.PHONY: page test-page page-help

page-help:
	@echo "make page PORT=            the page of a device in your browser, over the cable (docs/page.md)"
	@echo "make page BROKER= [DEVICE=]  the same for devices behind a broker; DEVICE= its IMEI, else all that are online"
	@echo "make test-page             the tests of the page in a browser (apt-get install chromium mosquitto)"

$(VENV)/.page: $(STAMP)

page: page-has $(STAMP)
	@exec $(PY) -m tools.page $(if $(BROKER),--broker "$(BROKER)" $(if $(DEVICE),--device "$(DEVICE)"),"$(PORT)") $(WORDS)

test-page: build $(VENV)/.page
	@$(PY) -m pytest -n 2 tests/page
