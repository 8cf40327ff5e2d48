/* SPDX-License-Identifier: MIT */
/*
 * fuzz_options.c: any text as SOCKLEAK_OPTIONS and as a log path: every field stays a value that
 * the agent can use, every warning is one clean line.
 */
#include <stdlib.h>
#include <string.h>

#include "core/options.h"
#include "core/optvalue.h"
#include "standalone.h"

static void one_clean_line(void *arg, const char *line)
{
    (void)arg;
    if (strlen(line) > 400)
        abort();
    for (; *line; line++)
        if ((unsigned char)*line < 0x20 || *line == 0x7f)
            abort();
}

static void check(const struct options *o)
{
    if (o->kinds == 0 || o->kinds & ~KINDS_ALL || o->max_frames > STATE_MAX_FRAMES || o->exitcode > 255 || o->signal > 64 ||
        o->color > COLOR_NEVER)
        abort();
    if (o->grace_ns > INT64_MAX || o->interval_ns > INT64_MAX)
        abort();
    if (!memchr(o->log_path, 0, sizeof o->log_path) || !memchr(o->suppressions, 0, sizeof o->suppressions) ||
        !memchr(o->state_dir, 0, sizeof o->state_dir))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct options o;
    char *text = malloc(size + 1), path[64];
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    options_default(&o);
    options_parse(&o, text, one_clean_line, NULL);
    options_finish(&o);
    check(&o);
    if (expand_path(path, sizeof path, o.log_path, 42, text, "host", 1) && strlen(path) >= sizeof path)
        abort();
    free(text);
    return 0;
}
