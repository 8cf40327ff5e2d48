/* SPDX-License-Identifier: MIT */
/*
 * outcome.c: the events by which the program learns of a socket: connected, shut down, EOF, an
 * error.
 *
 * Runs in the program's threads and signal handlers, after the call that had the result. Keeps the
 * call's errno.
 */
#include "outcome.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "../../core/address.h"
#include "../../core/calls.h"
#include "../base/clock.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../stacks/sites.h"
#include "../table/header.h"
#include "adopt.h"
#include "after_close.h"
#include "family.h"
#include "gate.h"
#include "life.h"
#include "probe.h"
#include "start_set.h"

static void set_told(int fd, struct state_slot *slot, uint16_t flag, int err)
{
    bool in_signal;
    int saved = errno;
    uint16_t before = slot_flags(slot);
    struct state_share *share = table_at(slot->share);
    /*
     * The error's stack is kept before that of EOF: a connection that has failed reads as ended,
     * too.
     */
    if (flag != SLOT_TOLD_EOF || !(before & SLOT_TOLD_ERROR)) {
        state_ref site = sites_here_of(this_thread.call | (flag == SLOT_TOLD_ERROR ? CALL_FAILED : 0), &in_signal);
        atomic_store_explicit(&slot->told_site, site, memory_order_release);
        if (share)
            atomic_store(&share->told_site, site);
        life_told(fd);
    }
    /* the flag comes last, for all to see */
    atomic_store_explicit(&slot->told_ns, clock_now(), memory_order_release);
    if (err)
        atomic_store_explicit(&slot->told_errno, (uint8_t)err, memory_order_release);
    if (err && share)
        atomic_store(&share->told_errno, (uint32_t)err);
    atomic_fetch_or(&slot->flags, flag);
    if (share) /* EOF that came by one of its descriptors is the socket's */
        atomic_fetch_or(&share->told, flag);
    errno = saved;
}

/* The result of an earlier attempt does not concern the connection that exists now. */
static void forget_told(struct state_slot *slot, uint16_t flags)
{
    /* there is none, mostly, and then nothing to be written */
    if (atomic_load(&slot->flags) & flags)
        atomic_fetch_and(&slot->flags, (uint16_t)~flags);
    if (atomic_load(&slot->told_errno))
        atomic_store(&slot->told_errno, 0);
    if (atomic_load(&slot->told_site))
        atomic_store(&slot->told_site, 0);
    if (atomic_load(&slot->told_ns))
        atomic_store(&slot->told_ns, 0);
    struct state_share *share = table_at(slot->share);
    if (!share)
        return;
    atomic_fetch_and(&share->told, (uint32_t)~flags);
    atomic_store(&share->told_errno, 0);
    atomic_store(&share->told_site, 0);
}

/*
 * Keeps what CALL was given and how it failed. The generation comes last, so that a reader never
 * sees half a record; a second call at the same moment on the same descriptor may mix two.
 */
static void keep_attempt(int fd, const struct state_slot *slot, enum attempt_call call, int err, const struct sockaddr *to, socklen_t len)
{
    uint32_t gen = SLOT_GEN(atomic_load(&slot->word));
    struct state_attempt *a = attempt_make(fd);
    if (!a)
        return;
    atomic_store(&a->gen, 0);
    a->call = (uint8_t)call;
    a->error = (uint8_t)err;
    a->at_ns = clock_now();
    a->address[0] = 0;
    if (to)
        address_text(a->address, to, len);
    atomic_store_explicit(&a->gen, gen, memory_order_release);
}

void track_attempt_failed(int fd, bool listening, int err, const struct sockaddr *to, socklen_t len)
{
    struct state_slot *slot = err == EBADF || err == ENOTSOCK ? NULL : slot_live(fd);
    if (!slot || SLOT_TYPE(slot) == SOCK_DGRAM)
        return;
    slot_used(slot);
    keep_attempt(fd, slot, listening ? ATTEMPT_LISTEN : ATTEMPT_BIND, err, to, len);
}

void track_connected(int fd, int result, int err, const struct sockaddr *to, socklen_t len)
{
    struct state_slot *slot = slot_live(fd);
    if (!slot)
        return;
    slot_used(slot);
    if (after_close_on)
        after_close_touched(fd, slot);
    if (to && len >= sizeof to->sa_family && to->sa_family == AF_UNSPEC) {
        if (!result)
            forget_told(slot, SLOT_CONNECTED | SLOT_CONNECTING | SLOT_TOLD_EOF | SLOT_TOLD_ERROR);
        if (!result && SLOT_TYPE(slot) != SOCK_DGRAM)
            keep_attempt(fd, slot, ATTEMPT_DISCONNECT, 0, NULL, 0);
    } else if (!result || err == EISCONN) {
        forget_told(slot, SLOT_CONNECTING | SLOT_TOLD_ERROR);
        atomic_fetch_or(&slot->flags, SLOT_CONNECTED);
    } else if (err == EINPROGRESS || err == EINTR || err == EALREADY) {
        if (!(atomic_fetch_or(&slot->flags, SLOT_CONNECTING) & SLOT_CONNECTING)) {
            struct state_attempt *before = attempt_of(fd);
            if (before)
                atomic_store(&before->gen, 0);
            atomic_store(&slot->told_ns, clock_now()); /* since when it hangs, if it does */
        }
    } else if (err != EBADF && err != ENOTSOCK && err != EFAULT) {
        set_told(fd, slot, SLOT_TOLD_ERROR, err);
        if (SLOT_TYPE(slot) != SOCK_DGRAM)
            keep_attempt(fd, slot, ATTEMPT_CONNECT, err, to, len);
    }
}

void track_shutdown(int fd, int how)
{
    struct state_slot *slot = slot_live(fd);
    if (!slot)
        return;
    slot_used(slot);
    if (after_close_on)
        after_close_touched(fd, slot);
    uint16_t f = how == SHUT_RD ? SLOT_SHUT_RD : how == SHUT_WR ? SLOT_SHUT_WR : SLOT_SHUT_RD | SLOT_SHUT_WR;
    atomic_fetch_or(&slot->flags, f);
    life_shut_down(fd);
    /* After the flag: a dup at this moment sees the flag, or its record is found here (dup.c). */
    struct state_share *share = table_at(__atomic_load_n(&slot->share, __ATOMIC_SEQ_CST));
    /* For the other descriptors checks read it from there: slot_flags(). */
    if (share)
        atomic_fetch_or(&share->shut, f);
}

/*
 * Errors that mean that the connection is over, or was never made, as opposed to errors of the call
 * itself.
 */
static bool is_end(int err)
{
    switch (err) {
    case ECONNRESET:
    case ECONNREFUSED:
    case ECONNABORTED:
    case ETIMEDOUT:
    case EPIPE:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case ENETRESET:
    case ENONET:
        return true;
    default:
        return false;
    }
}

static void set_error(int fd, struct state_slot *slot, int err)
{
    uint16_t f = atomic_load(&slot->flags);
    slot_used(slot);
    if (SLOT_TYPE(slot) == SOCK_DGRAM || ((f & SLOT_TOLD_ERROR) && (!err || atomic_load(&slot->told_errno))))
        return;
    set_told(fd, slot, SLOT_TOLD_ERROR, err);
}

void track_told_error(int fd, int err)
{
    struct state_slot *slot = slot_live(fd);
    if (slot && (!err || is_end(err)))
        set_error(fd, slot, err);
}

void track_unwatched(int fd)
{
    struct state_slot *slot = slot_live(fd);
    if (!slot || gate_is_vfork_child())
        return;
    struct state_share *share = table_at(slot->share);
    atomic_fetch_or(&slot->flags, SLOT_UNWATCHED);
    if (share)
        atomic_fetch_or(&share->told, SLOT_UNWATCHED);
}

/* Whether bytes wait to be read on FD. In a sandbox this cannot be asked. */
static bool has_unread(int fd)
{
    int n = 0;
    return sys_ioctl(fd, SIOCINQ, &n) >= 0 && n > 0;
}

void track_hung_up(int fd, unsigned revents)
{
    if (revents & POLLERR) {
        track_told_error(fd, 0);
        return;
    }
    struct state_slot *slot = slot_live(fd);
    if (!slot)
        return;
    slot_used(slot);
    if (after_close_on)
        after_close_touched(fd, slot);
    uint16_t f = slot_flags(slot);
    /*
     * A stream socket that was never connected, and one whose connect failed, hang up as well, and
     * this side's own SHUT_RD is no FIN.
     */
    if (SLOT_TYPE(slot) == SOCK_DGRAM || (f & (SLOT_TOLD_EOF | SLOT_TOLD_ERROR | SLOT_SHUT_RD)) ||
        !(f & (SLOT_CONNECTED | SLOT_CONNECTING)))
        return;
    if (!(revents & POLLHUP) && sys_in_sandbox())
        track_unwatched(fd);
    else if ((revents & POLLHUP) || !has_unread(fd))
        set_told(fd, slot, SLOT_TOLD_EOF, 0);
}

void track_sent(int fd, ssize_t result, int err)
{
    if (after_close_on)
        after_close_transferred(fd, result < 0 ? err : 0, this_thread.call);
    if (result < 0 && !is_end(err))
        return;
    struct state_slot *slot = slot_live(fd);
    if (!slot)
        return;
    if (result >= 0)
        slot_used(slot);
    else
        set_error(fd, slot, err);
}

/*
 * A read of 0 on a descriptor without a slot: a file at its end (nearly always), or a socket that
 * no wrapper saw opened. Each number is checked once, so that a program that reads files pays one
 * system call for each number, not one at each end of file.
 */
static struct state_slot *unknown_socket(int fd)
{
    static _Atomic uint64_t asked[64]; /* descriptors below 4096 */
    if (fd < 0 || thread_inside() || sys_in_sandbox())
        return NULL;
    if (fd < 4096) {
        uint64_t bit = 1ull << fd % 64;
        if (atomic_fetch_or_explicit(&asked[fd / 64], bit, memory_order_relaxed) & bit)
            return NULL;
    }
    struct identity id;
    if (probe_identity(fd, &id) < 0 || id.type == SOCK_DGRAM || !gate_ready())
        return NULL;
    enum origin before = table_is_attached() ? ORIGIN_BEFORE_ATTACH : family_parent_view()->base ? ORIGIN_INHERITED : ORIGIN_UNSEEN;
    enum origin origin = table_looks() ? ORIGIN_UNSEEN : before;
    track_adopt(fd, origin == ORIGIN_UNSEEN && start_set_has(fd, id.cookie) ? ORIGIN_INHERITED : origin, id.cookie);
    return slot_live(fd);
}

void track_received(int fd, ssize_t result, int err, size_t wanted, int flags)
{
    if (after_close_on)
        after_close_transferred(fd, result < 0 ? err : 0, this_thread.call);
    if (result < 0 && !is_end(err))
        return;
    struct state_slot *slot = slot_live(fd);
    if (result > 0) {
        if (slot) {
            slot_used(slot);
            track_data_came();
        }
        return;
    }
    if (result == 0 && !wanted)
        track_empty_call();
    if (result == 0 && (!wanted || (flags & MSG_ERRQUEUE)))
        return;
    if (!slot)
        slot = unknown_socket(fd);
    if (!slot)
        return;
    slot_used(slot);
    if (result < 0) {
        set_error(fd, slot, err);
        return;
    }
    /*
     * After this side's own SHUT_RD a result of 0 is not the peer's FIN; and only the first EOF
     * counts.
     */
    if (SLOT_TYPE(slot) != SOCK_DGRAM && !(slot_flags(slot) & (SLOT_TOLD_EOF | SLOT_SHUT_RD)))
        set_told(fd, slot, SLOT_TOLD_EOF, 0);
}
