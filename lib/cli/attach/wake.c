/* SPDX-License-Identifier: MIT */
/*
 * wake.c: waking an agent through its state file, and waiting for its answer.
 *
 * Called by attach and detach. A word in the shared header page is changed, then a futex wakes the
 * agent's watcher.
 */
#include "wake.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../base/now.h"
#include "../state/load_process.h"

void attach_nap_ms(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

bool attach_is_gone(pid_t pid)
{
    char state;
    uint64_t start;
    return !load_stat(pid, &start, &state) || state == 'Z' || state == 'X';
}

void attach_wake_word(const _Atomic uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0); }

bool attach_wait(bool (*reached)(const struct state_header *h, uint64_t arg), const struct state_header *h, uint64_t arg, pid_t pid)
{
    uint64_t end = now_mono_ns() + ATTACH_WAIT_MS * 1000000ull;
    for (int ms = 1, n = 0; !reached(h, arg); ms = n++ < 50 ? 1 : 16) {
        if (now_mono_ns() > end || attach_is_gone(pid))
            return false;
        attach_nap_ms(ms);
    }
    return true;
}

bool attach_load(struct loaded_file *l, pid_t pid)
{
    bool nothing = false;
    if (load_process(l, pid, &nothing) || nothing)
        return false;
    if (load_is_live(l) && !l->by_kernel)
        return true;
    load_free(l); /* of the program that this process was before an exec, or no file of its own */
    return false;
}
