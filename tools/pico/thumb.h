/* The instructions of a Cortex-M0+ (ARMv6-M Architecture Reference Manual, DDI 0419) and their clocks (Cortex-M0+
   Technical Reference Manual, DDI 0484, 3.3), as far as they touch only memory.h: the others, exceptions and whatever
   a peripheral answers are done by rp2040py's core, one at a time. */
#include "memory.h"

typedef struct {
    int n, z, c, v;
} Flags;

#define D (op & 7)
#define M3 (op >> 3 & 7)
#define M6 (op >> 6 & 7)
#define D8 (op >> 8 & 7)
#define I5 (op >> 6 & 31)
#define LIST (op & 0xff)

ALWAYS void nz(Flags *f, uint32_t x) {
    f->n = x >> 31;
    f->z = x == 0;
}

/* a + b + carry, as AddWithCarry() of the manual; a - b is add(a, ~b, 1). */
ALWAYS uint32_t add(Flags *f, uint32_t a, uint32_t b, int carry) {
    uint64_t sum = (uint64_t)a + b + carry;
    uint32_t x = (uint32_t)sum;
    f->c = sum >> 32;
    f->v = (~(a ^ b) & (a ^ x)) >> 31;
    nz(f, x);
    return x;
}

enum { LSL, LSR, ASR, ROR };

/* By a register: any count from 0 to 255. */
ALWAYS uint32_t shift(Flags *f, int kind, uint32_t x, uint32_t count) {
    count &= 255;
    if (count) {
        int all = count >= 32;
        switch (kind) {
        case LSL:
            f->c = count <= 32 ? x >> (32 - count) & 1 : 0;
            x = all ? 0 : x << count;
            break;
        case LSR:
            f->c = count <= 32 ? (uint64_t)x >> (count - 1) & 1 : 0;
            x = all ? 0 : x >> count;
            break;
        case ASR:
            f->c = all ? x >> 31 : x >> (count - 1) & 1;
            x = (uint32_t)((int32_t)x >> (all ? 31 : count));
            break;
        default:
            count &= 31;
            x = count ? x >> count | x << (32 - count) : x;
            f->c = x >> 31;
        }
    }
    nz(f, x);
    return x;
}

/* By a constant: 0 stands for 32 with LSR and ASR. */
ALWAYS uint32_t shift_constant(Flags *f, int kind, uint32_t x, uint32_t count) {
    if (kind != LSL && count == 0)
        count = 32;
    return shift(f, kind, x, count);
}

/* 010000: data processing on two registers. */
ALWAYS void data(Core *m, Flags *f, uint32_t op) {
    uint32_t *d = &m->r[D], a = *d, b = m->r[M3];
    switch (op >> 6 & 15) {
    case 0: nz(f, *d = a & b); break;
    case 1: nz(f, *d = a ^ b); break;
    case 2: *d = shift(f, LSL, a, b); break;
    case 3: *d = shift(f, LSR, a, b); break;
    case 4: *d = shift(f, ASR, a, b); break;
    case 5: *d = add(f, a, b, f->c); break;
    case 6: *d = add(f, a, ~b, f->c); break;
    case 7: *d = shift(f, ROR, a, b); break;
    case 8: nz(f, a & b); break;
    case 9: *d = add(f, 0, ~b, 1); break;
    case 10: add(f, a, ~b, 1); break;
    case 11: add(f, a, b, 0); break;
    case 12: nz(f, *d = a | b); break;
    case 13: nz(f, *d = a * b); break;
    case 14: nz(f, *d = a & ~b); break;
    case 15: nz(f, *d = ~b); break;
    }
}

/* Every function from here on: clocks, or 0 when rp2040py has to do it. `next`: where it goes on. */

/* 010001: high registers, BX, BLX. */
ALWAYS int high(Core *m, Flags *f, uint32_t op, uint32_t pc, uint32_t *next) {
    uint32_t d = (op & 7) | (op >> 4 & 8), s = op >> 3 & 15;
    uint32_t b = s == 15 ? pc + 4 : m->r[s], x = d == 15 ? pc + 4 : m->r[d];
    switch (op >> 8 & 3) {
    case 1:
        add(f, x, ~b, 1);
        return 1;
    case 3:
        if (op & 7 || (!(op & 0x80) && b >> 28 == 0xf)) /* the latter: return from an exception */
            return 0;
        if (op & 0x80)
            m->r[14] = (pc + 2) | 1;
        *next = b & ~1u;
        return 2;
    case 0:
        b += x;
    }
    if (d == 15) {
        *next = b & ~1u;
        return 2;
    }
    m->r[d] = d == 13 ? b & ~3u : b;
    return 1;
}

/* 0101: load and store, address of two registers. */
ALWAYS int register_offset(Core *m, uint32_t op) {
    uint32_t a = m->r[M3] + m->r[M6], *d = &m->r[D], x = 0;
    int clocks = IN_SIO(a) ? 1 : 2;
    switch (op >> 9 & 7) {
    case 0: return write32(m, a, *d) ? clocks : 0;
    case 1: return write16(m, a, *d) ? clocks : 0;
    case 2: return write8(m, a, *d) ? clocks : 0;
    case 3:
        if (!read8(m, a, &x)) return 0;
        *d = (uint32_t)(int8_t)x;
        return clocks;
    case 4: return read32(m, a, d) ? clocks : 0;
    case 5: return read16(m, a, d) ? clocks : 0;
    case 6: return read8(m, a, d) ? clocks : 0;
    }
    if (!read16(m, a, &x)) return 0;
    *d = (uint32_t)(int16_t)x;
    return clocks;
}

/* Several words at `a` in RAM, or NULL. */
ALWAYS uint32_t *words(Core *m, uint32_t a, int count) {
    int inside = count && !(a & 3) && IN_SRAM(m, a) && IN_SRAM(m, a + 4 * count - 4);
    return inside ? (uint32_t *)(m->sram + (a - SRAM)) : NULL;
}

ALWAYS int push(Core *m, uint32_t op) {
    int count = __builtin_popcount(op & 0x1ff), i;
    uint32_t a = m->r[13] - 4 * count, *p = words(m, a, count);
    if (!p)
        return 0;
    for (i = 0; i < 8; i++)
        if (op >> i & 1) *p++ = m->r[i];
    if (op & 0x100)
        *p = m->r[14];
    m->r[13] = a;
    return 1 + count;
}

ALWAYS int pop(Core *m, uint32_t op, uint32_t *next) {
    int count = __builtin_popcount(op & 0x1ff), i;
    uint32_t *p = words(m, m->r[13], count);
    if (!p || (op & 0x100 && p[count - 1] >> 28 == 0xf))
        return 0;
    m->r[13] += 4 * count;
    for (i = 0; i < 8; i++)
        if (op >> i & 1) m->r[i] = *p++;
    if (!(op & 0x100))
        return 1 + count;
    *next = *p & ~1u;
    return 3 + count;
}

ALWAYS int store_many(Core *m, uint32_t op) {
    int count = __builtin_popcount(LIST), i;
    uint32_t *p = words(m, m->r[D8], count);
    if (!p)
        return 0;
    for (i = 0; i < 8; i++)
        if (op >> i & 1) *p++ = m->r[i];
    m->r[D8] += 4 * count;
    return 1 + count;
}

ALWAYS int load_many(Core *m, uint32_t op) {
    int count = __builtin_popcount(LIST), i;
    uint32_t a = m->r[D8], end = a + 4 * count;
    if (!count || a & 3 || !(words(m, a, count) || IN_FLASH(a) || end < ROM_SIZE))
        return 0;
    for (i = 0; i < 8; i++)
        if (op >> i & 1) {
            read32(m, a, &m->r[i]);
            a += 4;
        }
    if (!(op >> D8 & 1))
        m->r[D8] = end;
    return 1 + count;
}

/* 1011: what is left over. */
ALWAYS int miscellaneous(Core *m, uint32_t op, uint32_t *next) {
    uint32_t x = m->r[M3], *d = &m->r[D], room = (op & 0x7f) << 2;
    switch (op >> 8 & 15) {
    case 0:
        m->r[13] += op & 0x80 ? -room : room;
        return 1;
    case 2:
        switch (op >> 6 & 3) {
        case 0: *d = (uint32_t)(int16_t)x; break;
        case 1: *d = (uint32_t)(int8_t)x; break;
        case 2: *d = x & 0xffff; break;
        case 3: *d = x & 0xff; break;
        }
        return 1;
    case 4: case 5: return push(m, op);
    case 12: case 13: return pop(m, op, next);
    case 10:
        switch (op >> 6 & 3) {
        case 0: *d = __builtin_bswap32(x); return 1;
        case 1: *d = (x & 0xff00ff) << 8 | (x >> 8 & 0xff00ff); return 1;
        case 3: *d = (uint32_t)(int16_t)((x & 0xff) << 8 | (x >> 8 & 0xff)); return 1;
        }
        return 0;
    case 15: return op == 0xbf00; /* NOP; WFI, WFE and SEV are not ours */
    }
    return 0;
}

ALWAYS int condition(const Flags *f, uint32_t code) {
    int holds;
    switch (code >> 1) {
    case 0: holds = f->z; break;
    case 1: holds = f->c; break;
    case 2: holds = f->n; break;
    case 3: holds = f->v; break;
    case 4: holds = f->c && !f->z; break;
    case 5: holds = f->n == f->v; break;
    default: holds = f->n == f->v && !f->z; break;
    }
    return holds != (int)(code & 1);
}
