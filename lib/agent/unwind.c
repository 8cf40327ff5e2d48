/* SPDX-License-Identifier: MIT */
/*
 * unwind.c: the second tier: libunwind on a leash.
 *
 * Called by capture.c in the program's threads, never in signal handlers. The generic library (libunwind-x86_64.so.8) is used with an address space of our
 * own, as a debugger would, so that tables and stack are read through us: it then needs no pipe, no mincore and no loader lock. One thread at a time, with
 * all signals blocked, so that neither a handler nor a cancellation comes between; the lock is waited for with a limit, because the one who holds it
 * may have been stopped or forked away.
 */
#include "unwind.h"

#include <libunwind.h>
#include <signal.h>
#include <stdatomic.h>

#include "ehframe.h"
#include "readable.h"
#include "unwind_load.h"

#define PAGE 4096u
#define PAGES_KNOWN 16u
#define STEPS 320u
#define PATIENCE 2000000u /* spins, some milliseconds */

struct eye {
    uintptr_t reg[ARCH_REGS];
    uintptr_t page[PAGES_KNOWN]; /* seen to be readable in this capture */
};

static _Atomic int busy;
static _Atomic(unw_addr_space_t) space;

static bool lock(void)
{
    for (unsigned i = 0; i < PATIENCE; i++) {
        int free_now = 0;
        if (atomic_compare_exchange_weak(&busy, &free_now, 1))
            return true;
        if (i % 64 == 63)
            SYS0(SYS_sched_yield);
        arch_relax();
    }
    return false;
}
static void unlock(void) { atomic_store(&busy, 0); }

static int access_mem(unw_addr_space_t as, unw_word_t addr, unw_word_t *val, int write, void *arg)
{
    struct eye *eye = arg;
    unsigned char bytes[8];

    (void)as;
    if (write)
        return -UNW_EINVAL;
    for (unsigned i = 0; i < 2; i++) { /* the word may straddle two pages */
        uintptr_t page = (addr + i * 7) & ~(uintptr_t)(PAGE - 1);
        uintptr_t *known = &eye->page[page / PAGE % PAGES_KNOWN];
        if (page == 0 || (*known != page && !readable(page)))
            return -UNW_EINVAL;
        *known = page;
    }
    memcpy(bytes, (const void *)addr, sizeof bytes);
    memcpy(val, bytes, sizeof bytes);
    return 0;
}

static int access_reg(unw_addr_space_t as, unw_regnum_t reg, unw_word_t *val, int write, void *arg)
{
    const struct eye *eye = arg;

    (void)as;
    if (write || reg < 0 || reg >= ARCH_REGS)
        return -UNW_EBADREG;
    *val = eye->reg[reg];
    return 0;
}

static int access_fpreg(unw_addr_space_t as, unw_regnum_t reg, unw_fpreg_t *val, int write, void *arg)
{
    return (void)as, (void)reg, (void)val, (void)write, (void)arg, -UNW_EBADREG;
}

/* Describes the object's sorted table; libunwind searches it, reading through access_mem. */
static int find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *pi, int need, void *arg)
{
    struct ehframe o;
    unw_dyn_info_t di;
    unw_word_t head;

    if (!ehframe_of(ip, &o) || !o.hdr || access_mem(as, o.hdr, &head, 0, arg) < 0)
        return -UNW_ENOINFO;
    /* version 1, any pcrel/sdata4 pointer, udata4 count, datarel/sdata4 table: what every linker writes */
    if ((head & 0xff) != 1 || (head >> 8 & 0x0f) != 0x0b || (head >> 16 & 0xff) != 0x03 || (head >> 24 & 0xff) != 0x3b ||
        access_mem(as, o.hdr + 8, &head, 0, arg) < 0)
        return -UNW_ENOINFO;
    memset(&di, 0, sizeof di);
    di.format = UNW_INFO_FORMAT_REMOTE_TABLE;
    di.start_ip = o.start;
    di.end_ip = o.end;
    di.u.rti.segbase = o.hdr;
    di.u.rti.table_data = o.hdr + 12;
    di.u.rti.table_len = (head & 0xffffffff) * 8 / sizeof(unw_word_t);
    return unwind_lib.search(as, ip, &di, pi, need, arg);
}

static void put_unwind_info(unw_addr_space_t as, unw_proc_info_t *pi, void *arg) { (void)as, (void)pi, (void)arg; }
static int get_dyn_info(unw_addr_space_t as, unw_word_t *list, void *arg) { return (void)as, (void)list, (void)arg, -UNW_ENOINFO; }
static int resume(unw_addr_space_t as, unw_cursor_t *c, void *arg) { return (void)as, (void)c, (void)arg, -UNW_EINVAL; }
static int get_proc_name(unw_addr_space_t as, unw_word_t ip, char *buf, size_t len, unw_word_t *off, void *arg)
{
    return (void)as, (void)ip, (void)buf, (void)len, (void)off, (void)arg, -UNW_ENOINFO;
}

static unw_accessors_t accessors = {
    .find_proc_info = find_proc_info,
    .put_unwind_info = put_unwind_info,
    .get_dyn_info_list_addr = get_dyn_info,
    .access_mem = access_mem,
    .access_reg = access_reg,
    .access_fpreg = access_fpreg,
    .resume = resume,
    .get_proc_name = get_proc_name,
};

/* By its code: versions of libunwind differ in whether they say it of this frame or of the one that was interrupted. */
static bool is_trampoline(uintptr_t pc, struct eye *eye)
{
    unw_word_t code[2];

    return access_mem(NULL, pc, &code[0], 0, eye) == 0 && access_mem(NULL, pc + 8, &code[1], 0, eye) == 0 && arch_is_sigreturn((const unsigned char *)code);
}

/* Frames below W->at are this file's and its callers'. */
static enum walk_end steps(struct walk *w, unw_cursor_t *c, struct eye *eye)
{
    unw_word_t pc, sp, last_sp = 0;
    bool exact = true, started = false;

    for (unsigned i = 0; i < STEPS; i++) {
        if (unwind_lib.get_reg(c, UNW_REG_IP, &pc) < 0 || unwind_lib.get_reg(c, UNW_REG_SP, &sp) < 0)
            return WALK_LOST;
        started |= sp >= w->at.sp;
        if (pc == 0)
            return WALK_OUTERMOST;
        if (started && pc - w->hidden.lo >= w->hidden.len) {
            if (w->n == w->max)
                return WALK_FULL;
            w->pcs[w->n++] = pc + exact;
        }
        bool signal = is_trampoline(pc, eye);
        if (sp < last_sp)
            return WALK_LOST;
        last_sp = signal ? 0 : sp;
        int ret = unwind_lib.step(c);
        if (ret <= 0)
            return ret == 0 ? WALK_OUTERMOST : WALK_LOST;
        exact = signal;
        w->in_signal |= signal;
    }
    return WALK_LOST;
}

/*
 * Loading runs the loader and malloc, which a handler must not do, and the walk may have been lost before it met the signal frame. So the stack is searched for
 * anything that could be a handler's return address: the address of a signal trampoline. Finding an old one by mistake only costs this capture.
 */
static bool maybe_in_handler(uintptr_t sp)
{
    uintptr_t from = sp & ~(uintptr_t)7;
    struct ehframe o;

    for (uintptr_t a = from; a < from + (256u << 10); a += 8) {
        if ((a == from || a % PAGE == 0) && !readable(a))
            break;
        uintptr_t v = *(const uintptr_t *)a;
        if (v > PAGE && v < (uintptr_t)1 << 47 && ehframe_of(v, &o) && readable(v & ~(uintptr_t)7) && readable((v + 15) & ~(uintptr_t)7) &&
            arch_is_sigreturn((const unsigned char *)v))
            return true;
    }
    return false;
}

static bool load_for(uintptr_t sp)
{
    if (atomic_load(&space))
        return true;
    if (maybe_in_handler(sp) || !unwind_lib_load())
        return false;
    unw_addr_space_t mine = unwind_lib.create_addr_space(&accessors, 0), none = NULL;
    if (mine && atomic_compare_exchange_strong(&space, &none, mine))
        unwind_lib.set_caching_policy(mine, UNW_CACHE_NONE); /* no rule survives its code */
    return atomic_load(&space) != NULL;
}

__attribute__((noinline)) enum walk_end unwind_run(struct walk *w)
{
    struct eye eye = {.page = {0}};
    uint64_t all = ~(uint64_t)0, before;
    enum walk_end end = WALK_LOST;
    unw_cursor_t cursor;
    int err = errno;

    if (!load_for(w->at.sp)) {
        errno = err;
        return WALK_LOST;
    }
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, 8);
    if (lock()) {
        arch_registers(eye.reg);
        if (unwind_lib.init_remote(&cursor, atomic_load(&space), &eye) >= 0)
            end = steps(w, &cursor, &eye);
        unlock();
    }
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, 8);
    errno = err;
    return end;
}

static bool fork_locked;

void unwind_fork_prepare(void)
{
    unwind_lib_quiet(true);
    fork_locked = lock();
}

void unwind_fork_done(bool child)
{
    if (fork_locked || child)
        unlock();
    unwind_lib_quiet(false);
}
