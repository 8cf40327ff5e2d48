/* SPDX-License-Identifier: MIT */
/*
 * room.c: loading the library opens files in the process, one after the other, and the state file.
 *
 * Where the process has no number left, and no thread with a table of its own can be made there
 * (twin.c), its soft limit is raised for as long as that takes. The numbers that the program gets
 * meanwhile stay valid afterwards: a limit holds for new ones only (getrlimit(2)).
 */
#include "room.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

bool room_is_short(const struct process_facts *p, struct room *room)
{
    room->raised = false;
    /* not known: the refusal of what follows says more */
    return prlimit(p->pid, RLIMIT_NOFILE, NULL, &room->was) == 0 && free_numbers(p->pid, room->was.rlim_cur) < NEEDED;
}

bool room_twin_helps(const struct room *room) { return room->was.rlim_cur >= NEEDED; }

const char *room_make(const struct process_facts *p, struct room *room, int twin_error, struct refusal *why)
{
    pid_t pid = p->pid;
    struct rlimit more = room->was;
    more.rlim_cur += 2 * NEEDED;
    if (more.rlim_max < more.rlim_cur)
        more.rlim_max = more.rlim_cur;
    room->raised = prlimit(pid, RLIMIT_NOFILE, &more, NULL) == 0;
    if (!room->raised && room->was.rlim_max > room->was.rlim_cur) { /* without the right to raise the hard one */
        more = room->was;
        more.rlim_cur = more.rlim_max;
        room->raised = prlimit(pid, RLIMIT_NOFILE, &more, NULL) == 0;
    }
    if (room->raised || free_numbers(pid, room->was.rlim_cur))
        return NULL;
    return refuse(why,
                  "process %d (%s) has no descriptor left; it may make no thread that loads the library (%s), and its limit of %llu cannot "
                  "be raised: that takes CAP_SYS_RESOURCE%s; 'sockleak scan %d' says what holds them",
                  pid, p->name, strerror(twin_error), (unsigned long long)room->was.rlim_cur,
                  geteuid() ? ", run this as root" : ", which root has outside of a container", pid);
}

void room_give_back(const struct process_facts *p, const struct room *room)
{
    if (room->raised)
        prlimit(p->pid, RLIMIT_NOFILE, &room->was, NULL);
}
