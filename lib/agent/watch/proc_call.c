/* SPDX-License-Identifier: MIT */
/*
 * proc_call.c: what a thread waits for, of this process or of another one.
 *
 * Called by checks, with the watch lock held, and rarely. The threads go on meanwhile: an answer is
 * of one moment.
 */
#include "proc_call.h"

#include <string.h>
#include <poll.h>
#include <sys/uio.h>

#include "../../core/cursor.h"
#include "../../core/out.h"
#include "../../core/pieces.h"
#include "../base/proc_files.h"
#include "../base/sys.h"

#define MAX_POLLED 4096u

static char buffer[4096] LARGE_TABLE;

/* "/proc/self/REST" or "/proc/PID/REST"; REST has one number. */
static void put_path(char path[64], uint32_t pid, const char *rest, unsigned number)
{
    struct out o = {.buf = path, .cap = 63};
    if (pid)
        out_fmt(&o, "/proc/%u/", pid);
    else
        out_str(&o, "/proc/self/");
    out_str(&o, rest);
    out_u64(&o, number);
    path[o.len] = 0;
}

/* ---- epoll ----------------------------------------------------------------------------------- */

/* Lines of "tfd:%9d events: ...", as many as the epoll has. */
static size_t take_lines(void *arg, const char *text, size_t len)
{
    const struct proc_watch *w = arg;
    size_t used = 0;
    for (const char *end; (end = memchr(text + used, '\n', len - used)) != NULL; used = (size_t)(end - text) + 1) {
        struct cursor line = {text + used, end};
        uint64_t number;
        if (!cursor_take_text(&line, "tfd:"))
            continue;
        cursor_skip_blanks(&line);
        if (cursor_take_number(&line, 10, &number))
            w->on(w->arg, number);
    }
    return used;
}

static long read_file(void *file, char *to, size_t n) { return sys_read(*(const int *)file, to, n); }

bool proc_call_epoll(uint32_t pid, unsigned fd, const struct proc_watch *w)
{
    char path[64];
    put_path(path, pid, "fdinfo/", fd);
    int file = (int)sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    struct proc_watch watch = *w;
    struct pieces text = {read_file, &file, buffer, sizeof buffer, SIZE_MAX};
    bool all = file >= 0 && pieces_read(&text, take_lines, &watch) == 0;
    if (file >= 0)
        sys_close(file);
    return all;
}

/* ---- threads --------------------------------------------------------------------------------- */

/* Our own memory too is copied in this way: a thread may unmap it at this moment. */
static bool copy(uint32_t pid, void *to, uint64_t from, size_t n)
{
    struct iovec local = {to, n}, remote = {(void *)(uintptr_t)from, n};
    return SYS6(SYS_process_vm_readv, pid ? pid : sys_getpid(), &local, 1, &remote, 1, 0) == (long)n;
}

static bool read_polled(uint32_t pid, const struct proc_watch *w, uint64_t array, uint64_t n)
{
    struct pollfd piece[64];
    if (n > MAX_POLLED)
        return false;
    for (uint64_t at = 0; at < n; at += 64) {
        size_t count = n - at < 64 ? (size_t)(n - at) : 64;
        if (!copy(pid, piece, array + at * sizeof *piece, count * sizeof *piece))
            return false;
        for (size_t i = 0; i < count; i++)
            if (piece[i].fd >= 0)
                w->on(w->arg, (uint64_t)piece[i].fd);
    }
    return true;
}

static bool read_set(uint32_t pid, const struct proc_watch *w, uint64_t set, uint64_t n)
{
    unsigned char bits[128];
    if (!set)
        return true;
    if (n > sizeof bits * 8)
        return false;
    if (n && !copy(pid, bits, set, (n + 63) / 64 * 8))
        return false;
    for (uint64_t fd = 0; fd < n; fd++)
        if (bits[fd / 8] & (1u << fd % 8))
            w->on(w->arg, fd);
    return true;
}

enum proc_call_is proc_call_of(uint32_t pid, uint32_t tid, struct proc_call *c)
{
    long n = pid ? proc_read(buffer, sizeof buffer, "/proc/%u/task/%u/syscall", pid, tid)
                 : proc_read(buffer, sizeof buffer, "/proc/self/task/%u/syscall", tid);
    if (n <= 0)
        return n == -ENOENT || n == -ESRCH ? PROC_CALL_ENDED : PROC_CALL_UNKNOWN;
    if (proc_call_parse(buffer, (size_t)n, c))
        return PROC_CALL_KNOWN;
    return proc_call_is_running(buffer, (size_t)n) ? PROC_CALL_RUNNING : PROC_CALL_UNKNOWN;
}

bool proc_call_polls(uint32_t pid, const struct proc_call *c, const struct proc_watch *w)
{
    const uint64_t *a = c->args;
    switch (c->number) {
#ifdef SYS_poll
    case SYS_poll:
#endif
    case SYS_ppoll:
        return read_polled(pid, w, a[0], a[1]);
#ifdef SYS_select
    case SYS_select:
#endif
    case SYS_pselect6:
        return read_set(pid, w, a[1], a[0]) && read_set(pid, w, a[2], a[0]) && read_set(pid, w, a[3], a[0]);
    case SYS_restart_syscall: /* of poll, perhaps: its arguments are gone */
        return false;
    default:
        return true;
    }
}
