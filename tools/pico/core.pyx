# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The core in C (core.h) on the memory and the clock of a chip of rp2040py."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from rp2040py.native._cortex_m0_core cimport CortexM0Core
from rp2040py.native._rp2040 cimport RP2040
from rp2040py.native._simulation_clock cimport ClockAlarm, SimulationClock

cdef extern from "core.h":
    ctypedef struct CCore "Core":
        uint32_t *r
        uint8_t *sram
        uint8_t *flash
        uint8_t *rom
        uint32_t sram_size
        int n, z, c, v
        int64_t budget, cycles
        double timer_ns
        uint64_t instructions, handed_over, misses
        uint32_t miss_clocks
    void core_reset(CCore *)
    int core_run(CCore *)
    int sio_read(CCore *, uint32_t, uint32_t *)
    int sio_write(CCore *, uint32_t, uint32_t)
    double CLOCK_NS

cdef extern from "sys/mman.h":
    void *mmap(void *, size_t, int, int, int, long)
    void *MAP_FAILED
    int PROT_READ, PROT_WRITE, MAP_SHARED, MAP_FIXED

# Longest run without a look at what became due.
cdef double MOST_CLOCKS = 125000
# A state machine of PIO moves along with the core: it talks to the radio chip with its own clock.
cdef double PIO_CLOCKS = 4


cdef class Core:
    """`ram`: a bytearray, `flash`: 16 MiB that can be written (mmap); both take the place of what the chip has.

    `run()` returns after `stop()`, which a callback of the clock may call.
    """

    cdef CCore *m
    cdef RP2040 chip
    cdef list pios
    cdef bint stopped
    cdef readonly double idle_ns

    def __cinit__(self):
        self.m = <CCore *> calloc(1, sizeof(CCore))
        if self.m is NULL:
            raise MemoryError
        core_reset(self.m)

    def __dealloc__(self):
        free(self.m)

    def __init__(self, RP2040 chip, ram, flash, int miss_clocks):
        cdef CortexM0Core slow = chip.core
        self.chip = chip
        chip._sram = ram
        chip.ram_byte_size = len(ram)
        chip._flash = flash
        self.m.r = &slow.registers[0]
        self.m.sram = &chip._sram[0]
        self.m.sram_size = chip.ram_byte_size
        self.m.flash = &chip._flash[0]
        self.m.rom = <uint8_t *> &chip._bootrom[0]
        self.m.miss_clocks = miss_clocks
        self.pios = list(chip.pio)
        self.stopped = False
        self.idle_ns = 0

    def sio_read(self, uint32_t offset):
        """A register of SIO (int), or None: not one of those in C."""
        cdef uint32_t value = 0
        return value if sio_read(self.m, offset, &value) else None

    def sio_write(self, uint32_t offset, uint32_t value):
        """Whether it was one of those in C."""
        return bool(sio_write(self.m, offset, value))

    def reset(self):
        core_reset(self.m)

    def keep(self, int file, long offset, long size):
        """Let part of the flash be an open file from now on: what is written stays when this process is killed."""
        cdef void *at = mmap(self.m.flash + offset, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0)
        if at == MAP_FAILED:
            raise OSError("cannot map the flash's file")

    def stop(self):
        self.stopped = True

    def counters(self):
        return {
            "instructions": self.m.instructions,
            "handed_over": self.m.handed_over,
            "cache_misses": self.m.misses,
            "idle_s": self.idle_ns / 1e9,
        }

    def run(self):
        cdef CCore *m = self.m
        cdef CortexM0Core slow = self.chip.core
        cdef SimulationClock clock = self.chip.clock
        cdef ClockAlarm alarm
        cdef double left
        cdef int theirs, cycles
        cdef long turns = 0
        cdef bint pio = False
        cdef double epoch = 0
        timer = self.chip.timer
        while not self.stopped:
            alarm = clock._next_alarm
            if slow.waiting:
                # Nothing happens until an alarm does something.
                left = max(alarm.nanos - clock._nanos_counter, 0.0)
                self.idle_ns += left
                clock.tick(left)
                if pio:
                    self.advance(<long> (left / CLOCK_NS))
                continue
            theirs = 1
            if not slow.interrupts_updated:
                left = MOST_CLOCKS
                if alarm is not None:
                    left = min((alarm.nanos - clock._nanos_counter) / CLOCK_NS + 1, left)
                if pio:
                    left = min(left, PIO_CLOCKS)
                m.budget = <int64_t> max(left, 1.0)
                m.timer_ns = clock._nanos_counter - epoch
                m.n, m.z, m.c, m.v = slow.n, slow.z, slow.c, slow.v
                theirs = core_run(m)
                slow.n, slow.z, slow.c, slow.v = m.n, m.z, m.c, m.v
                if m.cycles:
                    slow.cycles += <unsigned long long> m.cycles
                    clock.tick(m.cycles * CLOCK_NS)
                    if pio:
                        self.advance(<long> m.cycles)
            if theirs:
                cycles = slow.execute_instruction()
                clock.tick(cycles * CLOCK_NS)
                if pio:
                    self.advance(cycles)
                # A restart of the chip begins a new one.
                epoch = timer._epoch_nanos
                turns += 1
                if turns & 15 == 0:
                    pio = self.pio_runs()

    cdef bint pio_runs(self):
        for pio in self.pios:
            if not pio.stopped:
                return True
        return False

    cdef advance(self, long clocks):
        for pio in self.pios:
            if not pio.stopped:
                pio.advance(max(clocks, 1))
