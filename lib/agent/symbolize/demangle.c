/* SPDX-License-Identifier: MIT */
/*
 * demangle.c: readable C++ and Rust names, with the demangler that the process has loaded already.
 *
 * Called by names.c while a report is made, in any thread but never in a signal handler; holds no
 * lock.
 */
#include "demangle.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../base/sys.h"
#include "../base/thread.h"
#include "../elf/exports.h"
#include "../elf/link_maps.h"

/*
 * libstdc++ takes about 300 bytes of stack for each character of a nested name. Only pages that are
 * touched take memory.
 */
#define STACK_SIZE (2u << 20)
#define GUARD_SIZE (64u << 10)

/* ---- C++ ------------------------------------------------------------------------------------- */

struct cpp_call {
    const struct demangler *d;
    const char *name;
    char *text;
    int status;
};

/* Not makecontext(3): a sanitizer in the program warns about that on standard error. */
void demangle_on_stack(void *top, void (*call)(void *), void *arg);
ARCH_CALL_ON_STACK(demangle_on_stack);

static void call_demangler(void *arg)
{
    struct cpp_call *c = arg;
    c->text = c->d->function(c->name, NULL, NULL, &c->status);
}

bool demangle_has_library(void) { return link_maps_have("libstdc++.") || link_maps_have("libc++"); }

void demangle_begin(struct demangler *d) { *d = (struct demangler){0}; }

void demangle_end(struct demangler *d)
{
    if (d->stack)
        sys_munmap(d->stack, STACK_SIZE);
    *d = (struct demangler){0};
}

static bool find_demangler(struct demangler *d)
{
    if (d->searched)
        return d->stack;
    d->searched = true;
    d->function = (char *(*)(const char *, char *, size_t *, int *))(uintptr_t)exports_find_anywhere("__cxa_demangle");
    if (!d->function)
        return false;
    void *p = sys_mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (sys_failed(p))
        return false;
    d->stack = p;
    sys_mprotect(p, GUARD_SIZE, PROT_NONE);
    return true;
}

/* On a thread that libc knows: it allocates. Kept by itself for scripts/check-watcher. */
static __attribute__((noinline)) size_t demangle_cpp(struct demangler *d, const char *name, char *to, size_t cap)
{
    struct cpp_call c = {.d = d, .name = name, .status = -1};
    if (!find_demangler(d))
        return 0;
    demangle_on_stack(d->stack + STACK_SIZE, call_demangler, &c);
    size_t len = 0;
    if (c.text && c.status == 0) {
        len = strnlen(c.text, cap - 1);
        memcpy(to, c.text, len);
        to[len] = '\0';
    }
    free(c.text);
    return len;
}

/* ---- Rust ------------------------------------------------------------------------------------ */

/*
 * The older scheme: _ZN, parts with their lengths before them, a last part of "h" and 16 digits, E.
 * $..$ stands for a character that assemblers do not take.
 */
static const struct {
    const char *code;
    char is;
} rust_codes[] = {{"SP", '@'}, {"BP", '*'}, {"RF", '&'}, {"LT", '<'}, {"GT", '>'}, {"LP", '('}, {"RP", ')'}, {"C", ','}};

/* The character of the code between two dollars; 0: unknown. */
static char decode_code(const char *code, size_t len)
{
    for (size_t i = 0; i < sizeof rust_codes / sizeof rust_codes[0]; i++)
        if (strlen(rust_codes[i].code) == len && memcmp(rust_codes[i].code, code, len) == 0)
            return rust_codes[i].is;
    if (len != 3 || code[0] != 'u')
        return 0;
    unsigned value = 0;
    for (size_t i = 1; i < 3; i++) {
        char c = code[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return 0;
        value = value << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return value >= 0x20 && value < 0x7f ? (char)value : 0;
}

/* Appends one part in clear at TO; its length, never more than N. */
static size_t decode_part(char *to, const char *p, size_t n)
{
    size_t len = 0;
    /* the compiler puts it there because a part cannot begin with a dollar */
    if (n > 2 && p[0] == '_' && p[1] == '$') {
        p++;
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        const char *end = p[i] == '$' ? memchr(p + i + 1, '$', n - i - 1) : NULL;
        char c = end ? decode_code(p + i + 1, (size_t)(end - p) - i - 1) : 0;
        if (c) {
            to[len++] = c;
            i = (size_t)(end - p);
        } else if (p[i] == '.' && i + 1 < n && p[i + 1] == '.') {
            to[len++] = ':';
            to[len++] = ':';
            i++;
        } else {
            to[len++] = p[i];
        }
    }
    return len;
}

static size_t demangle_rust(const char *name, char *to, size_t cap)
{
    const char *p = name + 3;
    size_t len = 0;
    if (strncmp(name, "_ZN", 3) != 0)
        return 0;
    while (*p >= '1' && *p <= '9') {
        size_t n = 0;
        while (*p >= '0' && *p <= '9' && n < DEMANGLE_MAX)
            n = n * 10 + (size_t)(*p++ - '0');
        if (n > strlen(p))
            return 0;
        if (p[n] == 'E') {
            /* A suffix behind it (".llvm.123") is the compiler's and stays. */
            bool hash = n == 17 && p[0] == 'h' && strspn(p + 1, "0123456789abcdef") >= 16;
            size_t rest = strlen(p + n + 1);
            if (!hash || len == 0 || (rest && p[n + 1] != '.') || rest + len >= cap)
                return 0;
            memcpy(to + len, p + n + 1, rest + 1);
            return len + rest;
        }
        if (len + n + 3 > cap)
            return 0;
        if (len) {
            to[len++] = ':';
            to[len++] = ':';
        }
        len += decode_part(to + len, p, n);
        p += n;
    }
    return 0;
}

size_t demangle(struct demangler *d, const char *name, char *to, size_t cap)
{
    if (name[0] != '_' || name[1] != 'Z' || strlen(name) > DEMANGLE_MAX)
        return 0;
    int saved = errno;
    size_t len = demangle_rust(name, to, cap);
    if (len == 0 && !this_thread.is_raw)
        len = demangle_cpp(d, name, to, cap);
    errno = saved;
    return len;
}
