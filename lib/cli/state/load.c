/* SPDX-License-Identifier: MIT */
/*
 * load.c: opens, maps and checks one state file, and finds out whether the process behind it lives.
 *
 * Called by every subcommand that reads state files. What a file says is not trusted: the decoder
 * of lib/core checks the bytes. Here it is checked that the file is a regular one, of a size that a
 * state file may have, and that the process with the recorded pid is really its writer.
 */
#include "load.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../core/hash.h"
#include "../../core/start_time.h"
#include "../base/now.h"
#include "../kernel/procfs.h"
#include "inner.h"

uint64_t load_to_real(const struct loaded_file *l, uint64_t mono_ns)
{
    const struct state_header *h = state_head(&l->view);
    return h->opened_real_ns + (mono_ns - h->opened_mono_ns);
}

uint64_t load_unchanged_since(const struct loaded_file *l)
{
    const struct state_header *h = state_head(&l->view);
    if (!l->same_boot || load_relaxed32(&h->inherited_from))
        return 0;
    uint64_t start = start_time_real(h->start_ticks, now_boot_ns(), now_real_ns());
    return h->start_ticks && start < h->opened_real_ns ? start : h->opened_real_ns;
}

bool load_stat(pid_t pid, uint64_t *start_ticks, char *state)
{
    struct procfs_stat st, other;
    if (procfs_stat(pid, &st) != 0)
        return false;
    *start_ticks = st.start_ticks;
    *state = st.state;
    if (*state == 'Z' && procfs_stat(procfs_alive(pid), &other) == 0)
        *state = other.state;
    return true;
}

/* ---- a mapping that survives its file being cut ---------------------------------------------- */

/*
 * Read by the signal handler. That is safe without a lock: faults come from our own reading of a
 * file, never from within guard().
 */
static struct guarded_range {
    uintptr_t start, end;
} * guarded;
static size_t n_guarded, cap_guarded;

/*
 * Replaces a page behind the file's end by a page of zeros, which the decoder reads as free. A
 * fault anywhere else gets the signal's default action.
 */
static void on_sigbus(int sig, siginfo_t *info, void *context)
{
    (void)context;
    uintptr_t at = (uintptr_t)info->si_addr;
    for (size_t i = 0; i < n_guarded; i++) {
        if (at >= guarded[i].start && at < guarded[i].end) {
            void *page = (void *)(at & ~(uintptr_t)(STATE_PAGE - 1));
            if (mmap(page, STATE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
                return;
        }
    }
    signal(sig, SIG_DFL);
}

static bool guard(const void *base, uint64_t size)
{
    struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &sa, NULL);
    if (n_guarded == cap_guarded) {
        size_t cap = cap_guarded ? cap_guarded * 2 : 64;
        struct guarded_range *more = realloc(guarded, cap * sizeof *more);
        if (!more)
            return false;
        guarded = more;
        cap_guarded = cap;
    }
    guarded[n_guarded++] = (struct guarded_range){(uintptr_t)base, (uintptr_t)base + size};
    return true;
}

static void unguard(const void *base)
{
    for (size_t i = 0; i < n_guarded; i++) {
        if (guarded[i].start == (uintptr_t)base) {
            guarded[i] = guarded[--n_guarded];
            return;
        }
    }
}

/* ---- whose file it is ------------------------------------------------------------------------ */

/* Unknown on either side counts as the same boot: pid and start time still have to match. */
static bool same_boot(const struct state_header *h)
{
    static char text[64];
    static ssize_t n = -1;
    if (n < 0) {
        int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? 0 : read(fd, text, sizeof text);
        if (fd >= 0)
            close(fd);
        if (n < 0)
            n = 0;
    }
    size_t bare = (size_t)n;
    while (bare && isspace((unsigned char)text[bare - 1]))
        bare--;
    return h->boot_id_hash == 0 || n == 0 || h->boot_id_hash == hash_bytes(HASH_START, text, (size_t)n) ||
           h->boot_id_hash == hash_bytes(HASH_START, text, bare);
}

/*
 * Is it the process of the file, by the time that it started at? A process without /proc (a chroot)
 * could not tell that time: then it is the one of that number which was there before the file.
 */
static bool has_started_so(pid_t pid, const struct state_header *h, char *state)
{
    uint64_t start;
    if (pid <= 0 || !load_stat(pid, &start, state))
        return false;
    return start == h->start_ticks || (!h->start_ticks && start_time_real(start, now_boot_ns(), now_real_ns()) <= h->opened_real_ns);
}

/*
 * Does the process still run the program that wrote the file? An exec keeps pid and start time but
 * leaves this table behind.
 */
static bool same_program(pid_t pid, const struct state_header *h)
{
    char path[32];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)procfs_alive(pid));
    if (h->exe_ino == 0 || stat(path, &st) != 0)
        return true;
    return st.st_ino == h->exe_ino && st.st_dev == h->exe_dev;
}

static void set_root(struct loaded_file *l)
{
    struct stat ours, theirs;
    char ns[32], root[32];
    int pid = (int)procfs_alive(l->pid);
    snprintf(ns, sizeof ns, "/proc/%d/ns/mnt", pid);
    snprintf(root, sizeof root, "/proc/%d/root", pid);
    l->root[0] = 0;
    if (stat("/proc/self/ns/mnt", &ours) != 0 || stat(ns, &theirs) != 0)
        return;
    if (ours.st_ino == theirs.st_ino) { /* a chroot keeps the namespace */
        if (stat("/", &ours) != 0 || stat(root, &theirs) != 0 || (ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev))
            return;
    }
    snprintf(l->root, sizeof l->root, "%s", root);
}

void load_grown(struct loaded_file *l)
{
    uint64_t n = atomic_load_explicit(&state_head(&l->view)->n_extents, memory_order_acquire);
    uint64_t fit = (l->view.size - STATE_BODY_OFFSET) / STATE_EXTENT_SIZE;
    /* else the file was damaged since it was opened: the view stays as it is */
    if (n <= STATE_MAX_EXTENTS)
        l->view.n_extents = (uint32_t)(n < fit ? n : fit);
}

void load_recheck(struct loaded_file *l)
{
    load_grown(l);
    const struct state_header *h = state_head(&l->view);
    uint32_t end = atomic_load_explicit(&h->end, memory_order_relaxed);
    pid_t known = load_is_live(l) ? l->pid : 0; /* by an earlier look */
    l->pid = (pid_t)h->pid;
    l->same_boot = same_boot(h);
    /* END_EXIT: it may still be on its way out */
    if (l->same_boot && (end == END_RUNNING || end == END_EXIT)) {
        char state;
        pid_t pid = known ? known : (pid_t)h->pid;
        bool found = has_started_so(pid, h, &state);
        if (!found && !known) {
            pid = inner_find(h, l->dev, l->ino);
            found = has_started_so(pid, h, &state);
        }
        if (found && state != 'Z' && state != 'X') {
            if (!same_program(pid, h)) {
                l->life = LIFE_EXECED;
                return;
            }
            if (end == END_RUNNING) {
                l->pid = pid;
                l->life = state == 'T' || state == 't' ? LIFE_STOPPED : LIFE_RUNNING;
                set_root(l);
                return;
            }
        }
    }
    switch (end) {
    case END_EXIT:
        l->life = LIFE_EXITED;
        break;
    case END_EXEC:
        l->life = LIFE_EXECED;
        break;
    case END_ABORT:
        l->life = LIFE_ABORTED;
        break;
    default:
        l->life = l->same_boot ? LIFE_KILLED : LIFE_ELSEWHERE;
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

/* What FD, opened with O_PATH, must be before any of it is opened: a regular file. NULL: it is. */
static const char *wrong_type(int fd, struct stat *st)
{
    if (fstat(fd, st) != 0)
        return strerror(errno);
    if (S_ISLNK(st->st_mode))
        return "it is a symbolic link; name the file itself";
    return S_ISREG(st->st_mode) ? NULL : "not a state file (it is no regular file)";
}

/* Opens what FD stands for, and nothing else that may have got its name meanwhile. */
static int open_again(int fd, int flags)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/*
 * The header page for writing. Only of a file of our own, under one name, that is a state file:
 * another user must not make us write, or as much as open for writing, what is not his.
 */
static struct state_header *map_header(int fd, const struct stat *st)
{
    if (st->st_uid != geteuid() || st->st_nlink > 1)
        return NULL;
    int again = open_again(fd, O_RDWR);
    if (again < 0)
        return NULL;
    struct state_header *h = mmap(NULL, STATE_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0);
    close(again);
    if (h != MAP_FAILED && guard(h, STATE_PAGE))
        return h;
    if (h != MAP_FAILED)
        munmap(h, STATE_PAGE);
    return NULL;
}

static const char *map_state_file(struct loaded_file *l, int fd, const char *path)
{
    struct stat st;
    const char *why = wrong_type(fd, &st);
    if (why)
        return why;
    uint64_t size = (uint64_t)st.st_size;
    if (size < STATE_BODY_OFFSET)
        return size < sizeof STATE_MAGIC - 1 ? "not a state file (it is too short)" : "not a state file, or cut off within its first pages";
    if (size > STATE_MAX_SIZE)
        size = STATE_MAX_SIZE;
    int again = open_again(fd, O_RDONLY);
    unsigned char *base = again < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_SHARED, again, 0);
    int error = errno;
    if (again >= 0)
        close(again);
    if (base == MAP_FAILED)
        return strerror(error);
    if (!guard(base, size)) {
        munmap(base, size);
        return strerror(ENOMEM);
    }
    struct loaded_file got = {.map_size = size, .dev = st.st_dev, .ino = st.st_ino, .owner = st.st_uid};
    why = state_open_view(&got.view, base, size);
    if (!why && !(got.path = strdup(path)))
        why = strerror(ENOMEM);
    if (why) {
        got.view.base = base;
        load_free(&got);
        return why;
    }
    got.writable = map_header(fd, &st);
    load_recheck(&got);
    *l = got;
    return NULL;
}

static const char *load_path(struct loaded_file *l, const char *path, int flags)
{
    static char sentence[512];
    /* O_PATH opens nothing: no FIFO waits for a writer, no device is started. */
    int fd = open(path, O_PATH | O_CLOEXEC | flags);
    if (fd < 0) {
        snprintf(sentence, sizeof sentence, "%s", strerror(errno));
        return sentence;
    }
    const char *why = map_state_file(l, fd, path);
    close(fd);
    return why;
}

const char *load_file(struct loaded_file *l, const char *path)
{
    static const char own[] = "/proc/self/fd/"; /* a link that the kernel made, to what we opened ourselves */
    return load_path(l, path, strncmp(path, own, sizeof own - 1) == 0 ? 0 : O_NOFOLLOW);
}

const char *load_mapping(struct loaded_file *l, const char *path) { return load_path(l, path, 0); }

/* ---- writing to the header ------------------------------------------------------------------- */

bool load_can_write(const struct loaded_file *l) { return l->writable || l->header_there; }

/*
 * The N bytes at FIELD, which lies in the header. In another user's file they are written by way of
 * its process' memory, which the kernel allows to those who may trace it.
 */
static bool put(const struct loaded_file *l, const void *field, uint64_t value, size_t n)
{
    uint64_t offset = (uint64_t)((const unsigned char *)field - l->view.base);
    if (offset + n > STATE_PAGE)
        return false;
    if (l->writable) {
        unsigned char *to = (unsigned char *)l->writable + offset;
        if (n == sizeof(uint32_t))
            atomic_store((_Atomic uint32_t *)(void *)to, (uint32_t)value);
        else
            atomic_store((_Atomic uint64_t *)(void *)to, value);
        return true;
    }
    uint32_t narrow = (uint32_t)value;
    struct iovec from = {n == sizeof narrow ? (void *)&narrow : (void *)&value, n}, to = {(void *)(uintptr_t)(l->header_there + offset), n};
    return l->header_there && process_vm_writev(procfs_alive(l->pid), &from, 1, &to, 1, 0) == (ssize_t)n;
}

bool load_put32(const struct loaded_file *l, const _Atomic uint32_t *field, uint32_t value)
{
    return put(l, (const void *)field, value, sizeof value);
}

bool load_put64(const struct loaded_file *l, const _Atomic uint64_t *field, uint64_t value)
{
    return put(l, (const void *)field, value, sizeof value);
}

void load_free(struct loaded_file *l)
{
    if (l->view.base) {
        unguard(l->view.base);
        munmap((void *)l->view.base, l->map_size);
    }
    if (l->writable) {
        unguard(l->writable);
        munmap(l->writable, STATE_PAGE);
    }
    free(l->path);
    *l = (struct loaded_file){0};
}
