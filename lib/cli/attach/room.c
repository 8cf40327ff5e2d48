/* SPDX-License-Identifier: MIT */
/*
 * room.c: loading the library opens files in the process, one after the other, and the state file.
 *
 * Where the process has no number left, its soft limit is raised for as long as that takes. The
 * numbers that the program gets meanwhile stay valid afterwards: a limit holds for new ones only
 * (getrlimit(2)).
 */
#include "room.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cli.h"

#define NEEDED 8 /* what is open at one moment at most, and what the program opens meanwhile */

/* How many numbers below LIMIT are free in process PID, counted up to NEEDED; NEEDED: not known. */
static unsigned free_numbers(pid_t pid, rlim_t limit)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *dir = opendir(path);
    rlim_t used = 0;
    if (!dir)
        return NEEDED;
    for (const struct dirent *e; (e = readdir(dir));)
        if (*e->d_name != '.' && strtoul(e->d_name, NULL, 10) < limit)
            used++;
    closedir(dir);
    return used + NEEDED <= limit ? NEEDED : limit > used ? (unsigned)(limit - used) : 0;
}

/* Nothing may end this command before the limit is as it was. */
static void hold_signals(struct room *room)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &room->signals);
}

bool room_make(pid_t pid, struct room *room)
{
    room->raised = false;
    hold_signals(room);
    if (prlimit(pid, RLIMIT_NOFILE, NULL, &room->was) != 0)
        return true; /* not known; the refusal of what follows says more */
    unsigned left = free_numbers(pid, room->was.rlim_cur);
    if (left >= NEEDED)
        return true;
    struct rlimit more = room->was;
    more.rlim_cur += 2 * NEEDED;
    if (more.rlim_max < more.rlim_cur)
        more.rlim_max = more.rlim_cur;
    if (prlimit(pid, RLIMIT_NOFILE, &more, NULL) == 0)
        return room->raised = true;
    more = room->was;
    more.rlim_cur = more.rlim_max;
    if (more.rlim_cur > room->was.rlim_cur && prlimit(pid, RLIMIT_NOFILE, &more, NULL) == 0)
        return room->raised = true;
    if (left)
        return true; /* it may do */
    sigprocmask(SIG_SETMASK, &room->signals, NULL);
    cli_fail("process %d has no descriptor left, and its limit of %llu cannot be raised: that takes CAP_SYS_RESOURCE%s; "
             "'sockleak scan %d' says what holds them",
             pid, (unsigned long long)room->was.rlim_cur, geteuid() ? ", run this as root" : ", which root has outside of a container",
             pid);
    return false;
}

void room_give_back(pid_t pid, const struct room *room)
{
    int saved = errno;
    if (room->raised)
        prlimit(pid, RLIMIT_NOFILE, &room->was, NULL);
    sigprocmask(SIG_SETMASK, &room->signals, NULL);
    errno = saved;
}
