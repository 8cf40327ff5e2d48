/* SPDX-License-Identifier: MIT */
/*
 * fuzz_json_lines.c: arbitrary bytes as a report in JSON Lines: each line is taken or refused with a
 * sentence, and what was taken can be settled and compared with itself, where nothing has changed.
 */
#include <stdlib.h>
#include <string.h>

#include "../../lib/cli/base/arena.c"
#include "../../lib/cli/diff/json_lines.c"
#include "../../lib/cli/diff/match.c"
#include "../../lib/cli/diff/side.c"
#include "../../lib/cli/diff/stack_key.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* cli.c's, which needs all of the command */
void *cli_grow(void *array, size_t n, size_t *cap, size_t size) { return n < *cap ? array : arena_grow(array, *cap = *cap * 2 + 4, size); }
int cli_fail(const char *fmt, ...)
{
    (void)fmt;
    abort();
}

static void compare(const struct diff_side *side)
{
    struct diff_pairs pairs;
    struct arena arena = {0};
    diff_match(&pairs, &arena, side, side);
    if (pairs.changes[DIFF_SAME] != side->n || pairs.n != side->n || pairs.before != pairs.now)
        abort();
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diff_side side = {0};
    struct json_lines r = {.side = &side};
    const char *text = (const char *)data, *end = text + size, *why = NULL;
    while (text < end && !why) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((stop ? stop : end) - text);
        why = json_lines_take(&r, text, n);
        text += n + 1;
    }
    if (why && (!*why || strlen(why) >= sizeof r.why))
        abort();
    json_lines_settle(&r);
    side_settle(&side);
    compare(&side);
    json_lines_free(&r);
    side_free(&side);
    return 0;
}
