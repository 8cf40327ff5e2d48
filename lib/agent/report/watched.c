/* SPDX-License-Identifier: MIT */
/*
 * watched.c: which epolls of this process hold the sockets of a report, now.
 *
 * Called once for each report that will be read, with the watch lock held: the descriptors are
 * listed once, and each epoll is read once, however many sockets it has. The program's threads go on
 * meanwhile. While an epoll is read, an epoll_ctl on it waits: so neither a process with very many
 * descriptors nor more than a few megabytes of text are read.
 */
#include "watched.h"

#include <string.h>
#include <sys/stat.h>

#include "../../core/out.h"
#include "../../core/watched.h"
#include "../base/descriptors.h"
#include "../base/proc_files.h"
#include "../base/sys.h"
#include "../base/thread.h"
#include "../table/header.h"
#include "../table/table.h"
#include "../track/hold.h"
#include "../track/probe.h"

#define MAX_DESCRIPTORS 16384u
#define MAX_THREADS 1024u
#define MAX_TEXT (4u << 20)
#define PIECE 16384u

struct reading {
    struct watched w;
    struct pieces text; /* of the epoll that is read */
    long file;          /* where that is open, or why it is not */
    unsigned descriptors, threads;
};

/* ---- which sockets --------------------------------------------------------------------------- */

/* The inode of the socket that F is of; 0: it has gone, or its number is another's. */
static uint64_t inode_of(const struct finding *f)
{
    struct state_slot slot;
    struct stat st;
    if (!state_copy_slot(slot_of(f->fd), &slot) || slot.opened_ns != f->opened_ns || !hold_live(f->fd, atomic_load(&slot.word)))
        return 0;
    uint64_t cookie = atomic_load(&slot.cookie);
    bool stamped = atomic_load(&slot.watch_gen) == SLOT_GEN(atomic_load(&slot.word)) && cookie;
    /* after the inode: a number that is given away does not get its socket back */
    bool same = stamped && sys_fstat(hold_file(f->fd), &st) >= 0 && S_ISSOCK(st.st_mode) && probe_cookie(f->fd) == cookie;
    hold_end();
    return same ? st.st_ino : 0;
}

static bool has_descriptor(const struct finding *f)
{
    return f->kind != KIND_HELD_BY_CHILD && f->kind != KIND_USE_AFTER_CLOSE && !f->until_exit;
}

static size_t take_sockets(struct report *r, struct watched_socket *sockets)
{
    size_t n = 0;
    for (size_t g = 0; g < r->n_groups; g++)
        for (size_t i = 0; i < r->groups[g].n_findings; i++) {
            struct finding *f = (struct finding *)(uintptr_t)&r->groups[g].findings[i]; /* the report's own array */
            f->inode = has_descriptor(f) ? inode_of(f) : 0;
            if (f->inode)
                sockets[n++] = (struct watched_socket){f->inode, f};
        }
    return n;
}

/* ---- epolls ---------------------------------------------------------------------------------- */

static long read_file(void *file, char *to, size_t n)
{
    long fd = *(const long *)file;
    return fd < 0 ? fd : sys_read((int)fd, to, n);
}

static void read_epoll(struct reading *r, unsigned epfd)
{
    char path[64];
    struct out o = {.buf = path, .cap = sizeof path - 1};
    out_fmt(&o, "/proc/self/fdinfo/%u", epfd);
    path[o.len] = 0;
    r->file = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    watched_epoll(&r->w, (int)epfd, &r->text);
    if (r->file >= 0)
        sys_close((int)r->file);
}

static bool take_descriptor(void *arg, unsigned fd)
{
    struct reading *r = arg;
    char target[64];
    if (r->descriptors++ == MAX_DESCRIPTORS)
        return false;
    long n = descriptors_link(fd, target, sizeof target - 1);
    if (n < 0)
        return n == -ENOENT;
    target[n] = 0;
    r->w.others |= strcmp(target, "anon_inode:[io_uring]") == 0;
    if (strcmp(target, "anon_inode:[eventpoll]") == 0)
        read_epoll(r, fd);
    return true;
}

/* ---- threads --------------------------------------------------------------------------------- */

/* The thread that makes a report may poll when that is done, unless it is the watcher. */
static bool take_thread(void *arg, unsigned tid)
{
    struct reading *r = arg;
    char text[256];
    if (r->threads++ == MAX_THREADS)
        return false;
    if (tid == table_watcher_tid())
        return true;
    long n = tid == (unsigned)sys_gettid() ? 0 : proc_read(text, sizeof text, "/proc/self/task/%u/syscall", tid);
    if (n != -ENOENT && n != -ESRCH) /* else it has ended */
        watched_thread(&r->w, text, n > 0 ? (size_t)n : 0);
    return !r->w.others;
}

/* ---------------------------------------------------------------------------------------------- */

void watched_find(struct report *r, struct scratch **scratch)
{
    size_t n = 0;
    struct reading reading = {.text = {.read = read_file, .from = &reading.file, .size = PIECE, .left = MAX_TEXT}};
    for (size_t g = 0; g < r->n_groups; g++)
        n += r->groups[g].n_findings;
    if (!n || sys_in_sandbox() || this_thread.no_malloc)
        return;
    struct watched_socket *sockets = scratch_get(scratch, n * sizeof *sockets);
    reading.text.buf = scratch_get(scratch, PIECE);
    if (!sockets || !reading.text.buf)
        return;
    n = take_sockets(r, sockets);
    if (!n)
        return;
    watched_begin(&reading.w, sockets, n);
    /* nothing listed: the first thread has ended, and /proc/self is its folder */
    if (!proc_each_descriptor(0, take_descriptor, &reading) || !reading.descriptors)
        reading.w.unknown = true;
    bool threads = !reading.w.unknown && !reading.w.others && proc_each_number("/proc/self/task", take_thread, &reading);
    watched_end(&reading.w, threads);
}
