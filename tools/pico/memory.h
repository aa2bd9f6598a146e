/* What the RP2040's core reaches without rp2040py: RAM, flash behind its cache, boot ROM, part of SIO, the time.

   Everything else (peripherals, the rest of SIO) is answered with 0 here and done by rp2040py. Addresses and the
   cache's form: RP2040 data sheet 2.2 (address map), 2.3.1 (SIO), 2.6.3 (XIP), 4.6 (timer). */
#include <stdint.h>
#include <string.h>

#define SETS 1024 /* of two lines of 8 bytes each: 16 KiB */
#define ALWAYS static inline __attribute__((always_inline))

typedef struct {
    uint32_t *r; /* the registers of rp2040py's core */
    uint8_t *sram, *flash, *rom;
    uint32_t sram_size;
    int n, z, c, v;
    int64_t budget, cycles;
    double timer_ns; /* of the chip's timer when cycles was 0 */
    uint64_t instructions, handed_over;
    /* flash cache: what a miss costs in clocks, the lines in it, which of two goes next */
    uint32_t miss_clocks, tag[SETS][2], last_line;
    uint8_t oldest[SETS];
    uint64_t misses;
    /* SIO: divider and spinlocks */
    uint32_t dividend, divisor, quotient, remainder, spinlocks;
    int is_signed, dirty;
} Core;

static void core_reset(Core *m) {
    memset(m->tag, 0xff, sizeof m->tag);
    memset(m->oldest, 0, sizeof m->oldest);
    m->last_line = 0xffffffff;
    m->dividend = m->divisor = m->quotient = m->remainder = m->spinlocks = 0;
    m->is_signed = m->dirty = 0;
}

#define FLASH 0x10000000u
#define SRAM 0x20000000u
#define ROM_SIZE 0x4000u
#define OFFSET(a) ((a) & 0xffffffu)
#define IN_FLASH(a) ((uint32_t)((a) - FLASH) < 0x1000000u)
#define IN_SRAM(m, a) ((uint32_t)((a) - SRAM) < (m)->sram_size)
#define IN_SIO(a) ((a) >> 12 == 0xd0000u)
#define TIMERAWL 0x40054028u /* the lower half of the microseconds: MicroPython asks for them all the time */
#define CLOCK_NS 8.0         /* at 125 MHz, what it begins with */

/* Code and constants come through the cache; what is not in it costs the time of a read over QSPI. */
static __attribute__((noinline)) void next_line(Core *m, uint32_t line) {
    uint32_t set = line % SETS, tag = line / SETS, way;
    m->last_line = line;
    for (way = 0; way < 2; way++)
        if (m->tag[set][way] == tag) {
            m->oldest[set] = !way;
            return;
        }
    way = m->oldest[set];
    m->tag[set][way] = tag;
    m->oldest[set] = !way;
    m->misses++;
    m->cycles += m->miss_clocks;
}

ALWAYS void cached(Core *m, uint32_t offset) {
    if (offset >> 3 != m->last_line)
        next_line(m, offset >> 3);
}

static void divide(Core *m) {
    if (!m->is_signed) {
        m->quotient = m->divisor ? m->dividend / m->divisor : 0xffffffff;
        m->remainder = m->divisor ? m->dividend % m->divisor : m->dividend;
    } else {
        int32_t a = (int32_t)m->dividend, b = (int32_t)m->divisor;
        if (b == 0) {
            m->quotient = a < 0 ? 1 : 0xffffffff;
            m->remainder = (uint32_t)a;
        } else if (m->dividend == 0x80000000u && b == -1) {
            m->quotient = 0x80000000u;
            m->remainder = 0;
        } else {
            m->quotient = (uint32_t)(a / b);
            m->remainder = (uint32_t)(a % b);
        }
    }
    m->dirty = 1;
}

/* Both: 1 when done. Both cores of the chip would share these; the second one never runs here. */
static int sio_read(Core *m, uint32_t offset, uint32_t *value) {
    if (offset >= 0x100 && offset < 0x180) {
        uint32_t bit = 1u << ((offset >> 2) & 31);
        *value = m->spinlocks & bit ? 0 : bit;
        m->spinlocks |= bit;
        return 1;
    }
    switch (offset) {
    case 0x00: *value = 0; return 1; /* CPUID */
    case 0x5c: *value = m->spinlocks; return 1;
    case 0x60: case 0x68: *value = m->dividend; return 1;
    case 0x64: case 0x6c: *value = m->divisor; return 1;
    case 0x70: *value = m->quotient; m->dirty = 0; return 1;
    case 0x74: *value = m->remainder; return 1;
    case 0x78: *value = 1 | m->dirty << 1; return 1;
    }
    return 0;
}

static int sio_write(Core *m, uint32_t offset, uint32_t value) {
    if (offset >= 0x100 && offset < 0x180) {
        m->spinlocks &= ~(1u << ((offset >> 2) & 31));
        return 1;
    }
    switch (offset) {
    case 0x60: case 0x68: m->dividend = value; break;
    case 0x64: case 0x6c: m->divisor = value; break;
    case 0x70: m->quotient = value; m->dirty = 1; return 1;
    case 0x74: m->remainder = value; m->dirty = 1; return 1;
    default: return 0;
    }
    m->is_signed = offset >= 0x68;
    divide(m);
    return 1;
}

/* Where `a` lies in what is read, or NULL. */
ALWAYS const uint8_t *readable(Core *m, uint32_t a) {
    if (IN_SRAM(m, a))
        return m->sram + (a - SRAM);
    if (IN_FLASH(a)) {
        cached(m, OFFSET(a));
        return m->flash + OFFSET(a);
    }
    return a < ROM_SIZE ? m->rom + a : NULL;
}

/* All of these: 1 when done, 0 when it is rp2040py's. */
ALWAYS int read32(Core *m, uint32_t a, uint32_t *value) {
    const uint8_t *p = a & 3 ? NULL : readable(m, a);
    if (p) {
        memcpy(value, p, 4);
        return 1;
    }
    if (a == TIMERAWL) {
        *value = (uint32_t)(uint64_t)((m->timer_ns + m->cycles * CLOCK_NS) / 1000);
        return 1;
    }
    return IN_SIO(a) && sio_read(m, a & 0xfff, value);
}

ALWAYS int read16(Core *m, uint32_t a, uint32_t *value) {
    const uint8_t *p = a & 1 ? NULL : readable(m, a);
    uint16_t half;
    if (!p)
        return 0;
    memcpy(&half, p, 2);
    *value = half;
    return 1;
}

ALWAYS int read8(Core *m, uint32_t a, uint32_t *value) {
    const uint8_t *p = readable(m, a);
    if (p)
        *value = *p;
    return p != NULL;
}

ALWAYS int write32(Core *m, uint32_t a, uint32_t value) {
    if (IN_SRAM(m, a) && !(a & 3)) {
        memcpy(m->sram + (a - SRAM), &value, 4);
        return 1;
    }
    return IN_SIO(a) && sio_write(m, a & 0xfff, value);
}

ALWAYS int write16(Core *m, uint32_t a, uint32_t value) {
    uint16_t half = (uint16_t)value;
    if (!IN_SRAM(m, a) || a & 1)
        return 0;
    memcpy(m->sram + (a - SRAM), &half, 2);
    return 1;
}

ALWAYS int write8(Core *m, uint32_t a, uint32_t value) {
    if (!IN_SRAM(m, a))
        return 0;
    m->sram[a - SRAM] = (uint8_t)value;
    return 1;
}
