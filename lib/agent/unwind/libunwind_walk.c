/* SPDX-License-Identifier: MIT */
/*
 * libunwind_walk.c: the second tier: uses libunwind, with what it may call and read under our
 * control.
 *
 * Called by capture.c in the program's threads, never in signal handlers. The generic library
 * (libunwind-x86_64.so.8) is used with an address space of our own, as a debugger would use it. So
 * it reads tables and stack through our functions, and needs no pipe, no mincore and no loader
 * lock.
 *
 * One thread at a time uses it, with all signals blocked, so that neither a signal handler nor a
 * cancellation interrupts it. The wait for the lock has a limit, because the thread that holds it
 * may have been stopped, or may not exist in a forked child.
 */
#include "libunwind_walk.h"

#include <libunwind.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

#include "../base/pages.h"
#include "../base/readable.h"
#include "../elf/object.h"
#include "libunwind_load.h"

#define PAGES_KNOWN 64u
#define STEPS 320u
#define STACK (256u << 10)
#define STALLED_SLICES 50u /* slices of 20 ms in which the lock did not change hands */

struct thread_view {
    uintptr_t reg[ARCH_REGS];
    uintptr_t page[PAGES_KNOWN]; /* pages found to be readable in this capture */
};

struct unwind_job {
    struct walk *w;
    enum walk_end end;
    struct thread_view thread_view;
};

static _Atomic int lock_state;
static _Atomic(unw_addr_space_t) address_space;

/* lock_state: 0 free, 1 held, 2 held and another thread waits. */
static bool lock_library(void)
{
    const struct timespec slice = {.tv_nsec = 20 * 1000 * 1000};
    int was = 0;

    if (atomic_compare_exchange_strong(&lock_state, &was, 1))
        return true;
    for (unsigned in_vain = 0; in_vain < STALLED_SLICES;) {
        if (atomic_exchange(&lock_state, 2) == 0)
            return true;
        if (sys_futex(&lock_state, FUTEX_WAIT_PRIVATE, 2, &slice, NULL, 0) == -ETIMEDOUT)
            in_vain++;
    }
    return false;
}
static void unlock_library(void)
{
    if (atomic_exchange(&lock_state, 0) == 2)
        sys_futex(&lock_state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static int access_mem(unw_addr_space_t as, unw_word_t addr, unw_word_t *val, int write, void *arg)
{
    struct thread_view *thread_view = arg;
    unsigned char bytes[8];

    (void)as;
    if (write)
        return -UNW_EINVAL;
    for (unsigned i = 0; i < 2; i++) { /* the word may lie on two pages */
        uintptr_t page = (addr + i * 7) & ~(uintptr_t)(PAGE_BYTES - 1);
        uintptr_t *known = &thread_view->page[page / PAGE_BYTES % PAGES_KNOWN];
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
    const struct thread_view *thread_view = arg;

    (void)as;
    if (write || reg < 0 || reg >= ARCH_REGS)
        return -UNW_EBADREG;
    *val = thread_view->reg[reg];
    return 0;
}

static int access_fpreg(unw_addr_space_t as, unw_regnum_t reg, unw_fpreg_t *val, int write, void *arg)
{
    return (void)as, (void)reg, (void)val, (void)write, (void)arg, -UNW_EBADREG;
}

/* Describes the object's sorted table to libunwind, which searches it through access_mem. */
static int find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *pi, int need, void *arg)
{
    struct object o;
    unw_dyn_info_t di;
    unw_word_t head;

    if (!object_at(ip, &o) || !o.eh_frame_hdr || access_mem(as, o.eh_frame_hdr, &head, 0, arg) < 0)
        return -UNW_ENOINFO;
    /*
     * Version 1, any pcrel/sdata4 pointer, udata4 count, datarel/sdata4 table: what every linker
     * writes.
     */
    if ((head & 0xff) != 1 || (head >> 8 & 0x0f) != 0x0b || (head >> 16 & 0xff) != 0x03 || (head >> 24 & 0xff) != 0x3b ||
        access_mem(as, o.eh_frame_hdr + 8, &head, 0, arg) < 0)
        return -UNW_ENOINFO;
    memset(&di, 0, sizeof di);
    di.format = UNW_INFO_FORMAT_REMOTE_TABLE;
    di.start_ip = o.start;
    di.end_ip = o.end;
    di.u.rti.segbase = o.eh_frame_hdr;
    di.u.rti.table_data = o.eh_frame_hdr + 12;
    di.u.rti.table_len = (head & 0xffffffff) * 8 / sizeof(unw_word_t);
    return unwind_lib.search(as, ip, &di, pi, need, arg);
}

static void put_unwind_info(unw_addr_space_t as, unw_proc_info_t *pi, void *arg) { (void)as, (void)pi, (void)arg; }
static int get_dyn_info(unw_addr_space_t as, unw_word_t *list, void *arg) { return (void)as, (void)list, (void)arg, -UNW_ENOINFO; }
static int refuse_resume(unw_addr_space_t as, unw_cursor_t *c, void *arg) { return (void)as, (void)c, (void)arg, -UNW_EINVAL; }
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
    .resume = refuse_resume,
    .get_proc_name = get_proc_name,
};

/*
 * Recognized by its code: versions of libunwind differ in whether they mark this frame as the
 * signal frame, or the one that was interrupted.
 */
static bool is_trampoline(uintptr_t pc, struct thread_view *thread_view)
{
    unw_word_t code[2];

    return access_mem(NULL, pc, &code[0], 0, thread_view) == 0 && access_mem(NULL, pc + 8, &code[1], 0, thread_view) == 0 &&
           arch_is_sigreturn((const unsigned char *)code);
}

/* Records frames from W->at outwards; those below it belong to this file and its callers. */
static enum walk_end record_frames(struct walk *w, unw_cursor_t *c, struct thread_view *thread_view)
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
        bool signal = is_trampoline(pc, thread_view);
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
 * True when a signal handler may be running. Loading libunwind runs the loader and malloc, which a
 * handler must not do, and the walk may have got lost before it met the signal frame. So this
 * searches the stack for anything that could be a handler's return address: the address of a signal
 * trampoline. An old one that is found by mistake costs only this capture.
 */
static bool maybe_in_handler(uintptr_t sp)
{
    uintptr_t from = sp & ~(uintptr_t)7;
    struct object o;

    for (uintptr_t a = from; a < from + (256u << 10); a += 8) {
        if ((a == from || a % PAGE_BYTES == 0) && !readable(a))
            break;
        uintptr_t v = *(const uintptr_t *)a;
        if (v > PAGE_BYTES && v < (uintptr_t)1 << 47 && object_at(v, &o) && readable(v & ~(uintptr_t)7) &&
            readable((v + 15) & ~(uintptr_t)7) && arch_is_sigreturn((const unsigned char *)v))
            return true;
    }
    return false;
}

/*
 * libunwind and the loader need some 20 KiB of stack; a coroutine's or a signal handler's stack may
 * not have that much.
 */
static void *make_stack(void)
{
    void *p = sys_mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    return sys_failed(p) ? NULL : (char *)p + STACK;
}

/*
 * libunwind takes locks of its own here, with all signals blocked. So this runs under our lock, for
 * which a fork waits: otherwise a forked child could find them held, and hang for ever.
 */
static bool make_address_space(void)
{
    uint64_t every = ~(uint64_t)0, mask;

    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &every, &mask, 8);
    bool locked = lock_library();
    if (locked) {
        unw_addr_space_t mine = atomic_load(&address_space) ? NULL : unwind_lib.create_addr_space(&accessors, 0);
        if (mine) {
            unwind_lib.set_caching_policy(mine, UNW_CACHE_NONE); /* so no rule outlives its code */
            atomic_store(&address_space, mine);
        }
        unlock_library();
    }
    SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
    return atomic_load(&address_space) != NULL;
}

static void load_on_stack(void *ok) { *(bool *)ok = unwind_lib_load(); }

bool unwind_load(uintptr_t sp)
{
    bool ok = false;

    if (atomic_load(&address_space))
        return true;
    if (unwind_lib_failed() || maybe_in_handler(sp))
        return false;
    void *temporary = make_stack();
    if (!temporary)
        return false;
    arch_on_stack(temporary, load_on_stack, &ok);
    sys_munmap((char *)temporary - STACK, STACK);
    if (!ok)
        return false;
    return make_address_space();
}

bool unwind_is_pending(void) { return !atomic_load(&address_space) && !unwind_lib_failed(); }

static void run_on_stack(void *arg)
{
    struct unwind_job *job = arg;
    unw_cursor_t cursor;

    if (unwind_lib.init_remote(&cursor, atomic_load(&address_space), &job->thread_view) >= 0)
        job->end = record_frames(job->w, &cursor, &job->thread_view);
}

__attribute__((noinline)) enum walk_end unwind_run(struct walk *w)
{
    static void *stack; /* used under the lock */
    struct unwind_job job = {.w = w, .end = WALK_LOST};
    uint64_t all = ~(uint64_t)0, before;
    int err = errno, state, type;

    /*
     * Blocking signals is not enough: libunwind's own sigprocmask lets the C library's cancellation
     * signal through. Setting the cancellation state is not enough either: for a signal that was
     * sent before, glibc 2.36 checks only the type.
     */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type);
    if (unwind_load(w->at.sp)) {
        SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, 8);
        if (lock_library()) {
            if (stack || (stack = make_stack())) {
                arch_registers(job.thread_view.reg);
                arch_on_stack(stack, run_on_stack, &job);
            }
            unlock_library();
        }
        SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, 8);
    }
    errno = err;
    pthread_setcanceltype(type, NULL);
    pthread_setcancelstate(state, NULL);
    return job.end;
}

static bool fork_locked;

void unwind_fork_prepare(void)
{
    unwind_lib_quiet(true);
    fork_locked = lock_library();
}

void unwind_fork_done(bool child)
{
    if (fork_locked || child)
        unlock_library();
    unwind_lib_quiet(false);
}
