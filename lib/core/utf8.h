/* SPDX-License-Identifier: MIT */
/*
 * utf8.h: is this a printable UTF-8 sequence? Strings from ELF files, paths and socket addresses
 * may hold any byte. And a character as such a sequence.
 */
#ifndef SOCKLEAK_CORE_UTF8_H
#define SOCKLEAK_CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The length (1..4) of the well-formed UTF-8 sequence at P, of which N bytes may be read; 0 when
 * there is none. RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. Control
 * characters count as well-formed.
 */
static inline unsigned utf8_length(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    if (n == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    unsigned len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < len)
        return 0;
    for (unsigned i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

/* As utf8_length, but 0 for C0 and C1 controls and DEL too: what may go to a terminal as it is. */
static inline unsigned utf8_printable(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    unsigned len = utf8_length(s, n);
    if ((len == 1 && (p[0] < 0x20 || p[0] == 0x7f)) || (len == 2 && p[0] == 0xc2 && p[1] < 0xa0))
        return 0;
    return len;
}

/*
 * Appends the character C to OUT, which has *LEN of CAP bytes. False: it does not fit with a zero
 * behind it.
 */
static inline bool utf8_put(char *out, size_t cap, size_t *len, uint32_t c)
{
    unsigned need = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (*len + need + 1 > cap)
        return false;
    if (need == 1) {
        out[(*len)++] = (char)c;
        return true;
    }
    for (unsigned b = need; b-- > 1; c >>= 6)
        out[*len + b] = (char)(0x80 | (c & 0x3f));
    out[*len] = (char)((0xf00u >> need & 0xff) | c);
    *len += need;
    return true;
}

#endif
