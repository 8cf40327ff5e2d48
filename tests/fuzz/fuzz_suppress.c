/* SPDX-License-Identifier: MIT */
/*
 * fuzz_suppress.c: any text as a suppressions file, matched against a stack of names taken from the
 * same text; and what is written reads back and matches.
 */
#include <stdlib.h>
#include <string.h>

#include "core/suppress.h"
#include "standalone.h"

#define RULES 32

static void one_clean_line(void *arg, const char *line)
{
    (void)arg;
    if (strlen(line) > 500)
        abort();
    for (; *line; line++)
        if ((unsigned char)*line < 0x20 || *line == 0x7f)
            abort();
}

/* A line made for G must be one rule that matches G. */
static void written_line_matches(const struct group *g)
{
    char line[4096] = "";
    struct out o = {.buf = line, .cap = sizeof line};
    struct suppression rule[2];
    size_t n = 0;
    suppress_write_line(&o, g);
    if (o.lost || o.len == 0 || *line == '#')
        return;
    suppress_parse(line, o.len, rule, &n, 2, one_clean_line, NULL);
    if (n == 1 && !suppress_group(rule, 1, g))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct suppression rules[RULES];
    size_t n = 0;
    char *text = malloc(size + 1), *names = malloc(size + 1), printed[8192];
    if (!text || !names || size > 4096) {
        free(text);
        free(names);
        return 0;
    }
    if (size)
        memcpy(text, data, size);
    memcpy(names, text, size);
    names[size] = text[size] = 0;
    suppress_parse(text, size, rules, &n, RULES, one_clean_line, NULL);
    if (n > RULES)
        abort();
    char *module = strchr(names, '\n');
    if (module)
        *module++ = 0;
    struct frame frames[2] = {{.symbol = names, .file = module}, {.module = module ? module : names}};
    struct finding finding = {.peer = names, .local = module};
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        struct group g = {.kind = (uint8_t)kind, .frames = frames, .n_frames = 2, .findings = &finding, .n_findings = 1};
        struct suppression *hit = suppress_group(rules, n, &g);
        if (hit)
            hit->sockets++;
        hit = suppress_socket(rules, n, &finding);
        if (hit)
            hit->sockets++;
        written_line_matches(&g);
    }
    struct out o = {.buf = printed, .cap = sizeof printed};
    suppress_print(&o, 1, rules, n);
    free(text);
    free(names);
    return 0;
}
