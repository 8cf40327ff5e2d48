/* SPDX-License-Identifier: MIT */
/*
 * option.c: the value of one option, by its type: read and written.
 *
 * Called by options.c for each word of the text, and for each warning. The value is the user's and
 * may hold anything.
 */
#include "option.h"

#include <signal.h>
#include <string.h>

#include "optvalue.h"
#include "word.h"

static const char *const color_words[] = {"auto", "always", "never"};

static void *field_of(struct options *o, const struct option *opt) { return (char *)o + opt->offset; }

static bool parse_number(const char *s, size_t len, uint64_t max, uint64_t *value)
{
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++)
        if (s[i] < '0' || s[i] > '9' || __builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
            return false;
    *value = v;
    return len > 0 && v <= max;
}

static const char *set_bool(bool *field, const char *s, size_t len)
{
    if (word_is(s, len, "1") || word_is(s, len, "true") || word_is(s, len, "yes") || word_is(s, len, "on"))
        *field = true;
    else if (word_is(s, len, "0") || word_is(s, len, "false") || word_is(s, len, "no") || word_is(s, len, "off"))
        *field = false;
    else
        return "write 0 or 1";
    return NULL;
}

static const char *set_number(const struct option *opt, void *field, const char *s, size_t len)
{
    uint64_t v = 0;
    if (!parse_number(s, len, opt->max, &v))
        return opt->max == 255                ? "not a number from 0 to 255"
               : opt->max == STATE_MAX_FRAMES ? "not a number from 0 to 128"
               : opt->max == 9                ? "not a number from 0 to 9"
                                              : "not a number, or too large";
    if (opt->type == OPT_BIG)
        *(uint64_t *)field = v;
    else
        *(uint32_t *)field = (uint32_t)v;
    return NULL;
}

static const char *set_runtimes(uint32_t *field, const char *s, size_t len)
{
    return runtime_parse(s, len, field) ? NULL
                                        : "write python, java, javascript, ruby, php, perl or dotnet, or a list of them, all or none";
}

static const char *set_signal(uint32_t *field, const char *s, size_t len)
{
    uint64_t v = 0;
    /* 32 and 33 are the threads library's own */
    if (!parse_number(s, len, 64, &v) || v == SIGKILL || v == SIGSTOP || v == 32 || v == 33)
        return "not the number of a signal that can be caught; write 12 for SIGUSR2";
    *field = (uint32_t)v;
    return NULL;
}

static const char *set_text(const struct option *opt, char *field, const char *s, size_t len)
{
    if (len >= opt->size)
        return "too long (at most 511 bytes)";
    if (len == 0 && *opt->initial)
        return "empty";
    memcpy(field, s, len);
    field[len] = 0;
    return NULL;
}

static const char *set_kinds(uint32_t *field, const char *s, size_t len)
{
    const char *bad = NULL;
    size_t bad_len = 0;
    if (!parse_kinds(s, len, field, &bad, &bad_len))
        return "not a list of kinds; write close_wait,fin_wait_2,dead,never_connected,hangup,held_by_child,use_after_close,open or all";
    return NULL;
}

static const char *set_color(uint8_t *field, const char *s, size_t len)
{
    for (size_t i = 0; i < sizeof color_words / sizeof *color_words; i++) {
        if (word_is(s, len, color_words[i])) {
            *field = (uint8_t)i;
            return NULL;
        }
    }
    return "write auto, always or never";
}

static const char *set_when(struct options *o, const char *s, size_t len)
{
    bool all = word_is(s, len, "all");
    if (!all && set_bool(&o->leak_check_at_exit, s, len))
        return "write 0, 1 or all";
    o->leak_check_at_exit |= all;
    o->exit_check_all = all;
    return NULL;
}

const char *option_set(struct options *o, const struct option *opt, const char *s, size_t len)
{
    void *field = field_of(o, opt);
    switch ((enum option_type)opt->type) {
    case OPT_BOOL:
        return set_bool(field, s, len);
    case OPT_NUMBER:
    case OPT_BIG: {
        const char *wrong = set_number(opt, field, s, len);
        o->max_frames_set |= !wrong && field == &o->max_frames;
        return wrong;
    }
    case OPT_TIME:
    case OPT_INTERVAL:
        if (!parse_time(s, len, field))
            return "not a time; write 30s, 5m or 250ms";
        o->interval_set |= opt->type == OPT_INTERVAL;
        return NULL;
    case OPT_KINDS:
        return set_kinds(field, s, len);
    case OPT_TEXT:
        return set_text(opt, field, s, len);
    case OPT_FORMAT:
        if (!word_is(s, len, "text") && !word_is(s, len, "json"))
            return "write text or json";
        *(bool *)field = *s == 'j';
        return NULL;
    case OPT_COLOR:
        return set_color(field, s, len);
    case OPT_SIGNAL:
        return set_signal(field, s, len);
    case OPT_SIZE:
        return parse_size(s, len, field) ? NULL : "not a size; write 64m, 500k, 1g, or 0 for no limit";
    case OPT_WHEN:
        return set_when(o, s, len);
    case OPT_RUNTIMES:
        return set_runtimes(field, s, len);
    case OPT_THRESHOLD:
        if (!parse_threshold(s, len, field, &o->threshold_is_share))
            return "neither a number of descriptors nor a share; write 900, 90%, or 0 for none";
        o->threshold_set = true;
        return NULL;
    }
    return "unknown";
}

static void put_time(struct out *out, uint64_t ns)
{
    uint64_t ms = ns / 1000000u;
    if (ms % 1000 != 0)
        out_fmt(out, "%lums", (unsigned long)ms);
    else if (ms % 3600000u == 0 && ms > 0)
        out_fmt(out, "%luh", (unsigned long)(ms / 3600000u));
    else if (ms % 60000u == 0 && ms > 0)
        out_fmt(out, "%lum", (unsigned long)(ms / 60000u));
    else
        out_fmt(out, "%lus", (unsigned long)(ms / 1000u));
}

static void put_size(struct out *out, uint64_t n)
{
    unsigned unit = 0;
    for (; unit < 3 && n && n % 1024 == 0; unit++)
        n /= 1024;
    out_u64(out, n);
    if (unit)
        out_char(out, " kmg"[unit]);
}

static void put_runtimes(struct out *out, uint32_t mask)
{
    const char *before = "";
    if (!mask || mask == RUNTIMES_ALL)
        out_str(out, mask ? "all" : "none");
    for (unsigned r = 1; r < RUNTIME_COUNT && mask != RUNTIMES_ALL; r++) {
        if (mask & RUNTIME_BIT(r)) {
            out_fmt(out, "%s%s", before, runtime_name(r));
            before = ",";
        }
    }
}

void option_put(struct out *out, const struct options *o, const struct option *opt)
{
    const void *field = (const char *)o + opt->offset;
    const char *before = "";
    switch ((enum option_type)opt->type) {
    case OPT_BOOL:
        out_char(out, *(const bool *)field ? '1' : '0');
        break;
    case OPT_NUMBER:
    case OPT_SIGNAL:
        out_u64(out, *(const uint32_t *)field);
        break;
    case OPT_BIG:
        out_u64(out, *(const uint64_t *)field);
        break;
    case OPT_INTERVAL:
        if (!o->interval_set) {
            out_str(out, opt->initial);
            break;
        }
        /* fall through */
    case OPT_TIME:
        put_time(out, *(const uint64_t *)field);
        break;
    case OPT_KINDS:
        for (unsigned k = 0; k < KIND_COUNT; k++) {
            if (*(const uint32_t *)field & KIND_BIT(k)) {
                out_fmt(out, "%s%s", before, kind_name(k));
                before = ",";
            }
        }
        break;
    case OPT_TEXT:
        out_clean(out, *(const char *)field ? field : "none", *(const char *)field ? strlen(field) : 4, OPTION_SHOWN);
        break;
    case OPT_FORMAT:
        out_str(out, *(const bool *)field ? "json" : "text");
        break;
    case OPT_COLOR:
        out_str(out, color_words[*(const uint8_t *)field % 3]);
        break;
    case OPT_SIZE:
        put_size(out, *(const uint64_t *)field);
        break;
    case OPT_RUNTIMES:
        put_runtimes(out, *(const uint32_t *)field);
        break;
    case OPT_THRESHOLD:
        out_fmt(out, o->threshold_is_share ? "%lu%%" : "%lu", (unsigned long)*(const uint64_t *)field);
        break;
    case OPT_WHEN:
        out_str(out, o->exit_check_all ? "all" : o->leak_check_at_exit ? "1" : "0");
        break;
    }
}
