/* SPDX-License-Identifier: MIT */
/*
 * bound.c: removes the oldest state files of ended processes.
 *
 * Called once a process, by the thread whose event is the first, with signals blocked. Several
 * processes may do this at once: what another has removed is not counted. A process of another pid
 * namespace may share the directory, and cannot be seen from here: its file says that it still
 * runs, and stays.
 */
#include "bound.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../../core/state.h"
#include "../../core/statedir.h"
#include "../base/clock.h"
#include "../base/pages.h"
#include "../base/proc_files.h"
#include "../base/sys.h"

#define MOST 4096u                     /* files that are looked at */
#define SLOW_WATCHER_NS 30000000000ull /* one that looks less often, or never, proves nothing */
#define STILL_ALIVE_NS 60000000000ull  /* a watcher that has looked so lately runs somewhere */

/* A directory may hold so many more than it keeps, so that of a family's children few look at all. */
#define SLACK 64u
/* So few are looked at each time; of more, by one process in so many. */
#define FEW 32u
#define ONE_OF 16

struct entry {
    uint32_t pid; /* 0: removed */
    uint64_t start_ticks, modified_ns;
};

struct listing {
    int dir;
    size_t n;
    struct entry *entries; /* NULL: counted only */
};

static void file_name(char name[64], const struct entry *e)
{
    struct out o = {.buf = name, .cap = 63};
    statedir_file(&o, e->pid, e->start_ticks);
    name[o.len] = 0;
}

static void list_entry(struct listing *l, const char *name)
{
    struct entry e = {0};
    if (l->n == MOST || !statedir_is_file(name, &e.pid, &e.start_ticks))
        return;
    if (l->entries)
        l->entries[l->n] = e;
    l->n++;
}

static void list(struct listing *l)
{
    /* as getdents64(2) has it */
    struct record {
        uint64_t inode, offset;
        uint16_t size;
        uint8_t type;
        char name[];
    };
    _Alignas(8) char buf[4096];
    l->n = 0;
    SYS3(SYS_lseek, l->dir, 0, SEEK_SET);
    for (long n; (n = SYS3(SYS_getdents64, l->dir, buf, sizeof buf)) > 0;)
        for (long at = 0; at < n; at += ((struct record *)(void *)(buf + at))->size)
            list_entry(l, ((struct record *)(void *)(buf + at))->name);
}

/* The start of process PID, in ticks; 0: there is none, or it cannot be read. */
static uint64_t start_of(uint32_t pid)
{
    char text[1024];
    return proc_read(text, sizeof text, "/proc/%u/stat", pid) > 0 ? statedir_start_ticks(text) : 0;
}

/* No process here has it. Does the file itself say that one somewhere else may? */
static bool may_run_elsewhere(int dir, const char *name)
{
    struct state_header h;
    struct utsname u;
    long fd = sys_openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    if (fd < 0)
        return true;
    long n = sys_read((int)fd, &h, sizeof h);
    sys_close((int)fd);
    if (n != (long)sizeof h || memcmp(h.magic, STATE_MAGIC, sizeof h.magic) != 0)
        return true;
    if (atomic_load(&h.end) != END_RUNNING)
        return false;
    uint64_t looked = atomic_load(&h.last_look_ns), now = clock_now();
    if (looked && now > looked && now - looked < STILL_ALIVE_NS)
        return true;
    return SYS1(SYS_uname, &u) < 0 || strncmp(u.nodename, h.host, sizeof h.host) != 0;
}

/*
 * Sets when the file of E was modified. False: it is not one of ours, or its process may still run.
 */
static bool has_ended(int dir, struct entry *e)
{
    char name[64];
    struct stat st;
    file_name(name, e);
    if (sys_stat_at(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) || st.st_uid != (uint32_t)SYS0(SYS_geteuid))
        return false;
    e->modified_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    if (SYS2(SYS_kill, e->pid, 0) != -ESRCH) {
        uint64_t start = start_of(e->pid);
        if (!start || !e->start_ticks || start == e->start_ticks)
            return false;
    }
    return !may_run_elsewhere(dir, name);
}

static void keep_ended(struct listing *l)
{
    size_t ended = 0;
    for (size_t i = 0; i < l->n; i++)
        if (has_ended(l->dir, &l->entries[i]))
            l->entries[ended++] = l->entries[i];
    l->n = ended;
}

/* No descriptor was open at the end of the process: its file has nothing to report. */
static bool holds_nothing(int dir, const char *name)
{
    struct stat st;
    struct state_view view;
    struct state_slot slot;
    uint64_t pos = 0, now = clock_now();
    bool nothing = false;
    int number;
    long fd = sys_openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
    if (fd < 0)
        return false;
    if (sys_stat_at((int)fd, "", &st, AT_EMPTY_PATH) >= 0 && S_ISREG(st.st_mode) && st.st_size >= (off_t)STATE_BODY_OFFSET &&
        st.st_size <= (off_t)STATE_MAX_SIZE) {
        void *p = sys_mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, (int)fd, 0);
        if (!sys_failed(p) && !state_open_view(&view, p, (uint64_t)st.st_size)) {
            const struct state_header *h = state_head(&view);
            uint64_t interval = atomic_load(&h->interval_ns);
            /* if it ran where it cannot be seen, its watcher would have looked by now */
            nothing = atomic_load(&h->end) == END_RUNNING && interval && interval <= SLOW_WATCHER_NS && now > h->opened_mono_ns &&
                      now - h->opened_mono_ns >= STILL_ALIVE_NS && !state_next_slot(&view, &pos, &number, &slot);
        }
        if (!sys_failed(p))
            sys_munmap(p, (size_t)st.st_size);
    }
    sys_close((int)fd);
    return nothing;
}

/*
 * Removes the files that hold nothing: of processes that ended without a word to us, as a Go program
 * does, which makes the system call itself.
 */
static void remove_empty(struct listing *l)
{
    char name[64];
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++) {
        file_name(name, &l->entries[i]);
        if (!holds_nothing(l->dir, name) || SYS3(SYS_unlinkat, l->dir, name, 0) < 0)
            l->entries[kept++] = l->entries[i];
    }
    l->n = kept;
}

static bool remove_oldest(struct listing *l)
{
    char name[64];
    struct entry *oldest = NULL;
    for (size_t i = 0; i < l->n; i++)
        if (l->entries[i].pid && (!oldest || l->entries[i].modified_ns < oldest->modified_ns))
            oldest = &l->entries[i];
    if (!oldest)
        return false;
    file_name(name, oldest);
    oldest->pid = 0;
    return SYS3(SYS_unlinkat, l->dir, name, 0) == 0;
}

/* The file's size is the count: appending adds without a lock. */
static void count_removed(int dir, size_t n)
{
    static const char dots[] = "................................................................";
    long fd = sys_openat(dir, STATEDIR_REMOVED, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    for (size_t piece; fd >= 0 && n; n -= piece) {
        piece = n < sizeof dots - 1 ? n : sizeof dots - 1;
        if (sys_write((int)fd, dots, piece) < 0)
            break;
    }
    if (fd >= 0)
        sys_close((int)fd);
}

/*
 * To look at one file takes six system calls, and a full directory stays full: a program that forks
 * for each connection would spend more time here than on the connection.
 */
static bool is_due(size_t files, bool forked)
{
    if (forked)
        return files > STATEDIR_KEEP + SLACK;
    /* 1: our own */
    return files > STATEDIR_KEEP || (files > 1 && (files <= FEW || sys_getpid() % ONE_OF == 0));
}

void bound_directory(int dir, bool forked)
{
    struct listing l = {.dir = dir};
    size_t removed = 0;
    list(&l);
    if (!is_due(l.n, forked))
        return;
    l.entries = pages_alloc(MOST * sizeof *l.entries);
    if (!l.entries)
        return;
    list(&l);
    size_t all = l.n;
    keep_ended(&l);
    if (!forked)
        remove_empty(&l);
    for (size_t n = all > STATEDIR_KEEP ? l.n : 0; n > STATEDIR_KEEP; n--)
        removed += remove_oldest(&l);
    pages_free(l.entries, MOST * sizeof *l.entries);
    if (removed)
        count_removed(dir, removed);
}
