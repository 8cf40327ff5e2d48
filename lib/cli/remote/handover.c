/* SPDX-License-Identifier: MIT */
/*
 * handover.c: copies the library into memory of the process, or into a file below its root.
 *
 * Called by load.c while a thread of the process is held. What the other root holds is another
 * user's: no symbolic link in it is followed, a file is only created, and only where nobody but
 * root and the process' user could put another in its place.
 */
#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "call.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

/* Base name and folder as an installed library has them, so that whoever lists mappings knows it. */
#define NAME_IN_MEMORY "sockleak/libsockleak.so"

/* 0, or an errno. */
static int copy_file(const char *from, int to)
{
    char buf[65536];
    int fd = open(from, O_RDONLY | O_CLOEXEC), err = 0;
    if (fd < 0)
        return errno;
    for (ssize_t n; !err && (n = read(fd, buf, sizeof buf)) != 0;) {
        if (n < 0)
            err = errno == EINTR ? 0 : errno;
        for (ssize_t done = 0, m; !err && done < n; done += m) {
            m = write(to, buf + done, (size_t)(n - done));
            if (m < 0) {
                err = errno == EINTR ? 0 : errno;
                m = 0;
            }
        }
    }
    close(fd);
    return err;
}

/* Descriptor NUMBER of the thread, as a file that we can open. */
static void descriptor_path(const struct tracee *t, int number, char path[64])
{
    snprintf(path, 64, "/proc/%d/fd/%d", (int)t->tid, number);
}

static int fill(const struct tracee *t, const char *library, struct handover *h)
{
    char path[64];
    struct stat st;
    descriptor_path(t, h->number, path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int err = fstat(fd, &st) < 0 ? errno : copy_file(library, fd);
    h->dev = st.st_dev;
    h->ino = st.st_ino;
    close(fd);
    return err;
}

const char *handover_in_memory(struct tracee *t, const char *library, struct handover *h, struct refusal *why)
{
    *h = (struct handover){.number = -1, .dir = -1};
    uint64_t a[6] = {call_put_string(t, NAME_IN_MEMORY), MFD_CLOEXEC | MFD_EXEC};
    long number = -1;
    enum call_result c = call_system(t, SYS_memfd_create, a, &number);
    if (c == CALL_DONE && number == -EINVAL) { /* Linux before 6.3 */
        a[1] = MFD_CLOEXEC;
        c = call_system(t, SYS_memfd_create, a, &number);
    }
    if (c != CALL_DONE)
        return call_refused(t, c, why);
    if (number < 0)
        return refuse(why, "memfd_create: %s", strerror((int)-number));
    h->number = (int)number;
    int err = fill(t, library, h);
    if (err) {
        handover_end(t, h);
        return refuse(why, "memfd: %s", strerror(err));
    }
    /* Not /proc/self/fd/N: the loader would take ours for what the program loads by that name. */
    snprintf(h->path, sizeof h->path, "/proc/thread-self/fd/%d", h->number);
    return NULL;
}

/* Below the root of the thread, without following a link: a descriptor, or -1 with errno. */
static int open_dir(pid_t tid, const char *path)
{
    char part[64];
    snprintf(part, sizeof part, "/proc/%d/root", (int)tid);
    int dir = open(part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (dir >= 0 && *(path += strspn(path, "/"))) {
        size_t n = strcspn(path, "/");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        int below = openat(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int err = errno;
        close(dir);
        errno = err;
        dir = below;
        path += n;
    }
    return dir;
}

/* Can the process execute what lies there, and nobody else put another file in its place? */
static bool is_fit(int dir, const struct process_facts *p)
{
    struct statvfs fs;
    struct stat st;
    if (fstatvfs(dir, &fs) < 0 || fstat(dir, &st) < 0 || (fs.f_flag & (ST_NOEXEC | ST_RDONLY)))
        return false;
    if (st.st_uid != 0 && (long)st.st_uid != p->uid && st.st_uid != geteuid())
        return false;
    return !(st.st_mode & (S_IWGRP | S_IWOTH)) || (st.st_mode & S_ISVTX);
}

static int put_file(const char *library, struct handover *h)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(h->name, sizeof h->name, "libsockleak.so.%d-%lld%09ld", (int)getpid(), (long long)now.tv_sec, now.tv_nsec);
    int fd = openat(h->dir, h->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int err = copy_file(library, fd);
    if (!err && fchmod(fd, 0555) < 0)
        err = errno;
    if (close(fd) < 0 && !err)
        err = errno;
    if (err)
        unlinkat(h->dir, h->name, 0);
    return err;
}

const char *handover_in_root(const struct tracee *t, const struct process_facts *p, const char *library, struct handover *h,
                             struct refusal *why)
{
    static const char *const places[] = {"/tmp", "/var/tmp", "/dev/shm", "/run", "/"};
    int err = ENOENT;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        *h = (struct handover){.number = -1, .dir = open_dir(t->tid, places[i])};
        if (h->dir < 0)
            continue;
        err = is_fit(h->dir, p) ? put_file(library, h) : EACCES;
        if (!err) {
            snprintf(h->path, sizeof h->path, "%s/%s", places[i][1] ? places[i] : "", h->name);
            return NULL;
        }
        close(h->dir);
    }
    h->dir = -1;
    return refuse(why, "no directory of its root takes a file that it may execute (%s)", strerror(err));
}

void handover_end(struct tracee *t, struct handover *h)
{
    char path[64];
    struct stat st;
    long ignored;
    descriptor_path(t, h->number, path);
    /* The program may have closed all numbers meanwhile, and have another file there now. */
    if (h->number >= 0 && t->stopped && stat(path, &st) == 0 && st.st_dev == h->dev && st.st_ino == h->ino)
        call_system(t, SYS_close, (uint64_t[6]){(uint64_t)h->number}, &ignored);
    if (h->dir >= 0) {
        unlinkat(h->dir, h->name, 0);
        close(h->dir);
    }
    h->number = h->dir = -1;
}
