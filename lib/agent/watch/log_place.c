/* SPDX-License-Identifier: MIT */
/*
 * log_place.c: takes the place for the reports from the header of the live table to the log.
 */
#include "log_place.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../base/log.h"
#include "../base/options.h"
#include "../inject/follow.h"
#include "../table/header.h"

static uint32_t followed; /* the turn of the place that is in use; 0: none was written yet */

void log_place_reset(void) { followed = 0; }

/*
 * Whoever preloads the agent and names a file for its reports wants them there: an attach that says
 * nothing of a log does not take them away.
 */
static bool is_users_file(const char *path)
{
    return !follow_came_late() && *path && strcmp(path, "stderr") != 0 && strcmp(path, "stdout") != 0;
}

void log_place_attached(const char before[static sizeof agent_options.log_path])
{
    bool none = strcmp(agent_options.log_path, "none") == 0;
    if (none && is_users_file(before))
        memcpy(agent_options.log_path, before, sizeof agent_options.log_path);
    log_use(agent_options.log_path);
}

void log_place_follow(void)
{
    const struct state_log *written = state_log(&(struct state_view){.base = (void *)table_head});
    uint32_t turn = atomic_load(&written->turn);
    if (turn == followed)
        return;
    uint64_t words[sizeof written->place / sizeof *written->place + 1];
    const size_t last = sizeof words / sizeof *words - 1;
    for (size_t i = 0; i < last; i++)
        words[i] = atomic_load(&written->place[i]);
    words[last] = 0;
    if (atomic_load(&written->turn) != turn) /* it is being written: at the next check */
        return;
    followed = turn;
    const char *place = (const char *)words;
    bool none = strcmp(place, "none") == 0;
    if (none && is_users_file(agent_options.log_path))
        log_use(agent_options.log_path);
    else if (*place)
        log_use(place);
}
