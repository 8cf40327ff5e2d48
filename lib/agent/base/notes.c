/* SPDX-License-Identifier: MIT */
/*
 * notes.c: keeps log lines for later.
 *
 * log_later is called by any thread, in signal handlers too, and takes no lock; log_write_later by
 * the watcher or at exit.
 */
#include "notes.h"

#include <stdatomic.h>

#include "log.h"

#define MAX_NOTES 4
static struct {
    _Atomic int state; /* 0 free, 1 being filled, 2 to be logged, 3 logged */
    const char *text, *arg;
} notes[MAX_NOTES];

void log_later(const char *text, const char *arg)
{
    for (int i = 0; i < MAX_NOTES; i++) {
        int unused = 0;
        if (atomic_load(&notes[i].state) && notes[i].text == text)
            return;
        if (atomic_compare_exchange_strong(&notes[i].state, &unused, 1)) {
            notes[i].text = text;
            notes[i].arg = arg;
            atomic_store(&notes[i].state, 2);
            return;
        }
    }
}

void log_write_later(void)
{
    for (int i = 0; i < MAX_NOTES; i++) {
        int waiting = 2;
        if (atomic_compare_exchange_strong(&notes[i].state, &waiting, 3))
            log_warn("%s%s", notes[i].text, notes[i].arg);
    }
}
