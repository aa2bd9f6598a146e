# What may be said behind a command, NAME=value: a mistyped name would change nothing and say nothing.

VARIABLES := PYTHON INTERVAL SPEED METERS BROKER BOARD_CLASS BOARD PORT IMAGE FILE NAME CA CERT KEY DEVICE DEVICES ONCE
# make's own and those of compilers are none of ours to judge; what begins with -- is an option (Makefile: WORDS).
OTHERS := PY VENV MAKE% -% SHELL CC CFLAGS CPPFLAGS CXX CXXFLAGS LDFLAGS
TYPED := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
STRANGE := $(filter-out $(VARIABLES) $(OTHERS),$(TYPED))
ifneq (,$(STRANGE))
$(error there is no variable $(firstword $(STRANGE)). Those there are: $(VARIABLES); `make help` says where)
endif

# $(call need,NAME,what it is,example): go on when it was said, else say what is missing and how it is said.
need = @[ -n "$($(1))" ] || { printf '%s\n' 'make: $(1)= is missing: $(2)' 'for example: make $(firstword $(MAKECMDGOALS)) $(3)' >&2; exit 1; }

.PHONY: flash-has restore-has pico-has certificate-has page-has
page-has:
	@[ -n "$(PORT)$(BROKER)" ] || { printf '%s\n' 'make: PORT= or BROKER= is missing: the console of a device, or the broker it is behind' 'for example: make page PORT=/dev/ttyUSB0' >&2; exit 1; }

flash-has:
	$(call need,BOARD,which board it is; docs/boards.md lists them,BOARD=lilygo_t_sim7600 IMAGE=ESP32_GENERIC.bin)
	$(call need,IMAGE,the file with MicroPython for that board; docs/boards.md says which,BOARD=$(BOARD) IMAGE=$(if $(filter pico%,$(BOARD)),RPI_PICO_W.uf2,ESP32_GENERIC.bin))

restore-has:
	$(call need,FILE,the backup to restore that `make backup` made,FILE=site.backup)

certificate-has:
	$(call need,NAME,who the device is: its IMEI or what the authority wants,NAME=860000000000001)

pico-has:
	$(call need,IMAGE,MicroPython for RPI_PICO_W from micropython.org/download/RPI_PICO_W,IMAGE=RPI_PICO_W.uf2)
