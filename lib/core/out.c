/* SPDX-License-Identifier: MIT */
/*
 * out.c: bounded text building without stdio or allocation.
 *
 * Called by every renderer, by the agent on any thread and in signal handlers too, so nothing here
 * may lock, allocate or touch errno. Loss is sticky: after the first lost byte nothing more is
 * taken, so the output is a beginning of the whole text and never has a hole.
 */
#include "out.h"

#include <string.h>

#include "utf8.h"

void out_bytes(struct out *o, const char *p, size_t n)
{
    while (n > 0) {
        if (o->lost) {
            o->lost += n;
            return;
        }
        if (o->len >= o->cap && (!o->flush || !o->flush(o, n) || o->len >= o->cap)) {
            o->lost += n;
            return;
        }
        size_t room = o->cap - o->len;
        size_t now = n < room ? n : room;
        memcpy(o->buf + o->len, p, now);
        o->len += now;
        p += now;
        n -= now;
    }
}

void out_str(struct out *o, const char *s)
{
    if (s)
        out_bytes(o, s, strlen(s));
}

void out_char(struct out *o, char c) { out_bytes(o, &c, 1); }

/* Digits of V in BASE at the end of BUF (at least 20 bytes); returns their start. */
static char *write_digits(uint64_t v, unsigned base, char *end)
{
    do {
        *--end = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    return end;
}

void out_u64(struct out *o, uint64_t v)
{
    char buf[24], *end = buf + sizeof buf, *p = write_digits(v, 10, end);
    out_bytes(o, p, (size_t)(end - p));
}

void out_i64(struct out *o, int64_t v)
{
    if (v < 0)
        out_char(o, '-');
    out_u64(o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

static void put_repeated(struct out *o, char c, size_t n)
{
    while (n-- > 0)
        out_char(o, c);
}

void out_hex(struct out *o, uint64_t v, int min_digits)
{
    char buf[24], *end = buf + sizeof buf, *p = write_digits(v, 16, end);
    if (min_digits > end - p)
        put_repeated(o, '0', (size_t)(min_digits - (end - p)));
    out_bytes(o, p, (size_t)(end - p));
}

void out_pad(struct out *o, size_t from, size_t width)
{
    /* A flush in between makes FROM meaningless; one space keeps the words apart. */
    if (o->len < from)
        out_char(o, ' ');
    else if (o->len - from < width)
        put_repeated(o, ' ', width - (o->len - from));
}

struct spec {
    bool left, zero;
    size_t width;
    size_t precision; /* SIZE_MAX: none */
    int longs;        /* of l; z counts as one */
};

static void put_padded(struct out *o, const struct spec *sp, const char *p, size_t n, bool number)
{
    size_t fill = sp->width > n ? sp->width - n : 0;
    if (!sp->left && fill) {
        if (number && sp->zero) {
            if (*p == '-') {
                out_char(o, '-');
                p++, n--;
            }
            put_repeated(o, '0', fill);
        } else {
            put_repeated(o, ' ', fill);
        }
    }
    out_bytes(o, p, n);
    if (sp->left)
        put_repeated(o, ' ', fill);
}

static void put_number(struct out *o, const struct spec *sp, uint64_t v, bool negative, unsigned base)
{
    char buf[24], *end = buf + sizeof buf, *p = write_digits(v, base, end);
    if (negative)
        *--p = '-';
    put_padded(o, sp, p, (size_t)(end - p), true);
}

static const char *parse_spec(const char *f, struct spec *sp, va_list *ap)
{
    *sp = (struct spec){.precision = SIZE_MAX};
    for (;; f++) {
        if (*f == '-')
            sp->left = true;
        else if (*f == '0')
            sp->zero = true;
        else
            break;
    }
    if (*f == '*') {
        /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the caller has begun it */
        int w = va_arg(*ap, int);
        sp->left |= w < 0;
        sp->width = w < 0 ? 0u - (unsigned)w : (unsigned)w;
        f++;
    }
    for (; *f >= '0' && *f <= '9'; f++)
        sp->width = sp->width < 100000 ? sp->width * 10 + (size_t)(*f - '0') : sp->width;
    if (*f == '.') {
        f++;
        sp->precision = 0;
        if (*f == '*') {
            int p = va_arg(*ap, int); /* NOLINT(clang-analyzer-valist.Uninitialized) */
            sp->precision = p < 0 ? SIZE_MAX : (size_t)p;
            f++;
        }
        for (; *f >= '0' && *f <= '9'; f++)
            sp->precision = sp->precision < 100000 ? sp->precision * 10 + (size_t)(*f - '0') : sp->precision;
    }
    for (; *f == 'l' || *f == 'z'; f++)
        sp->longs++;
    return f;
}

void out_vfmt(struct out *o, const char *fmt, va_list args)
{
    va_list ap;
    va_copy(ap, args);
    while (*fmt) {
        size_t plain = strcspn(fmt, "%");
        out_bytes(o, fmt, plain);
        fmt += plain;
        if (!*fmt)
            break;
        struct spec sp;
        const char *f = parse_spec(fmt + 1, &sp, &ap);
        switch (*f) {
        case 's': {
            const char *s = va_arg(ap, const char *);
            s = s ? s : "(null)";
            put_padded(o, &sp, s, sp.precision == SIZE_MAX ? strlen(s) : strnlen(s, sp.precision), false);
            break;
        }
        case 'c': {
            char c = (char)va_arg(ap, int);
            put_padded(o, &sp, &c, 1, false);
            break;
        }
        case 'd':
        case 'i': {
            int64_t v = sp.longs ? va_arg(ap, long) : va_arg(ap, int);
            put_number(o, &sp, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0, 10);
            break;
        }
        case 'u':
        case 'x': {
            uint64_t v = sp.longs ? va_arg(ap, unsigned long) : va_arg(ap, unsigned);
            put_number(o, &sp, v, false, *f == 'u' ? 10 : 16);
            break;
        }
        case 'p':
            out_str(o, "0x");
            put_number(o, &sp, (uintptr_t)va_arg(ap, void *), false, 16);
            break;
        case '%':
            out_char(o, '%');
            break;
        default: /* unknown: copied as it stands in the format */
            out_bytes(o, fmt, (size_t)(f - fmt) + (*f != 0));
        }
        fmt = f + (*f != 0);
    }
    va_end(ap);
}

void out_fmt(struct out *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    out_vfmt(o, fmt, ap);
    va_end(ap);
}

static void put_two_units(struct out *o, uint64_t big, const char *big_name, uint64_t small, const char *small_name)
{
    out_u64(o, big);
    out_str(o, big_name);
    if (small) {
        out_char(o, ' ');
        out_u64(o, small);
        out_str(o, small_name);
    }
}

void out_duration(struct out *o, uint64_t s)
{
    if (s < 1000)
        put_two_units(o, s, " s", 0, "");
    else if (s < 3600)
        put_two_units(o, s / 60, " min", 0, "");
    else if (s < 86400)
        put_two_units(o, s / 3600, " h", s % 3600 / 60, " min");
    else
        put_two_units(o, s / 86400, " d", s % 86400 / 3600, " h");
}

void out_rfc3339(struct out *o, uint64_t real_ns)
{
    uint64_t s = real_ns / 1000000000u;
    unsigned in_day = (unsigned)(s % 86400);
    /*
     * Days to a date in the proleptic Gregorian calendar: years that begin in March put the leap
     * day last.
     */
    uint64_t days = s / 86400 + 719468;
    uint64_t era = days / 146097;
    unsigned day_of_era = (unsigned)(days % 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153;
    unsigned day = day_of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    unsigned year = (unsigned)(era * 400) + year_of_era + (month <= 2);
    out_fmt(o, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month, day, in_day / 3600, in_day / 60 % 60, in_day % 60,
            (unsigned)(real_ns / 1000000u % 1000u));
}

void out_seconds(struct out *o, uint64_t ns)
{
    out_u64(o, ns / 1000000000u);
    out_char(o, '.');
    out_char(o, (char)('0' + ns / 100000000u % 10u));
}

void out_clean(struct out *o, const char *s, size_t len, size_t max)
{
    size_t i = 0;
    while (i < len && i < max) {
        unsigned n = utf8_printable(s + i, len - i);
        if (n)
            out_bytes(o, s + i, n);
        else
            out_char(o, '?');
        i += n ? n : 1;
    }
    if (i < len)
        out_str(o, "...");
}

void out_json(struct out *o, const char *s)
{
    out_char(o, '"');
    size_t n = s ? strlen(s) : 0;
    while (n > 0) {
        unsigned len = utf8_length(s, n);
        unsigned char c = (unsigned char)*s;
        if (len == 0) {
            out_str(o, "\xef\xbf\xbd"); /* U+FFFD */
            len = 1;
        } else if (c < 0x20) {
            out_str(o, "\\u");
            out_hex(o, c, 4);
        } else {
            if (c == '"' || c == '\\')
                out_char(o, '\\');
            out_bytes(o, s, len);
        }
        s += len;
        n -= len;
    }
    out_char(o, '"');
}

void out_json_opt(struct out *o, const char *s)
{
    if (s && *s)
        out_json(o, s);
    else
        out_str(o, "null");
}
