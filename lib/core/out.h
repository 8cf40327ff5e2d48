/* SPDX-License-Identifier: MIT */
/*
 * out.h: bounded text building without stdio or allocation.
 *
 * A struct out appends into the caller's buffer. When the buffer is full, FLUSH (if any) is called
 * to make room: it takes the bytes and sets len to 0, or gives a larger buffer; without it, or when
 * it returns false, this and all further bytes are counted in `lost` and dropped (until the caller
 * sets `lost` to 0), so the output never has a hole. Async-signal-safe as long as FLUSH is.
 */
#ifndef SOCKLEAK_CORE_OUT_H
#define SOCKLEAK_CORE_OUT_H

#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct out {
    char *buf;
    size_t len, cap;
    uint64_t lost;
    bool (*flush)(struct out *o, size_t need);
    void *arg;
};

void out_bytes(struct out *o, const char *p, size_t n);
void out_str(struct out *o, const char *s); /* NULL writes nothing */
void out_char(struct out *o, char c);
void out_u64(struct out *o, uint64_t v);
void out_i64(struct out *o, int64_t v);
void out_hex(struct out *o, uint64_t v, int min_digits); /* no 0x */
void out_pad(struct out *o, size_t from, size_t width);  /* spaces until len - FROM is WIDTH */
/*
 * A small printf: %s %d %u %x %c %p %% with l, ll, z (size_t), number or `*` width, precision for
 * s, '-' and '0' flags. Unknown letters are written as they are.
 */
void out_fmt(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void out_vfmt(struct out *o, const char *fmt, va_list ap);
/*
 * "812 s", "17 min", "5 h 20 min", "3 d 2 h": up to 999 s in seconds, below an hour in minutes,
 * above in the two largest units (the smaller left out when 0).
 */
void out_duration(struct out *o, uint64_t seconds);
/* RFC 3339 in UTC with milliseconds: 2026-01-02T03:04:05.678Z. */
void out_rfc3339(struct out *o, uint64_t real_ns);
/* Seconds with one decimal: 812.4 */
void out_seconds(struct out *o, uint64_t ns);
/*
 * LEN bytes of S, as they may go to a terminal or a log line: what is no printable UTF-8 becomes
 * '?'; beyond MAX bytes it is cut and "..." follows.
 */
void out_clean(struct out *o, const char *s, size_t len, size_t max);
/*
 * A JSON string with quotes; invalid UTF-8 bytes become U+FFFD, controls \u00XX. out_json_opt
 * writes null for NULL or "".
 */
void out_json(struct out *o, const char *s);
void out_json_opt(struct out *o, const char *s);

#endif
