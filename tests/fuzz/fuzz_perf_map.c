/* SPDX-License-Identifier: MIT */
/*
 * fuzz_perf_map.c: arbitrary bytes as a perf map, and what the first of them give as addresses:
 * each one's name lies in the map, and is what it gets alone.
 */
#include <stdlib.h>
#include <string.h>

#include "../../lib/core/perf_map.c"

#define ADDRESSES 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct perf_map_target all[ADDRESSES];
    if (size < ADDRESSES || size > 65536)
        return 0;
    size_t n = size - ADDRESSES;
    char *text = malloc(n ? n : 1);
    if (!text)
        return 0;
    memcpy(text, data + ADDRESSES, n);
    uint64_t addr = 0;
    for (unsigned i = 0; i < ADDRESSES; i++)
        all[i] = (struct perf_map_target){.addr = addr += data[i]};
    perf_map_find(text, n, all, ADDRESSES);
    for (unsigned i = 0; i < ADDRESSES; i++) {
        struct perf_map_target alone = {.addr = all[i].addr};
        perf_map_find(text, n, &alone, 1);
        if (alone.name != all[i].name || (alone.name && alone.len != all[i].len))
            abort();
        if (alone.name && (alone.len == 0 || alone.name < text || alone.name + alone.len > text + n || memchr(alone.name, '\n', alone.len)))
            abort();
    }
    free(text);
    return 0;
}
