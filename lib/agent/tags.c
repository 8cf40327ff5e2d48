/* SPDX-License-Identifier: MIT */
/*
 * tags.c: the names that threads give to their new sockets: records of 64 bytes in the state file, never removed.
 *
 * Called by the program's threads, seldom: once a test. Threads that give the same name at the same time get the same number: the one of the first record
 * that has it, for which the others wait the few instructions that it takes to write a name.
 */
#include "tags.h"

#include <string.h>

#include "sys.h"
#include "table.h"

#define NAME_SIZE 64u
#define PATIENCE 2000 /* an extent that two threads made at once stays empty: nobody will write there */

/* A name's first byte is written last: the record is complete when it is there. */
static bool is_complete(const char *record) { return __atomic_load_n(record, __ATOMIC_ACQUIRE) != 0; }

/* The number of the first record that has NAME, up to LAST (NULL: all that exist, as far as they are complete). 0: none, or too many. */
static uint16_t look_up(const char *name, const char *last)
{
    char *first;
    int patience = PATIENCE;
    for (unsigned nth = 0; (first = table_nth(EXTENT_TAGS, nth)) != NULL; nth++) {
        for (unsigned i = nth ? 0 : 1; i < STATE_TAGS_PER_EXTENT; i++) {
            const char *r = first + i * NAME_SIZE;
            while (last && !is_complete(r) && patience-- > 0)
                SYS0(SYS_sched_yield);
            if (is_complete(r) && !strncmp(r, name, NAME_SIZE))
                return nth * STATE_TAGS_PER_EXTENT + i <= UINT16_MAX ? (uint16_t)(nth * STATE_TAGS_PER_EXTENT + i) : 0;
            if (r == last)
                return 0;
        }
    }
    return 0;
}

/* A record of one's own; the very first is left empty, for number 0 means none. */
static char *new_record(void)
{
    state_ref ref;
    char *record = table_alloc(EXTENT_TAGS, 1, &ref);
    return record && record == table_nth(EXTENT_TAGS, 0) ? table_alloc(EXTENT_TAGS, 1, &ref) : record;
}

uint16_t tags_number(const char *name)
{
    char copy[NAME_SIZE] = {0};
    strncpy(copy, name, NAME_SIZE - 1);
    uint16_t known = look_up(copy, NULL);
    if (known)
        return known;
    char *record = new_record();
    if (!record)
        return 0;
    memcpy(record + 1, copy + 1, NAME_SIZE - 1);
    __atomic_store_n(record, copy[0], __ATOMIC_RELEASE);
    return look_up(copy, record);
}
