/* SPDX-License-Identifier: MIT */
/*
 * predecessor.c: the sockets that this process kept over an exec, as the program before it knew
 * them.
 *
 * Called once, when the table is made. The old file lies under the name of the new one, since an
 * exec changes neither pid nor start time; state_dir.c has mapped it before it made room. It is
 * read through the decoder, as any file.
 */
#include "predecessor.h"

#include "../base/sys.h"
#include "../stacks/sites.h"
#include "../table/header.h"
#include "../table/state_dir.h"
#include "../track/adopt.h"
#include "../track/family.h"
#include "../track/life.h"
#include "../track/start_set.h"

static void import(const struct state_view *old, struct state_finder *find, int fd, const struct state_slot *s)
{
    uint64_t cookie = track_still(fd, s);
    if (cookie && start_set_has(fd, cookie) &&
        track_resume(fd, s, sites_import_foreign(old, s->site), sites_import_foreign(old, atomic_load(&s->told_site)), cookie))
        life_import(fd, old, find, s, sites_import_foreign);
}

void predecessor_import(void)
{
    struct state_view old;
    if (!state_dir_take_old(&old))
        return;
    uint64_t pos = 0;
    int fd;
    struct state_slot s;
    struct state_finder find = {0};
    if (state_head(&old)->pid == table_pid()) {
        family_came_with(state_family(&old));
        while (state_next_slot(&old, &pos, &fd, &s))
            import(&old, &find, fd, &s);
    }
    sys_munmap((void *)(uintptr_t)old.base, old.size);
}
