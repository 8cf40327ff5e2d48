/* SPDX-License-Identifier: MIT */
/*
 * descriptors.c: the program's descriptors, as the calling thread reaches them.
 *
 * The copies are taken by the watcher alone, so what is kept of them needs no lock. The pidfd and
 * /proc/self/fd are the first thread's: when that has ended, EBADF says nothing of a number, and the
 * folder is empty. The folder is kept open, for the program may go into a chroot without /proc.
 */
#include "descriptors.h"

#include <linux/close_range.h>
#include <linux/kcmp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../../core/out.h"
#include "environ.h"
#include "sys.h"

/* A look needs so many numbers at the least: the pidfd, the folder, a copy, and what it opens. */
#define SPARE 8
#define FOLDER "/proc/self/fd"

static bool refused; /* from the constructor on */
/* Of the watcher that runs. */
static int process = -1, folder = -1;
static unsigned copies;
static bool lost;

void descriptors_init(void) { refused = environ_is_valgrind(); }

/* Unlike every other thread of the process, one that has ended has no memory map. */
static bool first_thread_is_there(void) { return SYS5(SYS_kcmp, sys_getpid(), sys_gettid(), KCMP_VM, 0, 0) == 0; }

static bool has_folder(void)
{
    struct stat st;
    return sys_stat(FOLDER, &st) >= 0;
}

/* Each call with arguments that it refuses: EINVAL or EBADF says that it is there. */
static bool calls_are_there(void)
{
    return SYS3(SYS_pidfd_getfd, -1, -1, 0) == -EBADF && SYS2(SYS_pidfd_open, 0, 0) == -EINVAL &&
           SYS3(SYS_close_range, 1, 0, CLOSE_RANGE_UNSHARE) == -EINVAL;
}

static bool may_leave(void)
{
    return !refused && !sys_in_sandbox() && SYS5(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0) == 0 && calls_are_there() && has_folder() &&
           first_thread_is_there() && SYS5(SYS_kcmp, sys_getpid(), sys_gettid(), KCMP_FILES, 0, 0) == 0;
}

enum descriptors_way descriptors_leave(void)
{
    process = -1;
    copies = 0;
    lost = false;
    if (!may_leave() || SYS3(SYS_close_range, 0, ~0u, CLOSE_RANGE_UNSHARE) < 0)
        return DESCRIPTORS_SHARED;
    this_thread.own_table = true;
    process = (int)SYS2(SYS_pidfd_open, sys_getpid(), 0);
    folder = (int)sys_openat(AT_FDCWD, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    lost = process < 0 || folder < 0 || SYS3(SYS_pidfd_getfd, process, -1, 0) != -EBADF;
    return lost ? DESCRIPTORS_NONE : DESCRIPTORS_OWN;
}

long descriptors_copy(int fd)
{
    long copy = SYS3(SYS_pidfd_getfd, process, fd, 0);
    if (copy >= 0) {
        copies++;
        return copy;
    }
    if (copy == -EBADF && first_thread_is_there())
        return copy;
    if (copy != -ENFILE && copy != -ENOMEM && (copy != -EMFILE || !copies))
        lost = true;
    return copy == -EBADF ? -ESRCH : copy;
}

void descriptors_drop(int copy)
{
    sys_close(copy);
    copies--;
}

static bool has_numbers(void)
{
    struct rlimit64 limit;
    return SYS4(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) < 0 || limit.rlim_cur >= SPARE;
}

bool descriptors_are_lost(void) { return this_thread.own_table && (lost || !has_numbers() || !first_thread_is_there()); }

int descriptors_folder(void) { return folder; }

long descriptors_count(void)
{
    struct stat st;
    long r = this_thread.own_table ? sys_fstat(folder, &st) : sys_stat(FOLDER, &st);
    return r < 0 ? r : st.st_size > 0 ? (long)st.st_size : -ENOSYS;
}

long descriptors_link(unsigned fd, char *to, size_t size)
{
    char path[40];
    struct out o = {.buf = path, .cap = sizeof path - 1};
    if (!this_thread.own_table)
        out_str(&o, FOLDER "/");
    out_u64(&o, fd);
    path[o.len] = 0;
    return SYS4(SYS_readlinkat, this_thread.own_table ? folder : AT_FDCWD, path, to, size);
}

bool descriptors_has(int fd)
{
    char c;
    if (!this_thread.own_table)
        return SYS3(SYS_fcntl, fd, F_GETFD, 0) >= 0;
    return fd >= 0 && (descriptors_link((unsigned)fd, &c, 1) != -ENOENT || !first_thread_is_there());
}
