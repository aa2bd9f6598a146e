/* Fetches and runs instructions until the budget of clocks is used up or one is not ours (thumb.h). */
#include "thumb.h"

/* Most code runs from flash. */
ALWAYS int fetch(Core *m, uint32_t pc, uint32_t *op) {
    uint16_t half;
    if (!IN_FLASH(pc))
        return read16(m, pc, op);
    cached(m, OFFSET(pc));
    memcpy(&half, m->flash + OFFSET(pc), 2);
    *op = half;
    return 1;
}

/* 11110: BL and the barriers are the only ones of 32 bits that are done here. */
ALWAYS int wide(Core *m, uint32_t op, uint32_t pc, uint32_t *next) {
    uint32_t low, sign, i1, i2;
    if (!fetch(m, pc + 2, &low))
        return 0;
    if (op == 0xf3bf && (low & 0xff80) == 0x8f00) { /* DSB, DMB, ISB */
        *next = pc + 4;
        return 3;
    }
    if ((low & 0xd000) != 0xd000)
        return 0;
    sign = op >> 10 & 1;
    i1 = !(sign ^ (low >> 13 & 1));
    i2 = !(sign ^ (low >> 11 & 1));
    m->r[14] = (pc + 4) | 1;
    *next = pc + 4 + ((sign ? 0xff000000u : 0) | i1 << 23 | i2 << 22 | (op & 0x3ff) << 12 | (low & 0x7ff) << 1);
    return 3;
}

/* Loads and stores with a constant offset: clocks, or 0. */
ALWAYS int constant_offset(Core *m, uint32_t op, uint32_t pc) {
    uint32_t base = m->r[M3], *d = &m->r[D], stack = m->r[13] + (LIST << 2), a = base + (I5 << 2);
    switch (op >> 11) {
    case 9: return read32(m, ((pc + 4) & ~3u) + (LIST << 2), &m->r[D8]) ? 2 : 0;
    case 12: return write32(m, a, *d) ? (IN_SIO(a) ? 1 : 2) : 0;
    case 13: return read32(m, a, d) ? (IN_SIO(a) ? 1 : 2) : 0;
    case 14: return write8(m, base + I5, *d) ? 2 : 0;
    case 15: return read8(m, base + I5, d) ? 2 : 0;
    case 16: return write16(m, base + (I5 << 1), *d) ? 2 : 0;
    case 17: return read16(m, base + (I5 << 1), d) ? 2 : 0;
    case 18: return write32(m, stack, m->r[D8]) ? 2 : 0;
    }
    return read32(m, stack, &m->r[D8]) ? 2 : 0;
}

/* One instruction at `pc`: clocks, or 0 when rp2040py has to do it; nothing has changed then. */
ALWAYS int step(Core *m, Flags *f, uint32_t op, uint32_t pc, uint32_t *next) {
    uint32_t *r = m->r;
    switch (op >> 11) {
    case 0: r[D] = shift_constant(f, LSL, r[M3], I5); return 1;
    case 1: r[D] = shift_constant(f, LSR, r[M3], I5); return 1;
    case 2: r[D] = shift_constant(f, ASR, r[M3], I5); return 1;
    case 3: {
        uint32_t b = op & 0x400 ? M6 : r[M6];
        r[D] = op & 0x200 ? add(f, r[M3], ~b, 1) : add(f, r[M3], b, 0);
        return 1;
    }
    case 4: nz(f, r[D8] = LIST); return 1;
    case 5: add(f, r[D8], ~LIST, 1); return 1;
    case 6: r[D8] = add(f, r[D8], LIST, 0); return 1;
    case 7: r[D8] = add(f, r[D8], ~LIST, 1); return 1;
    case 8:
        if (op & 0x400)
            return high(m, f, op, pc, next);
        data(m, f, op);
        return 1;
    case 10: case 11: return register_offset(m, op);
    case 9: case 12: case 13: case 14: case 15: case 16: case 17: case 18: case 19:
        return constant_offset(m, op, pc);
    case 20: r[D8] = ((pc + 4) & ~3u) + (LIST << 2); return 1;
    case 21: r[D8] = r[13] + (LIST << 2); return 1;
    case 22: case 23: return miscellaneous(m, op, next);
    case 24: return store_many(m, op);
    case 25: return load_many(m, op);
    case 26: case 27:
        if ((op >> 8 & 15) >= 14) /* undefined, SVC */
            return 0;
        if (!condition(f, op >> 8 & 15))
            return 1;
        *next = pc + 4 + (uint32_t)((int32_t)(int8_t)op * 2);
        return 2;
    case 28:
        *next = pc + 4 + (uint32_t)((int32_t)(op << 21) >> 20);
        return 2;
    case 30: return wide(m, op, pc, next);
    }
    return 0;
}

/* 1 when the instruction at r[15] is rp2040py's, 0 when the budget is used up. */
static int core_run(Core *m) {
    Flags f = {m->n, m->z, m->c, m->v};
    uint32_t pc = m->r[15] & ~1u, op, next;
    int clocks, theirs = 0;
    m->cycles = 0;
    while (m->cycles < m->budget) {
        next = pc + 2;
        clocks = fetch(m, pc, &op) ? step(m, &f, op, pc, &next) : 0;
        if (!clocks) {
            theirs = 1;
            break;
        }
        m->instructions++;
        m->cycles += clocks;
        pc = next;
    }
    m->r[15] = pc;
    m->n = f.n;
    m->z = f.z;
    m->c = f.c;
    m->v = f.v;
    m->handed_over += theirs;
    return theirs;
}
