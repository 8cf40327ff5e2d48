/* SPDX-License-Identifier: MIT */
/*
 * bytes.c: the agent's own memcpy, strlen and kin, under libc's names.
 *
 * Called everywhere in the agent, in signal handlers too, also by what the compiler makes of a copy
 * of a struct. The linker binds the library's calls to these, because they are hidden; the program
 * never sees them. So no thread of ours runs a function that a sanitizer or another preload library
 * has put in libc's place, and that may use its own thread-local state there.
 *
 * A build under a sanitizer leaves this file out (Makefile): its own functions check what they are
 * given.
 */
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Or a loop that copies becomes a call of memcpy, within memcpy. Clang needs -fno-builtin alone. */
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

/* At any address, and of any type. Little endian, like both processors of lib/arch. */
typedef uint16_t two __attribute__((aligned(1), may_alias));
typedef uint32_t four __attribute__((aligned(1), may_alias));
typedef uint64_t eight __attribute__((aligned(1), may_alias));
typedef long long sixteen __attribute__((vector_size(16), aligned(1), may_alias));

#define EACH_BYTE 0x0101010101010101u
#define LOW_BITS 0x7f7f7f7f7f7f7f7fu

/* ---- copies ---------------------------------------------------------------------------------- */

/* N < 16. All is read before anything is written, so the two may overlap. */
static inline void copy_few(char *to, const char *from, size_t n)
{
    if (n >= 8) {
        uint64_t first = *(const eight *)from, last = *(const eight *)(from + n - 8);
        *(eight *)to = first;
        *(eight *)(to + n - 8) = last;
    } else if (n >= 4) {
        uint32_t first = *(const four *)from, last = *(const four *)(from + n - 4);
        *(four *)to = first;
        *(four *)(to + n - 4) = last;
    } else if (n >= 2) {
        uint16_t first = *(const two *)from, last = *(const two *)(from + n - 2);
        *(two *)to = first;
        *(two *)(to + n - 2) = last;
    } else if (n) {
        *to = *from;
    }
}

/* 16 <= N <= 64, in the same way. */
static inline void copy_some(char *to, const char *from, size_t n)
{
    sixteen first = *(const sixteen *)from, last = *(const sixteen *)(from + n - 16);
    if (n > 32) {
        sixteen second = *(const sixteen *)(from + 16), third = *(const sixteen *)(from + n - 32);
        *(sixteen *)(to + 16) = second;
        *(sixteen *)(to + n - 32) = third;
    }
    *(sixteen *)to = first;
    *(sixteen *)(to + n - 16) = last;
}

/* N > 64, and TO is not inside of what FROM still has to give. */
static inline void copy_upwards(char *to, const char *from, size_t n)
{
    sixteen first = *(const sixteen *)from, last = *(const sixteen *)(from + n - 16);
    char *end = to + n - 16, *start = to;
    size_t skip = 16 - ((uintptr_t)to & 15); /* each later store is to an aligned address */
    sixteen *t = (sixteen *)(to + skip);
    const sixteen *f = (const sixteen *)(from + skip);
    for (size_t left = n - skip; left > 64; left -= 64, t += 4, f += 4) {
        sixteen a = f[0], b = f[1], c = f[2], d = f[3];
        t[0] = a;
        t[1] = b;
        t[2] = c;
        t[3] = d;
    }
    for (; (char *)t < end; t++, f++)
        *t = *f;
    *(sixteen *)end = last;
    *(sixteen *)start = first;
}

static inline void copy_downwards(char *to, const char *from, size_t n)
{
    sixteen first = *(const sixteen *)from;
    char *t = to + n;
    const char *f = from + n;
    for (; t - to > 16; t -= 16, f -= 16)
        *(sixteen *)(t - 16) = *(const sixteen *)(f - 16);
    *(sixteen *)to = first;
}

void *memmove(void *to, const void *from, size_t n)
{
    if (n < 16)
        copy_few(to, from, n);
    else if (n <= 64)
        copy_some(to, from, n);
    else if ((uintptr_t)to - (uintptr_t)from >= n)
        copy_upwards(to, from, n);
    else
        copy_downwards(to, from, n);
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    if (n < 16)
        copy_few(to, from, n);
    else if (n <= 64)
        copy_some(to, from, n);
    else
        copy_upwards(to, from, n);
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    uint64_t word = (unsigned char)byte * EACH_BYTE;
    char *t = to, *end = t + n;
    if (n >= 16) {
        sixteen all = {(long long)word, (long long)word};
        for (; end - t > 16; t += 16)
            *(sixteen *)t = all;
        *(sixteen *)(end - 16) = all;
    } else if (n >= 8) {
        *(eight *)t = word;
        *(eight *)(end - 8) = word;
    } else if (n >= 4) {
        *(four *)t = (uint32_t)word;
        *(four *)(end - 4) = (uint32_t)word;
    } else if (n) {
        t[0] = end[-1] = t[n / 2] = (char)byte;
    }
    return to;
}

char *strncpy(char *restrict to, const char *restrict from, size_t n)
{
    size_t len = strnlen(from, n);
    memcpy(to, from, len);
    memset(to + len, 0, n - len);
    return to;
}

/* ---- comparisons ----------------------------------------------------------------------------- */

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *p = a, *q = b;
    while (n >= 8 && *(const eight *)p == *(const eight *)q) {
        p += 8;
        q += 8;
        n -= 8;
    }
    while (n && *p == *q) { /* the first that differs is among the next eight */
        p++;
        q++;
        n--;
    }
    return n ? *p - *q : 0;
}

int bcmp(const void *a, const void *b, size_t n) { return memcmp(a, b, n); } /* clang calls it for == */

int strncmp(const char *a, const char *b, size_t n)
{
    size_t i = 0;
    while (i < n && a[i] == b[i] && a[i])
        i++;
    return i < n ? (unsigned char)a[i] - (unsigned char)b[i] : 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, SIZE_MAX); }

/* ---- searches -------------------------------------------------------------------------------- */

/* The highest bit of each byte of WORD that equals that of SOUGHT, and no other. */
static inline uint64_t matches(uint64_t word, uint64_t sought)
{
    uint64_t x = word ^ sought;
    return ~(((x & LOW_BITS) + LOW_BITS) | x | LOW_BITS);
}

void *memchr(const void *in, int byte, size_t n)
{
    const unsigned char *p = in, *end = p + n;
    uint64_t sought = (unsigned char)byte * EACH_BYTE, found;
    for (; end - p >= 8; p += 8)
        if ((found = matches(*(const eight *)p, sought)) != 0)
            return (void *)(uintptr_t)(p + __builtin_ctzll(found) / 8);
    for (; p < end; p++)
        if (*p == (unsigned char)byte)
            return (void *)(uintptr_t)p;
    return NULL;
}

void *memrchr(const void *in, int byte, size_t n)
{
    const unsigned char *start = in, *p = start + n;
    uint64_t sought = (unsigned char)byte * EACH_BYTE, found;
    for (; p - start >= 8; p -= 8)
        if ((found = matches(*(const eight *)(p - 8), sought)) != 0)
            return (void *)(uintptr_t)(p - 1 - __builtin_clzll(found) / 8);
    while (p > start)
        if (*--p == (unsigned char)byte)
            return (void *)(uintptr_t)p;
    return NULL;
}

void *memmem(const void *in, size_t n, const void *sought, size_t len)
{
    const char *p = in, *end = p + n;
    if (!len)
        return (void *)(uintptr_t)p;
    while ((size_t)(end - p) >= len && (p = memchr(p, *(const char *)sought, (size_t)(end - p) - len + 1)) != NULL) {
        if (memcmp(p, sought, len) == 0)
            return (void *)(uintptr_t)p;
        p++;
    }
    return NULL;
}

/* By single bytes, like those that follow: what lies behind the end is not the string's. */
size_t strnlen(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && s[i])
        i++;
    return i;
}

size_t strlen(const char *s)
{
    const char *end = s;
    while (*end)
        end++;
    return (size_t)(end - s);
}

char *strchr(const char *s, int byte)
{
    while (*s && *s != (char)byte)
        s++;
    return *s == (char)byte ? (char *)(uintptr_t)s : NULL;
}

char *strrchr(const char *s, int byte) { return memrchr(s, byte, strlen(s) + 1); }

char *strstr(const char *s, const char *sought) { return memmem(s, strlen(s), sought, strlen(sought)); }

/* How many of the first bytes of S are in SET, or not in it. */
static size_t span(const char *s, const char *set, int in_set)
{
    size_t n = 0;
    while (s[n] && (strchr(set, s[n]) != NULL) == in_set)
        n++;
    return n;
}

size_t strspn(const char *s, const char *set) { return span(s, set, 1); }
size_t strcspn(const char *s, const char *set) { return span(s, set, 0); }
