/* SPDX-License-Identifier: MIT */
/*
 * exhausted.c: a report of who holds descriptors, ports or memory when a call has failed for want of
 * them.
 *
 * The first half runs in the program's threads and signal handlers: it fills one record for each
 * resource, without a lock, and none while that waits for its report or has had one not long ago.
 * The second half runs with the watch lock held, after a check.
 */
#include "exhausted.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>

#include "../../core/address.h"
#include "../../core/exhaustion.h"
#include "../../core/json.h"
#include "../../core/text.h"
#include "../base/clock.h"
#include "../base/descriptors.h"
#include "../base/log.h"
#include "../base/options.h"
#include "../base/proc_files.h"
#include "../base/sys.h"
#include "../report/build.h"
#include "../report/forecast.h"
#include "../report/ports.h"
#include "../stacks/capture.h"
#include "../table/header.h"
#include "../track/gate.h"
#include "../track/probe.h"
#include "../track/slot.h"
#include "wake.h"

#define RESOURCES (EXHAUSTION_MEMORY + 1u)
/* After an error that had another cause than the ports, so long none is looked into. */
#define PORTS_AGAIN_NS 1000000000ull
/* The kinds that hold a descriptor of this process. */
#define HOLDERS (KINDS_ALL & ~(KIND_BIT(KIND_HELD_BY_CHILD) | KIND_BIT(KIND_USE_AFTER_CLOSE)))

/* FREE -> TAKEN -> NOTED by the thread whose call failed, the rest with the watch lock held. */
enum { FREE = 0, TAKEN, NOTED, QUIET };
struct failure {
    _Atomic uint32_t state;
    uint8_t call, error;
    int from;
    uint64_t at_ns;
};
static struct failure failures[RESOURCES];
static struct ports_question question; /* of the failure of EXHAUSTION_PORTS */

/* ---- the failure ----------------------------------------------------------------------------- */

static struct failure *take(enum exhaustion_resource resource)
{
    struct failure *f = &failures[resource];
    uint32_t is = FREE;
    if (atomic_load_explicit(&f->state, memory_order_relaxed) != FREE || !gate_ready() || !agent_options.on_exhaustion)
        return NULL;
    return atomic_compare_exchange_strong(&f->state, &is, TAKEN) ? f : NULL;
}

static void give(struct failure *f, enum call call, int error, int from)
{
    f->call = (uint8_t)call;
    f->error = (uint8_t)error;
    f->from = from;
    f->at_ns = clock_now();
    atomic_store(&f->state, NOTED);
    if (!capture_in_handler())
        gate_hooks.want_watcher();
    if (!sys_in_sandbox())
        watch_poke();
}

void exhausted_note(enum call call, int from)
{
    int error = errno;
    enum exhaustion_resource resource = exhaustion_of(call, error);
    struct failure *f = resource == EXHAUSTION_NONE ? NULL : take(resource);
    if (f)
        give(f, call, error, from);
    errno = error;
}

void exhausted_note_error(enum call call, int error)
{
    int kept = errno;
    errno = error;
    exhausted_note(call, 0);
    errno = kept;
}

static unsigned port_of(const struct sockaddr *sa, socklen_t len)
{
    if (sa->sa_family == AF_INET && len >= sizeof(struct sockaddr_in))
        return ((const struct sockaddr_in *)(const void *)sa)->sin_port;
    if (sa->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6))
        return ((const struct sockaddr_in6 *)(const void *)sa)->sin6_port;
    return ~0u;
}

/* A port of the caller's own choice is taken for other reasons. False: so was this one. */
static bool ask(enum call call, int fd, const struct sockaddr *to, socklen_t len, struct ports_question *q)
{
    const struct state_slot *slot = slot_of(fd);
    unsigned local_len = sizeof q->local;
    memset(q, 0, sizeof *q);
    q->bind = call == CALL_BIND;
    q->protocol = slot && SLOT_TYPE(slot) == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP;
    memcpy(q->bind ? &q->local : &q->peer, to, len < sizeof q->peer ? len : sizeof q->peer);
    if (q->bind)
        return port_of(to, len) == 0;
    return SYS3(SYS_getsockname, fd, &q->local, &local_len) >= 0 && port_of(to, len) != ~0u &&
           port_of((const struct sockaddr *)&q->local, local_len) == 0;
}

void exhausted_note_address(enum call call, int fd, const struct sockaddr *to, socklen_t len)
{
    int error = errno;
    struct ports_question q;
    struct failure *f = NULL;
    if (to && exhaustion_of(call, error) == EXHAUSTION_PORTS && !sys_in_sandbox() && ask(call, fd, to, len, &q))
        f = take(EXHAUSTION_PORTS);
    if (f) {
        question = q;
        give(f, call, error, 0);
    }
    errno = error;
}

/* ---- what there is --------------------------------------------------------------------------- */

static uint64_t quiet_until[RESOURCES];
static bool below = true;     /* the threshold, since its last report */
static uint64_t early_ns;     /* when the threshold made a report; 0: never */
static struct holdings found; /* of the report that is being made */

static void add_link(void *arg, const char *link, size_t len) { holdings_add(arg, link, len); }

static void count_descriptors(struct exhaustion *e)
{
    uint64_t limit = table_nofile_limit();
    memset(&found, 0, sizeof found);
    if (!sys_in_sandbox() && proc_each_link((unsigned)limit, add_link, &found)) {
        holdings_sort(&found);
        e->holdings = &found;
    }
    e->limit = limit;
    e->used = e->holdings ? found.descriptors : forecast_descriptors(limit);
}

/* "9344	0	9223372036854775807": in use, 0, and the limit (proc_sys_fs(5)) */
static void count_machine(struct exhaustion *e)
{
    char text[96];
    uint64_t number[3] = {0, 0, 0};
    long n = proc_read(text, sizeof text, "/proc/sys/fs/file-nr");
    unsigned k = 0;
    for (long i = 0; i < n && k < 3; i++) {
        if (text[i] >= '0' && text[i] <= '9')
            number[k] = number[k] * 10 + (uint64_t)(text[i] - '0');
        else
            k++;
    }
    e->used = number[0];
    e->limit = number[2];
}

/* Fills E. False: the error had another cause. PEER: room for its address. */
static bool inquire(struct exhaustion *e, char peer[96])
{
    struct ports_count ports;
    if (e->resource == EXHAUSTION_PORTS && !ports_are_used_up(&question, &ports))
        return false;
    count_descriptors(e);
    if (e->resource == EXHAUSTION_MEMORY)
        e->limit = e->used = 0;
    if (e->resource == EXHAUSTION_MACHINE)
        count_machine(e);
    if (e->resource != EXHAUSTION_PORTS)
        return true;
    e->limit = ports.range;
    e->used = ports.used;
    e->own = ports.own;
    e->waiting = ports.waiting;
    if (!question.bind) {
        address_text(peer, &question.peer, sizeof question.peer);
        e->peer = peer;
    }
    return true;
}

/* ---- the report ------------------------------------------------------------------------------ */

static void write_all(const struct exhaustion *e)
{
    struct selection s = {.kinds = HOLDERS, .all_held = true, .peer = e->peer};
    struct built c;
    report_build(&c, &s, REASON_EXHAUSTED); /* without memory the beginning alone */
    c.report.exhaustion = e;
    exhaustion_sort(&c.report);
    report_write(&c, -1);
    report_free(&c);
}

/* Who holds the descriptors has been reported a while ago. */
static void write_again(const struct exhaustion *e, uint64_t ago_s)
{
    struct report r;
    struct out o;
    scratch_out(&o);
    report_head(&r, REASON_EXHAUSTED);
    r.exhaustion = e;
    if (agent_options.log_json)
        exhaustion_json(&o, &r);
    else
        exhaustion_text_again(&o, &r, ago_s);
    log_write(o.buf, o.len);
    scratch_out_free(&o);
}

static void report(const struct failure *f, enum exhaustion_resource resource, uint64_t now)
{
    char peer[96];
    struct exhaustion e = {.resource = (uint8_t)resource,
                           .call = f->call,
                           .error = f->error,
                           .from = (uint64_t)f->from,
                           .failed_ago_s = now > f->at_ns ? (now - f->at_ns) / NS_PER_S : 0};
    bool early = resource == EXHAUSTION_DESCRIPTORS && early_ns && now - early_ns < EXHAUSTION_AGAIN_NS;
    bool is_so = inquire(&e, peer);
    quiet_until[resource] = now + (is_so ? EXHAUSTION_AGAIN_NS : PORTS_AGAIN_NS);
    if (is_so && early)
        write_again(&e, (now - early_ns) / NS_PER_S);
    else if (is_so)
        write_all(&e);
}

static uint64_t descriptors_in_use(uint64_t limit)
{
    long counted = descriptors_count();
    return counted >= 0 ? (uint64_t)counted : forecast_descriptors(limit);
}

bool exhausted_is_near(void)
{
    forecast_refresh();
    uint64_t limit = table_nofile_limit(), most = exhaustion_threshold(&agent_options, limit), used = most ? descriptors_in_use(limit) : 0;
    if (!most || used < most || used > limit)
        return false;
    below = false;
    log_info("%lu of %lu descriptors are in use (threshold): recording begins; of sockets that were open before nobody knows who opened "
             "them",
             (unsigned long)used, (unsigned long)limit);
    return true;
}

static void look_at_threshold(uint64_t now)
{
    uint64_t limit = table_nofile_limit(), most = exhaustion_threshold(&agent_options, limit);
    if (!most || !agent_options.on_exhaustion)
        return;
    uint64_t used = descriptors_in_use(limit);
    if (used < most) {
        below = true;
        return;
    }
    struct exhaustion e = {.resource = EXHAUSTION_DESCRIPTORS};
    /* beyond the limit: the program has lowered it on purpose */
    if (used > limit || !below || now < quiet_until[EXHAUSTION_DESCRIPTORS] || (early_ns && now - early_ns < EXHAUSTION_AGAIN_NS))
        return;
    below = false;
    early_ns = now;
    count_descriptors(&e);
    write_all(&e);
}

void exhausted_report(bool its_last)
{
    uint64_t now = clock_now();
    forecast_refresh();
    for (unsigned i = 0; i < RESOURCES; i++) {
        struct failure *f = &failures[i];
        uint32_t is = atomic_load(&f->state);
        if (is == NOTED) {
            report(f, (enum exhaustion_resource)i, now);
            atomic_store(&f->state, QUIET);
        } else if (is == QUIET && now >= quiet_until[i]) {
            atomic_store(&f->state, FREE);
        }
    }
    if (!its_last)
        look_at_threshold(now);
}

void exhausted_reset(void)
{
    for (unsigned i = 0; i < RESOURCES; i++) {
        atomic_store(&failures[i].state, FREE);
        quiet_until[i] = 0;
    }
    below = true;
    early_ns = 0;
}
