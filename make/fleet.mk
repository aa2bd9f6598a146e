# The other end of the devices: records of many into a database; docs/fleet.md.

DEVICES ?= 5

.PHONY: fleet fleet-postgres fleet-help

fleet-help:
	@echo "make fleet [DEVICES=5]     records of simulated devices into a database, exactly once, and what is missing"
	@echo "make fleet-postgres        what tools.fleet wants for PostgreSQL"

$(VENV)/.fleet: $(STAMP)

fleet: $(STAMP)
	@exec $(PY) -m tools.fleet try --devices $(DEVICES)

fleet-postgres: $(VENV)/.fleet
