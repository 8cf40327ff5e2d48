/* SPDX-License-Identifier: MIT */
/*
 * rights.c: the watcher follows the calls by which the program gives up rights.
 *
 * One call at a time is on its way, under a lock of our own. The thread that has it runs with its
 * signals blocked, so no handler waits for the thread that it has interrupted. The watcher serves
 * between its steps; it may be in the middle of a report, so every wait has a limit.
 */
#include "rights.h"

#include <linux/futex.h>
#include <sys/prctl.h>
#include <time.h>

#include "../base/clock.h"
#include "../base/descriptors.h"
#include "../base/pages.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../track/gate.h"

#define LIMIT_NS (500u * (uint64_t)NS_PER_MS)
/* A wake that comes just before the watcher sleeps is lost, so it is repeated. */
#define STEP_NS (long)NS_PER_MS
#define PAUSES 200u
#define LANDLOCK_ALL_THREADS (1 << 3)

enum { FREE, ASKED, TAKEN, DONE, FAILED };

_Atomic uint32_t rights_owner;
static _Atomic uint32_t stage;   /* of the call; a futex word */
static _Atomic bool by_libc;     /* libc knows the watcher */
static _Atomic uint32_t waiting; /* somebody sleeps on STAGE */
static _Atomic uint32_t taken;   /* 0: free, 1: taken, 2: taken, and others wait */
static _Atomic(_Atomic uint32_t *) sleeps_on;
static struct {
    long number, a, b, c, d, e;
} asked;

/* ---- the watcher's side ---------------------------------------------------------------------- */

void rights_watcher_begins(bool libcs)
{
    atomic_store(&by_libc, libcs);
    atomic_store(&stage, FREE);
    atomic_store(&rights_owner, (uint32_t)sys_getpid());
}

void rights_forked_child(void)
{
    atomic_store(&rights_owner, 0);
    atomic_store(&sleeps_on, NULL);
    atomic_store(&taken, 0);
}

void rights_watcher_ends(void)
{
    atomic_store(&rights_owner, 0);
    atomic_store(&sleeps_on, NULL);
    sys_futex((volatile void *)&stage, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

/* The header names a thread: the caller by 0, or by its number. */
static bool set_capabilities(const uint32_t *header, const void *data)
{
    uint32_t mine[2] = {header[0], 0};
    return SYS2(SYS_capset, mine, data) >= 0;
}

/* The call tells what was before, and not whether it failed; -1 is no one and changes nothing. */
static bool is_file_id(long number, long id) { return (uint32_t)SYS1(number, -1) == (uint32_t)id; }

static bool restrict_self(int ruleset, unsigned flags)
{
    long fd = descriptors_are_own() && ruleset >= 0 ? descriptors_copy(ruleset) : ruleset;
    bool ok = (fd >= 0 || ruleset < 0) && SYS2(NUMBER_LANDLOCK_RESTRICT_SELF, fd, flags & ~LANDLOCK_ALL_THREADS) >= 0;
    if (fd >= 0 && descriptors_are_own())
        descriptors_drop((int)fd);
    return ok;
}

static bool make_call(void)
{
    switch (asked.number) {
    case SYS_capset:
        return set_capabilities((const uint32_t *)asked.a, (const void *)asked.b);
    case SYS_setfsuid:
    case SYS_setfsgid:
        SYS1(asked.number, asked.a);
        return is_file_id(asked.number, asked.a);
    case NUMBER_LANDLOCK_RESTRICT_SELF:
        return restrict_self((int)asked.a, (unsigned)asked.b);
    default:
        return SYS5(asked.number, asked.a, asked.b, asked.c, asked.d, asked.e) >= 0;
    }
}

bool rights_may_sleep(_Atomic uint32_t *word)
{
    atomic_store(&sleeps_on, word);
    return atomic_load(&stage) != ASKED;
}

enum rights_served rights_serve(void)
{
    uint32_t is = ASKED;
    atomic_store(&sleeps_on, NULL);
    if (atomic_load(&stage) != ASKED || !atomic_compare_exchange_strong(&stage, &is, TAKEN))
        return RIGHTS_NONE;
    bool ok = make_call();
    atomic_store(&stage, ok ? DONE : FAILED);
    if (atomic_load(&waiting))
        sys_futex((volatile void *)&stage, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
    return ok ? RIGHTS_SAME : RIGHTS_OTHER;
}

/* ---- the program's side ---------------------------------------------------------------------- */

/* Until UNTIL, or for a step if that is sooner. False: it is over. */
static bool wait_step(_Atomic uint32_t *word, uint32_t is, uint64_t until)
{
    struct timespec step = {0, STEP_NS};
    if (clock_now() >= until)
        return false;
    sys_futex((volatile void *)word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, is, &step, NULL, 0);
    return true;
}

static bool take_lock(uint64_t until)
{
    uint32_t is = 0;
    if (atomic_compare_exchange_strong(&taken, &is, 1))
        return true;
    while (atomic_exchange(&taken, 2) != 0)
        if (!wait_step(&taken, 2, until))
            return false;
    return true;
}

static void leave_lock(void)
{
    if (atomic_exchange(&taken, 0) == 2)
        sys_futex((volatile void *)&taken, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

static void wake_watcher(void)
{
    _Atomic uint32_t *word = atomic_load(&sleeps_on);
    if (word)
        sys_futex((volatile void *)word, FUTEX_WAKE, 1 << 30, NULL, NULL, 0);
}

static bool is_open(uint32_t *is) { return (*is = atomic_load(&stage)) < DONE && atomic_load(&rights_owner); }

/* Of a watcher that has ended no rights are left. One that cannot follow ends too, by itself. */
static bool outcome(void)
{
    uint32_t is = atomic_exchange(&stage, FREE);
    return is == DONE || (is != FAILED && !atomic_load(&rights_owner));
}

/* With the lock held and ASKED filled in. Also true when the watcher has ended meanwhile. */
static bool ask(uint64_t until)
{
    uint32_t is;
    atomic_store(&stage, ASKED);
    wake_watcher();
    for (unsigned i = 0; i < PAUSES && is_open(&is); i++)
        arch_relax();
    atomic_store(&waiting, 1);
    while (is_open(&is) && wait_step(&stage, is, until))
        wake_watcher();
    atomic_store(&waiting, 0);
    return outcome();
}

static bool is_right(long number, long a, long b)
{
    if (number != SYS_prctl)
        return true;
    switch ((int)a) {
    case PR_SET_NO_NEW_PRIVS:
    case PR_CAPBSET_DROP:
    case PR_SET_SECUREBITS:
    case PR_SET_KEEPCAPS: /* decides what the next change of users leaves */
        return true;
    case PR_CAP_AMBIENT:
        return b != PR_CAP_AMBIENT_IS_SET;
    default:
        return false;
    }
}

bool rights_hand_over(long number, long a, long b, long c, long d, long e)
{
    bool file_id = number == SYS_setfsuid || number == SYS_setfsgid;
    if (!is_right(number, a, b) || (file_id && (int)a == -1) || this_thread.is_watcher || gate_is_vfork_child())
        return true;
    if (sys_in_sandbox()) { /* whose filter might kill for any call */
        atomic_store(&rights_owner, 0);
        return false;
    }
    if ((uint32_t)sys_getpid() != atomic_load(&rights_owner) || (file_id && !is_file_id(number, a)))
        return true;
    uint64_t signals = sys_block_signals(), until = clock_now() + LIMIT_NS;
    bool ok = take_lock(until);
    if (ok) {
        asked = (__typeof__(asked)){number, a, b, c, d, e};
        ok = ask(until);
        if (!ok)
            atomic_store(&rights_owner, 0); /* nobody asks this one any more: it must end */
        leave_lock();
    }
    sys_unblock_signals(signals);
    return ok;
}

bool rights_hand_over_libcs(long number, long a, long b, long c)
{
    return atomic_load(&by_libc) || rights_hand_over(number, a, b, c, 0, 0);
}

bool rights_hand_over_groups(void)
{
    if (atomic_load(&by_libc))
        return true;
    long n = SYS2(SYS_getgroups, 0, NULL);
    size_t size = ((size_t)(n > 0 ? n : 0) + 1) * sizeof(gid_t);
    gid_t *list = n >= 0 ? pages_alloc(size) : NULL;
    if (!list)
        return false;
    n = SYS2(SYS_getgroups, n, list);
    bool ok = n >= 0 && rights_hand_over(SYS_setgroups, n, (long)list, 0, 0, 0);
    pages_free(list, size);
    return ok;
}
