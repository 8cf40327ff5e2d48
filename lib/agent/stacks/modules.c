/* SPDX-License-Identifier: MIT */
/*
 * modules.c: finds the object that an address belongs to.
 *
 * Called when a new stack is recorded: in any thread, in signal handlers too; around dlclose; and
 * by a forked child. The index is an array that only grows. A thread takes the next place by
 * swapping the object's start address in; so one object gets one place, and the place is the
 * module's number.
 *
 * A thread that finds an object half recorded waits for the thread that records it, which may have
 * been preempted: a stack without its modules would have no names, and another site's number for
 * good. It records with its signals blocked: a thread that was cancelled there, or whose handler
 * jumps away, would never come to the end of it. In a sandbox, where signals may not be blocked, no
 * thread waits for work that it was doing itself when a signal interrupted it. Every wait has a
 * limit; after it the object is recorded once more, and nobody waits for the first record again.
 */
#include "modules.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "../../arch/cpu.h"
#include "../base/clock.h"
#include "../base/sys.h"
#include "../elf/elf.h"
#include "../elf/object.h"
#include "../runtimes/runtimes.h"
#include "../table/header.h"

#define MAX_MODULES 4096u
#define WAIT_NS 1000000000ull /* of a wait, in whose turns the other thread gets a chance to run */
#define TURNS_A_CLOCK 64u
_Static_assert(MAX_MODULES < STATE_NO_MODULE, "a number of its own says: none");

typedef _Atomic(struct state_module *) extent_ptr;

enum { FILLING = 0, READY, FAILED, GONE };

struct place {
    _Atomic uint64_t start; /* of the object; 0: this place and all behind it are free */
    _Atomic uint32_t state;
    _Atomic uint32_t checked; /* `epoch` when this record was last compared with the object */
    _Atomic uint64_t end;
    const void *_Atomic key[2];
    _Atomic uint64_t fingerprint;
    /* What a forked child need not read again from an object that its parent has recorded here. */
    bool known;
    uint8_t build_id_len, build_id[ELF_BUILD_ID];
};

static struct place module_places[MAX_MODULES] LARGE_TABLE;
static extent_ptr extents[MAX_MODULES / STATE_MODULES_PER_EXTENT] LARGE_TABLE;
/* stands in EXTENTS for an extent that a thread is just allocating */
static struct state_module extent_pending;
static _Atomic uint32_t last_hit;
static _Atomic uint32_t epoch = 1;
static _Atomic uint32_t dlcloses_running; /* dlclose calls under way */
/* a signal handler that interrupts the reset finds nothing, not a half of it */
static _Atomic bool resetting;
/*
 * How many records, and how many extents, this thread is making: a signal handler may interrupt it
 * and make another.
 */
static __thread unsigned recording, allotting;
static void (*_Atomic on_revived)(unsigned);
static void (*_Atomic on_gone)(unsigned);

struct wait {
    unsigned turn;
    uint64_t until_ns;
};

/*
 * Takes the next turn of a wait for another thread. False: the limit is reached, or this thread
 * itself is doing the work (MINE), interrupted by the signal handler that runs now.
 */
static bool wait_turn(struct wait *w, unsigned mine)
{
    if (mine > 0)
        return false;
    if (w->turn++ % TURNS_A_CLOCK == 0) {
        uint64_t now = clock_now();
        if (!w->until_ns)
            w->until_ns = now + WAIT_NS;
        else if (now > w->until_ns)
            return false;
    }
    sys_yield(w->turn);
    return true;
}

/* ---- records --------------------------------------------------------------------------------- */

/*
 * Extents are allocated one after the other, each complete before the next: readers derive a
 * module's number from the order of the extents in the file. NULL: the file is full, or another
 * thread takes too long.
 */
static struct state_module *module_extent(unsigned nth)
{
    struct state_module *e = NULL;
    unsigned below = allotting++;
    bool mine = atomic_compare_exchange_strong(&extents[nth], &e, &extent_pending);
    if (mine) {
        state_ref ref;
        e = table_alloc(EXTENT_MODULES, STATE_EXTENT_SIZE / STATE_REF_UNIT, &ref);
        atomic_store_explicit(&extents[nth], e, memory_order_release);
    }
    allotting--;
    struct wait w = {0};
    while (!mine && e == &extent_pending && wait_turn(&w, below))
        e = atomic_load_explicit(&extents[nth], memory_order_acquire);
    return e == &extent_pending ? NULL : e;
}

static struct state_module *record_of(unsigned number)
{
    struct state_module *e = NULL;
    for (unsigned i = 0; i <= number / STATE_MODULES_PER_EXTENT; i++) {
        e = module_extent(i);
        if (!e)
            return NULL;
    }
    return e + number % STATE_MODULES_PER_EXTENT;
}

const struct state_module *modules_at(unsigned number)
{
    if (number >= MAX_MODULES)
        return NULL;
    struct state_module *e = atomic_load_explicit(&extents[number / STATE_MODULES_PER_EXTENT], memory_order_acquire);
    if (!e || e == &extent_pending)
        return NULL;
    e += number % STATE_MODULES_PER_EXTENT;
    return atomic_load_explicit(&e->ready, memory_order_acquire) ? e : NULL;
}

/* ---- identity -------------------------------------------------------------------------------- */

/*
 * Compares what can be compared without reading the object, which another thread may be unloading.
 */
static bool same_key(const struct place *p, const struct object *o)
{
    return atomic_load_explicit(&p->end, memory_order_relaxed) == o->end &&
           atomic_load_explicit(&p->key[0], memory_order_relaxed) == o->key[0] &&
           atomic_load_explicit(&p->key[1], memory_order_relaxed) == o->key[1];
}

static void set_key(struct place *p, const struct object *o)
{
    atomic_store_explicit(&p->end, o->end, memory_order_relaxed);
    atomic_store_explicit(&p->key[0], o->key[0], memory_order_relaxed);
    atomic_store_explicit(&p->key[1], o->key[1], memory_order_relaxed);
}

/* The caller runs code in the object, so it stays mapped while its headers are read. */
static bool same_object(unsigned number, const struct object *o)
{
    const struct state_module *m = modules_at(number);
    uint8_t id[ELF_BUILD_ID];
    uint64_t fingerprint;
    if (!m || m->start != o->start || m->end != o->end || m->bias != o->bias)
        return false;
    unsigned n = object_identity(o, id, &fingerprint);
    if (n != m->build_id_len || memcmp(id, m->build_id, n) != 0)
        return false;
    if (fingerprint != atomic_load_explicit(&module_places[number].fingerprint, memory_order_relaxed))
        return false;
    char path[sizeof m->path];
    object_path(o, table_exe(), path, sizeof path);
    return strcmp(path, m->path) == 0;
}

/* True when the object at a READY place is still the one that was recorded there. */
static bool still_there(unsigned i, const struct object *o)
{
    struct place *p = &module_places[i];
    uint32_t now = atomic_load(&epoch);
    if (!same_key(p, o))
        return false;
    if (atomic_load_explicit(&p->checked, memory_order_relaxed) == now && atomic_load(&dlcloses_running) == 0)
        return true;
    if (!same_object(i, o))
        return false;
    if (atomic_load(&dlcloses_running) == 0)
        atomic_store_explicit(&p->checked, now, memory_order_relaxed);
    return true;
}

static void mark_unloaded(unsigned i)
{
    uint32_t ready = READY;
    void (*gone)(unsigned) = atomic_load(&on_gone);
    if (!atomic_compare_exchange_strong(&module_places[i].state, &ready, GONE))
        return;
    struct state_module *m = record_of(i);
    if (m)
        atomic_store(&m->unloaded_ns, clock_now());
    if (gone)
        gone(i);
}

/* ---- recording ------------------------------------------------------------------------------- */

static unsigned record_object(unsigned i, const struct object *o)
{
    struct place *p = &module_places[i];
    struct state_module *m = record_of(i);
    if (!m) {
        atomic_store_explicit(&p->state, FAILED, memory_order_release);
        return STATE_NO_MODULE;
    }
    uint32_t now = atomic_load(&epoch);
    if (!p->known || atomic_load_explicit(&p->checked, memory_order_relaxed) != now || atomic_load(&dlcloses_running) || !same_key(p, o)) {
        uint64_t fingerprint;
        p->build_id_len = (uint8_t)object_identity(o, p->build_id, &fingerprint);
        atomic_store_explicit(&p->fingerprint, fingerprint, memory_order_relaxed);
    }
    p->known = false;
    m->bias = o->bias;
    m->start = o->start;
    m->end = o->end;
    m->build_id_len = p->build_id_len;
    memcpy(m->build_id, p->build_id, sizeof m->build_id);
    object_path(o, table_exe(), m->path, sizeof m->path);
    m->interpreter = (uint8_t)runtimes_meet(o, m->path);
    atomic_store_explicit(&m->ready, 1, memory_order_release);
    atomic_store_explicit(&p->checked, now, memory_order_relaxed);
    set_key(p, o);
    atomic_store_explicit(&p->state, READY, memory_order_release);
    return i;
}

static unsigned revive(unsigned i, const struct object *o)
{
    struct place *p = &module_places[i];
    struct state_module *m = record_of(i);
    void (*revived)(unsigned) = atomic_load(&on_revived);
    set_key(p, o);
    atomic_store_explicit(&p->checked, atomic_load(&epoch), memory_order_relaxed);
    atomic_store(&m->unloaded_ns, 0);
    atomic_store_explicit(&p->state, READY, memory_order_release);
    if (revived)
        revived(i);
    return i;
}

/* STATE: what was found at the place. */
static unsigned record_again(unsigned i, const struct object *o, uint32_t state)
{
    unsigned number = STATE_NO_MODULE;
    uint32_t was = state;
    uint64_t signals = sys_block_signals();
    if (atomic_compare_exchange_strong(&module_places[i].state, &was, FILLING))
        number = state == GONE ? revive(i, o) : record_object(i, o);
    sys_unblock_signals(signals);
    return number;
}

/* The number of O if its place is I; STATE_NO_MODULE when it is not, or cannot be recorded now. */
static unsigned at_place(unsigned i, const struct object *o)
{
    struct place *p = &module_places[i];
    uint32_t state = atomic_load_explicit(&p->state, memory_order_acquire);
    unsigned number = STATE_NO_MODULE, below = recording++;
    struct wait w = {0};
    while (state == FILLING && wait_turn(&w, below))
        state = atomic_load_explicit(&p->state, memory_order_acquire);
    if (state == FILLING && !below) /* whoever comes back to it after all says so */
        atomic_compare_exchange_strong(&p->state, &state, GONE);
    if (state == READY && !still_there(i, o)) {
        mark_unloaded(i);
        state = GONE;
    }
    if (state == READY)
        number = i;
    else if ((state == GONE && same_object(i, o)) || state == FAILED)
        number = record_again(i, o, state);
    recording--;
    return number;
}

/* The same for a place that was free: takes it. */
static unsigned at_free_place(unsigned i, const struct object *o)
{
    uint64_t start = 0, signals = sys_block_signals();
    recording++; /* before another thread can find the place taken */
    unsigned number = atomic_compare_exchange_strong(&module_places[i].start, &start, o->start) ? record_object(i, o) : STATE_NO_MODULE;
    recording--;
    sys_unblock_signals(signals);
    return start == o->start ? at_place(i, o) : number;
}

static unsigned find_or_record(const struct object *o)
{
    unsigned hit = atomic_load_explicit(&last_hit, memory_order_relaxed);
    if (atomic_load_explicit(&module_places[hit].start, memory_order_acquire) == o->start &&
        atomic_load_explicit(&module_places[hit].state, memory_order_acquire) == READY && still_there(hit, o))
        return hit;
    for (unsigned i = 0; i < MAX_MODULES; i++) {
        uint64_t start = atomic_load_explicit(&module_places[i].start, memory_order_acquire);
        unsigned number = STATE_NO_MODULE;
        if (start == 0)
            number = at_free_place(i, o);
        else if (start == o->start)
            number = at_place(i, o);
        else
            continue;
        if (number != STATE_NO_MODULE) {
            atomic_store_explicit(&last_hit, number, memory_order_relaxed);
            return number;
        }
        if (atomic_load(&module_places[i].state) == FAILED)
            return STATE_NO_MODULE;
    }
    table_drop(DROP_SITE_FULL);
    return STATE_NO_MODULE;
}

unsigned modules_of(uint64_t addr)
{
    if (!table_exists() || atomic_load_explicit(&resetting, memory_order_relaxed))
        return STATE_NO_MODULE;
    int saved = errno;
    struct object o;
    unsigned number = object_at(addr, &o) ? find_or_record(&o) : STATE_NO_MODULE;
    errno = saved;
    return number;
}

/* A start address that no object has. */
#define FOREIGN(number) (1ull << 63 | ((number) + 1))

unsigned modules_foreign(const struct state_module *theirs, unsigned their_number)
{
    unsigned i = 0;
    uint64_t start = 0;
    for (; i < MAX_MODULES; i++) {
        start = 0;
        if (atomic_compare_exchange_strong(&module_places[i].start, &start, FOREIGN(their_number)) || start == FOREIGN(their_number))
            break;
    }
    struct state_module *m = i < MAX_MODULES && !start ? record_of(i) : NULL;
    if (m) {
        m->bias = theirs->bias;
        m->start = theirs->start;
        m->end = theirs->end;
        m->build_id_len = theirs->build_id_len <= sizeof m->build_id ? theirs->build_id_len : 0;
        memcpy(m->build_id, theirs->build_id, sizeof m->build_id);
        memcpy(m->path, theirs->path, sizeof m->path - 1);
        m->interpreter = theirs->interpreter;
        atomic_store(&m->unloaded_ns, clock_now());
        atomic_store_explicit(&m->ready, 1, memory_order_release);
    }
    if (m)
        atomic_store(&module_places[i].state, GONE);
    return i < MAX_MODULES && atomic_load(&module_places[i].state) == GONE ? i : STATE_NO_MODULE;
}

/* ---- dlclose, fork --------------------------------------------------------------------------- */

void modules_dlclose_begin(void) { atomic_fetch_add(&dlcloses_running, 1); }

void modules_dlclose_end(void)
{
    uint32_t n = atomic_load(&dlcloses_running); /* 0: a fork came between begin and end */
    /* also when there is no table yet in which modules could be marked */
    atomic_fetch_add(&epoch, 1);
    while (n > 0 && !atomic_compare_exchange_weak(&dlcloses_running, &n, n - 1))
        ;
}

void modules_check_unloaded(void (*gone)(unsigned number))
{
    int saved = errno;
    atomic_store(&on_gone, gone);
    for (unsigned i = 0; i < MAX_MODULES && table_exists(); i++) {
        uint64_t start = atomic_load_explicit(&module_places[i].start, memory_order_acquire);
        struct object o;
        if (start == 0)
            break;
        if (atomic_load_explicit(&module_places[i].state, memory_order_acquire) != READY)
            continue;
        if (!object_at(start, &o) || !same_key(&module_places[i], &o))
            mark_unloaded(i);
    }
    /*
     * Another object with the same key may lie at the same place by now. The first thread that runs
     * in it finds that out, because that thread can read it safely.
     */
    atomic_fetch_add(&epoch, 1);
    errno = saved;
}

void modules_on_revived(void (*revived)(unsigned number)) { atomic_store(&on_revived, revived); }

void modules_reset(void)
{
    atomic_store(&resetting, true);
    if (atomic_load(&dlcloses_running)) /* by a thread that the child does not have */
        atomic_fetch_add(&epoch, 1);
    for (unsigned i = 0; i < MAX_MODULES && atomic_load(&module_places[i].start) != 0; i++) {
        module_places[i].known = atomic_load(&module_places[i].state) == READY;
        atomic_store(&module_places[i].state, FILLING);
        atomic_store(&module_places[i].start, 0);
    }
    /* extents were made in this order */
    for (unsigned i = 0; i < MAX_MODULES / STATE_MODULES_PER_EXTENT && atomic_load(&extents[i]); i++)
        atomic_store(&extents[i], NULL);
    atomic_store(&last_hit, 0);
    atomic_store(&dlcloses_running, 0);
    atomic_store(&resetting, false);
}
