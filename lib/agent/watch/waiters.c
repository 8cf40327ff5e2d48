/* SPDX-License-Identifier: MIT */
/*
 * waiters.c: does anybody in this process wait for a connect that has had no answer yet?
 *
 * Asked by a check, with the watch lock held, only of connects that have hung for longer than the
 * grace, which are rare: it lists /proc/self/task and /proc/self/fd. What cannot be read, a thread
 * that runs at this moment, and io_uring make the answer unknown, which counts as "somebody waits".
 */
#include "waiters.h"

#include <string.h>
#include <sys/poll.h>
#include <sys/uio.h>

#include "../../core/out.h"
#include "../base/proc_files.h"
#include "../base/sys.h"
#include "../table/table.h"

#define MAX_FD 65536u
#define MAX_THREADS 1024u
#define MAX_DESCRIPTORS 16384u
#define MAX_POLLED 4096u
#define SUSPECTS 256u

static bool asked, unknown;
static unsigned char watched[MAX_FD / 8] LARGE_TABLE;
static char buffer[4096] LARGE_TABLE;

/* Those that nobody waited for at this check and at the one before. */
struct suspect {
    int fd;
    uint32_t gen;
};
static struct suspect before[SUSPECTS] LARGE_TABLE, now[SUSPECTS] LARGE_TABLE;
static unsigned n_before, n_now;

static void watches(uint64_t fd)
{
    if (fd < MAX_FD)
        watched[fd / 8] |= (unsigned char)(1u << fd % 8);
}

/* ---- epoll ----------------------------------------------------------------------------------- */

/* Lines of "tfd:%9d events: ...", as many as the epoll has: read in pieces, cut at a line's end. */
static bool read_epoll(unsigned fd)
{
    char path[64];
    struct out o = {.buf = path, .cap = sizeof path - 1};
    out_fmt(&o, "/proc/self/fdinfo/%u", fd);
    path[o.len] = 0;
    long file = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0), n = -1;
    long kept = 0;
    while (file >= 0 && (n = sys_read((int)file, buffer + kept, sizeof buffer - 1 - (size_t)kept)) > 0) {
        buffer[kept + n] = 0;
        char *line = buffer, *end;
        for (; (end = strchr(line, '\n')); line = end + 1) {
            if (strncmp(line, "tfd:", 4) != 0)
                continue;
            uint64_t number = 0;
            for (const char *p = line + 4; *p == ' ' || (*p >= '0' && *p <= '9'); p++)
                if (*p != ' ')
                    number = number * 10 + (uint64_t)(*p - '0');
            watches(number);
        }
        kept = buffer + kept + n - line;
        if (kept >= (long)sizeof buffer - 1)
            break;
        memmove(buffer, line, (size_t)kept);
    }
    if (file >= 0)
        sys_close((int)file);
    return n == 0;
}

/* LEFT: how many more may be asked for. */
static bool is_within(void *left)
{
    unsigned *n = left;
    return *n && (*n)--;
}

static bool ask_descriptor(void *left, unsigned fd)
{
    char path[64], target[64];
    struct out o = {.buf = path, .cap = sizeof path - 1};
    if (!is_within(left))
        return false;
    out_fmt(&o, "/proc/self/fd/%u", fd);
    path[o.len] = 0;
    long n = SYS4(SYS_readlinkat, AT_FDCWD, path, target, sizeof target - 1);
    if (n < 0)
        return n == -ENOENT; /* closed meanwhile */
    target[n] = 0;
    if (!strcmp(target, "anon_inode:[io_uring]"))
        return false;
    return strcmp(target, "anon_inode:[eventpoll]") != 0 || read_epoll(fd);
}

/* ---- threads --------------------------------------------------------------------------------- */

/* Copies our own memory: a thread may unmap it at this moment. */
static bool copy(void *to, uint64_t from, size_t n)
{
    struct iovec local = {to, n}, remote = {(void *)(uintptr_t)from, n};
    return SYS6(SYS_process_vm_readv, sys_getpid(), &local, 1, &remote, 1, 0) == (long)n;
}

static bool read_polled(uint64_t array, uint64_t n)
{
    struct pollfd piece[64];
    if (n > MAX_POLLED)
        return false;
    for (uint64_t at = 0; at < n; at += 64) {
        size_t count = n - at < 64 ? (size_t)(n - at) : 64;
        if (!copy(piece, array + at * sizeof *piece, count * sizeof *piece))
            return false;
        for (size_t i = 0; i < count; i++)
            if (piece[i].fd >= 0)
                watches((uint64_t)piece[i].fd);
    }
    return true;
}

static bool read_set(uint64_t set, uint64_t n)
{
    unsigned char bits[128];
    if (!set)
        return true;
    if (n > sizeof bits * 8)
        return false;
    if (n && !copy(bits, set, (n + 63) / 64 * 8))
        return false;
    for (uint64_t fd = 0; fd < n; fd++)
        if (bits[fd / 8] & (1u << fd % 8))
            watches(fd);
    return true;
}

/* "NUMBER 0x.. 0x.. 0x.. 0x.. 0x.. 0x.. SP PC", "running", or "-1 SP PC". */
static bool parse_call(const char *text, uint64_t *number, uint64_t args[6])
{
    *number = 0;
    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++)
        *number = *number * 10 + (uint64_t)(*text - '0');
    for (int i = 0; i < 6; i++) {
        if (strncmp(text, " 0x", 3) != 0)
            return false;
        args[i] = 0;
        for (text += 3; (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'f'); text++)
            args[i] = args[i] << 4 | (uint64_t)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    }
    return true;
}

static bool ask_thread(void *left, unsigned tid)
{
    uint64_t number, a[6];
    if (!is_within(left))
        return false;
    if (tid == (unsigned)sys_gettid())
        return true;
    long n = proc_read(buffer, sizeof buffer, "/proc/self/task/%u/syscall", tid);
    if (n <= 0)
        return n == -ENOENT || n == -ESRCH; /* ended meanwhile */
    if (!parse_call(buffer, &number, a))
        return false;
    switch (number) {
    case SYS_connect:
        watches(a[0]);
        return true;
#ifdef SYS_poll
    case SYS_poll:
#endif
    case SYS_ppoll:
        return read_polled(a[0], a[1]);
#ifdef SYS_select
    case SYS_select:
#endif
    case SYS_pselect6:
        return read_set(a[1], a[0]) && read_set(a[2], a[0]) && read_set(a[3], a[0]);
    case SYS_restart_syscall: /* of poll, perhaps: its arguments are gone */
        return false;
    default:
        return true;
    }
}

/* ---- the answer ------------------------------------------------------------------------------ */

void waiters_begin(void)
{
    asked = false;
    memcpy(before, now, n_now * sizeof *now);
    n_before = n_now;
    n_now = 0;
}

bool waiters_none(int fd, uint32_t gen)
{
    const struct state_slot *slot = slot_of(fd);
    /* an epoll names a descriptor, not the socket: with copies by dup the answer is not known */
    if ((unsigned)fd >= MAX_FD || !slot || slot->share || sys_in_sandbox())
        return false;
    if (!asked) {
        asked = true;
        memset(watched, 0, sizeof watched);
        unsigned descriptors = MAX_DESCRIPTORS, threads = MAX_THREADS;
        unknown =
            !proc_each_number("/proc/self/fd", ask_descriptor, &descriptors) || !proc_each_number("/proc/self/task", ask_thread, &threads);
    }
    if (unknown || watched[fd / 8] & (1u << fd % 8) || n_now == SUSPECTS)
        return false;
    now[n_now++] = (struct suspect){fd, gen};
    for (unsigned i = 0; i < n_before; i++)
        if (before[i].fd == fd && before[i].gen == gen)
            return true;
    return false;
}

void waiters_reset(void) { n_before = n_now = 0; }
