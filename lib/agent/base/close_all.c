/* SPDX-License-Identifier: MIT */
/*
 * close_all.c: closes the descriptors that a child of the agent's own has got from the program.
 *
 * Runs in such a child, which has the program's memory and the calling thread's thread-local state:
 * system calls alone.
 */
#include "close_all.h"

#include <fcntl.h>

#include "proc_files.h"
#include "sys.h"

static bool close_one(void *arg, unsigned fd)
{
    (void)arg;
    sys_close((int)fd);
    return true;
}

/*
 * Before Linux 5.9, and where a container's profile forbids the call, they are listed. The first is
 * closed unseen: the list itself needs one.
 */
bool close_all_from(unsigned first)
{
    if (SYS3(SYS_close_range, first, ~0u, 0) >= 0)
        return true;
    sys_close((int)first);
    return proc_each_descriptor(first, close_one, NULL);
}
