/* SPDX-License-Identifier: MIT */
/*
 * keeper.c: the process that lets stopped calls go on when the supervisor cannot.
 *
 * It is forked by the supervisor, and runs nothing else: it has no other descriptors, no signal
 * reaches it but SIGKILL, and it belongs to a session of its own. A keeper whose supervisor has died
 * has a keeper of its own.
 */
#include "keeper.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../arch/numbers.h"
#include "listener.h"

#define OLD_KERNEL_FDS 65536 /* without close_range (before Linux 5.9) so many numbers are closed one by one */

/* FD as a number that is no standard descriptor's: those of a keeper lead nowhere. */
static int above_standard(int fd)
{
    if (fd < 0 || fd > 2)
        return fd;
    int other = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    close(fd);
    return other;
}

static int pidfd_of(pid_t pid) { return above_standard((int)syscall(SYS_pidfd_open, pid, 0)); }

bool keeper_open(struct keeper *k, int listener)
{
    void *p = mmap(NULL, sizeof *k->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *k = (struct keeper){.shared = p, .listener = listener, .pidfd = -1, .bell = above_standard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))};
    if (p != MAP_FAILED && k->bell >= 0)
        return true;
    if (p != MAP_FAILED)
        munmap(p, sizeof *k->shared);
    k->shared = NULL;
    return false;
}

/* ---- in the keeper --------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static void close_from_to(int from, int to)
{
    if (from > to || syscall(SYS_close_range, (unsigned)from, (unsigned)to, 0) == 0)
        return;
    for (int fd = from; fd <= to && fd < OLD_KERNEL_FDS; fd++)
        close(fd);
}

/* Standard descriptors lead nowhere; of the others only the three of KEPT stay. */
static void close_others(int kept[3])
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), from = 3;
    for (int fd = 0; fd <= 2 && null >= 0; fd++)
        dup2(null, fd);
    qsort(kept, 3, sizeof *kept, by_number);
    for (int i = 0; i < 3; i++) {
        close_from_to(from, kept[i] - 1);
        from = kept[i] + 1;
    }
    close_from_to(from, INT_MAX);
}

static void answer_next(struct keeper *k, struct seccomp_notif *hand)
{
    if (listener_receive(k->listener, hand) == 0)
        listener_answer(k->listener, hand->id);
}

/* Answers until nobody is left under the filter. The supervisor has died: this is the first now, with a keeper of its own. */
static _Noreturn void serve_alone(struct keeper *k)
{
    listener_answer(k->listener, k->shared->of_supervisor.id);
    atomic_store(&k->shared->left, false);
    k->pid = 0;
    k->pidfd = -1;
    keeper_start(k);
    for (;;) {
        struct pollfd p[2] = {{k->listener, POLLIN, 0}, {k->pidfd, POLLIN, 0}};
        if (poll(p, 2, -1) < 0)
            continue;
        if (p[1].revents)
            keeper_start(k);
        if (p[0].revents & POLLIN)
            answer_next(k, &k->shared->of_supervisor);
        else if (p[0].revents)
            _exit(0);
    }
}

/* Sleeps while the supervisor serves; answers while that is away. HAND: this keeper's own. */
static _Noreturn void keep(struct keeper *k, int supervisor, struct seccomp_notif *hand)
{
    for (;;) {
        uint64_t rung;
        bool left = atomic_load(&k->shared->left);
        struct pollfd p[3] = {{supervisor, POLLIN, 0}, {k->listener, left ? POLLIN : 0, 0}, {k->bell, POLLIN, 0}};
        if (poll(p, 3, -1) < 0)
            continue;
        if (p[2].revents && read(k->bell, &rung, sizeof rung) != sizeof rung)
            continue;
        if (p[1].revents & POLLIN)
            answer_next(k, hand);
        else if (p[1].revents)
            _exit(0);
        if (p[0].revents)
            serve_alone(k);
    }
}

/* ---- in the supervisor ----------------------------------------------------------------------- */

static void answer_for_the_dead(struct keeper *k)
{
    if (k->pidfd < 0)
        return;
    while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(k->pidfd);
    k->pidfd = -1;
    listener_answer(k->listener, k->shared->of_keeper[k->turn].id);
}

void keeper_start(struct keeper *k)
{
    int own = pidfd_of(getpid());
    sigset_t all, before;
    answer_for_the_dead(k);
    k->turn ^= 1;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = own < 0 ? -1 : fork();
    if (pid == 0) {
        setsid();
        int ignored = chdir("/");
        (void)ignored;
        close_others((int[]){k->listener, k->bell, own});
        keep(k, own, &k->shared->of_keeper[k->turn]);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (own >= 0)
        close(own);
    k->pid = pid > 0 ? pid : 0;
    k->pidfd = k->pid ? pidfd_of(pid) : -1;
}

void keeper_set_left(struct keeper *k, bool left)
{
    uint64_t one = 1;
    atomic_store(&k->shared->left, left);
    ssize_t ignored = write(k->bell, &one, sizeof one);
    (void)ignored;
}

void keeper_close(struct keeper *k)
{
    keeper_set_left(k, true);
    close(k->listener);
    close(k->bell);
    if (k->pidfd >= 0)
        close(k->pidfd);
    munmap(k->shared, sizeof *k->shared);
}
