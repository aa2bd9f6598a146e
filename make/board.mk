# Over the cable to a board; `python -m tools.board --help` tells more. PORT= names its serial port.

BOARD ?=
PORT  ?=
IMAGE ?=
FILE  ?=
NAME  ?=
CA    ?=
CERT  ?=
KEY   ?=
BOARD_TOOL = $(PY) -m tools.board $(if $(PORT),--port $(PORT))

.PHONY: board-sim flash deploy rollback config certificate console backup restore release board-help

board-help:
	@echo "make flash BOARD= IMAGE=   put MicroPython onto the board, then the firmware (PORT= if there are several)"
	@echo "make deploy [BOARD=]       bring the firmware onto the board; only what changed; keeps the old version"
	@echo "make rollback              back to the version before"
	@echo "make config [FILE=]        settings, asked for or from a file; secrets are asked for"
	@echo "make config CERT= KEY= CA=   its certificate, key and root with it (docs/tls.md)"
	@echo "make certificate NAME=     a P-256 key for a device and the request for its certificate"
	@echo "make console               the device's console: AT lines, history"
	@echo "make backup / restore FILE=  settings and records into an encrypted file / settings out of it"
	@echo "make release               a signed release for the update over the air (docs/update.md)"

# No board yet: a simulated one (docs/no-hardware.md).
board-sim: $(STAMP)
	@exec $(PY) -m tools.board.sim $(WORDS)

flash: flash-has lib/.installed
	@$(BOARD_TOOL) flash --board "$(BOARD)" $(if $(IMAGE),--image "$(IMAGE)")
	@$(BOARD_TOOL) deploy --board "$(BOARD)" --wait 10

deploy: lib/.installed
	@$(BOARD_TOOL) deploy $(if $(BOARD),--board "$(BOARD)")

rollback: $(STAMP)
	@$(BOARD_TOOL) rollback

config: $(STAMP)
	@$(BOARD_TOOL) config $(if $(FILE),--file "$(FILE)") $(if $(CA),--ca "$(CA)") $(if $(CERT),--cert "$(CERT)") \
		$(if $(KEY),--key "$(KEY)")

certificate: certificate-has $(STAMP)
	@$(PY) -m tools.certificates request "$(NAME)"

console: $(STAMP)
	@$(BOARD_TOOL) console

backup: $(STAMP)
	@$(BOARD_TOOL) backup $(if $(FILE),"$(FILE)")

restore: restore-has $(STAMP)
	@$(BOARD_TOOL) restore "$(FILE)"

release: lib/.installed
	@$(PY) -m tools.release make
