# An emulated Pico W with MicroPython's own image; docs/development.md. ONCE=1: end after the first record.

ONCE ?=
PICO = $(VENV)/.pico

.PHONY: pico test-pico pico-help

pico-help:
	@echo "make pico IMAGE= [ONCE=1]  the firmware on an emulated Pico W with that image (UF2 of RPI_PICO_W, 1.29 or newer)"
	@echo "make test-pico IMAGE=      its tests there, more than an hour"

$(PICO): $(STAMP)

pico: pico-has build
	@$(PY) -m tools.pico --check "$(IMAGE)"
	@$(MAKE) --no-print-directory $(PICO)
	@exec $(PY) -m tools.pico $(if $(ONCE),--once) "$(IMAGE)"

test-pico: pico-has build
	@$(PY) -m tools.pico --check "$(IMAGE)"
	@$(MAKE) --no-print-directory $(PICO)
	@IMAGE="$(IMAGE)" $(PY) -m pytest tests/pico
