/* SPDX-License-Identifier: MIT */
/*
 * exit_call_glibc.c: on_exit(3), whose handlers get the status, and may call exit again.
 *
 * Registered before any other exit handler, so it runs after all of them and after every
 * destructor. It can change the exit status only by calling exit(3) again; that call does what is
 * left, the flush of stdio. When attach has brought the library, the program's handlers were
 * registered before ours and run after it. There our destructor calls, since it runs after them.
 */
#include "exit_call.h"

#include <stddef.h>
#include <stdlib.h>

static void (*at_end)(int status);
static bool (*came_late)(void);
static int late_status;

static void on_status(int status, void *arg)
{
    (void)arg;
    if (came_late())
        late_status = status;
    else
        at_end(status);
}

__attribute__((destructor)) static void on_late_end(void)
{
    if (at_end && came_late())
        at_end(late_status);
}

void exit_call(void (*f)(int status), bool (*late)(void))
{
    at_end = f;
    came_late = late;
    on_exit(on_status, NULL);
}

void exit_again(int status) { exit(status); }
