/* SPDX-License-Identifier: MIT */
/*
 * fuzz_source_map.c: arbitrary bytes as a generated file's end, as names, and as mappings: what is
 * found lies where it may, and no place is from another line or from a source that there is not.
 */
#include <stdlib.h>
#include <string.h>

#include "../../lib/cli/base/arena.c"
#include "../../lib/cli/source_map/mappings.c"
#include "../../lib/cli/source_map/source_url.c"
#include "../../lib/cli/source_map/vlq.c"

#define LINES 50u
#define COLUMNS 200u
#define SOURCES 3u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_names(const char *text, size_t n)
{
    char path[256], copy[256];
    size_t len, bytes;
    const char *url = source_url_find(text, n, &len);
    if (url && (url < text || !len || url + len > text + n))
        abort();
    free(source_url_data(text, n, &bytes));
    if (n >= sizeof copy)
        return;
    memcpy(copy, text, n);
    copy[n] = 0;
    const char *root = n && copy[n - 1] & 1 ? copy : NULL;
    if (source_url_resolve("/app/dist/a.js", root, text, n, path, sizeof path) &&
        (strlen(path) >= sizeof path || !*path || (*path == '/' && (strstr(path, "/../") || strstr(path, "//")))))
        abort();
}

static void check_mappings(const char *text, size_t n)
{
    struct mappings m = {0};
    const struct mappings_part part = {.line = 1, .column = 5, .end_line = LINES, .end_column = 7, .first_source = 1, .n_sources = SOURCES};
    if (mappings_add(&m, text, n, &part)) {
        mappings_settle(&m);
        for (uint32_t line = 0; line < LINES + 2; line++)
            for (uint32_t column = 0; column <= COLUMNS; column++) {
                const struct mapping *found = mappings_find(&m, line, column == COLUMNS ? MAPPINGS_NO_COLUMN : column);
                if (found && (found->line != line || (column < COLUMNS && found->column > column) || found->source < 1 ||
                              found->source > SOURCES || (line == 1 && found->column < 5)))
                    abort();
            }
    }
    mappings_free(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size ? size : 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    check_names(text, size);
    check_mappings(text, size);
    free(text);
    return 0;
}
