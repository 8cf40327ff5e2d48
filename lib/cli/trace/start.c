/* SPDX-License-Identifier: MIT */
/*
 * start.c: hands a listener from the program-to-be to its supervisor.
 *
 * Called by trace.c, between fork and exec on both sides. The listener is fetched by pidfd_getfd,
 * which takes the same right that all the later looks into the process take: where it is missing,
 * that is known before the program runs.
 */
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../arch/numbers.h"
#include "filter.h"

bool start_open(struct start *s)
{
    if (pipe2(s->told, O_CLOEXEC) != 0)
        return false;
    if (pipe2(s->go, O_CLOEXEC) == 0)
        return true;
    int error = errno;
    close(s->told[0]);
    close(s->told[1]);
    errno = error;
    return false;
}

int start_child(struct start *s)
{
    char word = 0;
    int listener = filter_install();
    ssize_t n = write(s->told[1], &listener, sizeof listener);
    if (listener < 0)
        return -listener;
    /* the parent's end is gone where it has died */
    close(s->go[1]);
    if (n != sizeof listener || read(s->go[0], &word, 1) != 1 || word != 'g')
        return ECANCELED;
    close(listener);
    return 0;
}

int start_take(struct start *s, pid_t child, int *pidfd)
{
    int theirs, listener;
    close(s->told[1]);
    *pidfd = -1;
    if (read(s->told[0], &theirs, sizeof theirs) != sizeof theirs)
        return -ECHILD;
    if (theirs < 0)
        return theirs;
    *pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    listener = *pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, *pidfd, theirs, 0);
    int error = errno;
    if (listener >= 0 && listener <= 2) { /* a keeper's standard descriptors lead nowhere */
        int other = fcntl(listener, F_DUPFD_CLOEXEC, 3);
        error = errno;
        close(listener);
        listener = other;
    }
    return listener < 0 ? -error : listener;
}

void start_go(struct start *s, bool go)
{
    if (go) {
        ssize_t ignored = write(s->go[1], "g", 1);
        (void)ignored;
    }
    close(s->told[0]);
    close(s->go[0]);
    close(s->go[1]);
}
