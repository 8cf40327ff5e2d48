/* SPDX-License-Identifier: MIT */
/*
 * optvalue.c: the values of options: times, lists of kinds, patterns of log paths.
 *
 * Called by options.c in the target, and by the command for its own flags. Pure.
 */
#include "optvalue.h"

#include <string.h>

#include "kinds.h"
#include "out.h"

#define SECOND_NS 1000000000u

/* The factor of a unit, 0 for none. */
static uint64_t unit_ns(const char *s, size_t len)
{
    if (len == 0 || (len == 1 && *s == 's'))
        return SECOND_NS;
    if (len == 2 && s[0] == 'm' && s[1] == 's')
        return SECOND_NS / 1000;
    if (len == 1 && *s == 'm')
        return 60ull * SECOND_NS;
    if (len == 1 && *s == 'h')
        return 3600ull * SECOND_NS;
    return 0;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool parse_time(const char *s, size_t len, uint64_t *ns)
{
    uint64_t whole = 0, fraction = 0, scale = 1;
    size_t i = 0;
    for (; i < len && is_digit(s[i]); i++)
        if (__builtin_mul_overflow(whole, 10u, &whole) || __builtin_add_overflow(whole, (uint64_t)(s[i] - '0'), &whole))
            return false;
    if (i == 0)
        return false;
    if (i + 1 < len && s[i] == '.' && is_digit(s[i + 1])) {
        for (i++; i < len && is_digit(s[i]); i++) {
            if (scale < 1000000) {
                fraction = fraction * 10 + (uint64_t)(s[i] - '0');
                scale *= 10;
            }
        }
    }
    uint64_t unit = unit_ns(s + i, len - i), total = 0;
    /* Callers add times to clocks, in signed arithmetic too: stay below 2^63. */
    if (!unit || __builtin_mul_overflow(whole, unit, &total) || __builtin_add_overflow(total, fraction * unit / scale, &total))
        return false;
    if (total > INT64_MAX)
        return false;
    *ns = total;
    return true;
}

bool parse_size(const char *s, size_t len, uint64_t *bytes)
{
    uint64_t n = 0;
    size_t i = 0;
    for (; i < len && is_digit(s[i]); i++)
        if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, (uint64_t)(s[i] - '0'), &n))
            return false;
    unsigned shift = i == len                     ? 0
                     : s[i] == 'k' || s[i] == 'K' ? 10
                     : s[i] == 'm' || s[i] == 'M' ? 20
                     : s[i] == 'g' || s[i] == 'G' ? 30
                                                  : 64;
    if (i == 0 || len - i > 1 || shift == 64 || n > UINT64_MAX >> 1 >> shift)
        return false;
    *bytes = n << shift;
    return true;
}

bool parse_threshold(const char *s, size_t len, uint64_t *value, bool *share)
{
    uint64_t v = 0;
    bool is_share = len > 1 && s[len - 1] == '%';
    len -= is_share;
    for (size_t i = 0; i < len; i++)
        if (!is_digit(s[i]) || __builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
            return false;
    if (!len || (is_share && v > 100))
        return false;
    *value = v;
    *share = is_share;
    return true;
}

bool parse_kinds(const char *s, size_t len, uint32_t *mask, const char **bad, size_t *bad_len)
{
    uint32_t found = 0;
    for (;;) {
        const char *comma = memchr(s, ',', len);
        size_t word = comma ? (size_t)(comma - s) : len;
        unsigned kind = kind_from_name(s, word);
        if (kind != KIND_NONE) {
            found |= KIND_BIT(kind);
        } else if (word == 3 && memcmp(s, "all", 3) == 0) {
            found |= KINDS_ALL;
        } else {
            *bad = s;
            *bad_len = word;
            return false;
        }
        if (!comma)
            break;
        len -= word + 1;
        s = comma + 1;
    }
    *mask = found;
    return true;
}

/* A name as one part of a path: a slash in it must not lead to another directory. */
static void put_part(struct out *o, const char *s)
{
    for (; s && *s; s++)
        out_char(o, *s == '/' ? '_' : *s);
}

bool expand_path(char *outbuf, size_t cap, const char *pattern, uint32_t pid, const char *exe_name, const char *host, uint64_t start_real_s)
{
    if (cap == 0)
        return false;
    struct out o = {.buf = outbuf, .cap = cap - 1};
    bool has_pid = false;
    for (const char *p = pattern; *p; p++) {
        char c = *p == '%' ? p[1] : 0;
        switch (c) {
        case 'p':
            out_u64(&o, pid);
            has_pid = true;
            break;
        case 'e':
            put_part(&o, exe_name);
            break;
        case 'h':
            put_part(&o, host);
            break;
        case 't':
            out_u64(&o, start_real_s);
            break;
        case '%':
            out_char(&o, '%');
            break;
        default:
            out_char(&o, *p);
            continue;
        }
        p++;
    }
    if (!has_pid) {
        out_char(&o, '.');
        out_u64(&o, pid);
    }
    outbuf[o.len] = 0;
    return o.lost == 0;
}
