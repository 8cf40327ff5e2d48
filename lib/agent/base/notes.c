/* SPDX-License-Identifier: MIT */
/*
 * notes.c: lines that are kept for later.
 *
 * Kept by any thread, signal handlers too, without a lock; written by the watcher or at the end.
 */
#include "notes.h"

#include <stdatomic.h>

#include "log.h"

#define MAX_NOTES 4
static struct {
    _Atomic int state; /* 0 free, 1 being written, 2 to be told, 3 told */
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
