/* SPDX-License-Identifier: MIT */
/*
 * hotspot_name.c: class, method, file and line of a Java frame.
 *
 * Called once for each new frame, in the thread that has it: its method, and so its class, cannot be
 * unloaded meanwhile. What differs between two runs of a program is left out: the numbers and
 * addresses in the names of classes that have no name of their own, and the frames of the virtual
 * machine's own helpers for lambdas and reflection, which it changes after some calls.
 */
#include <string.h>

#include "hotspot.h"

#define HAS_LINES 1u
#define IS_HIDDEN (1u << 12)      /* since 21: Java does not show it either */
#define MAX_LINE_STEPS (1u << 16) /* a method has at most so many instructions */

struct hotspot_text hotspot_symbol(uintptr_t symbol)
{
    unsigned len = hotspot.symbol_length != HOTSPOT_ABSENT ? hotspot_short(symbol + hotspot.symbol_length)
                                                           : (uint32_t)hotspot_int(symbol + hotspot.symbol_length_and_refcount) >> 16;
    return (struct hotspot_text){(const char *)symbol + hotspot.symbol_body, len};
}

static struct hotspot_text constant_symbol(uintptr_t pool, unsigned index)
{
    return hotspot_symbol(hotspot_word(pool + hotspot.pool_size + 8 * (uintptr_t)index));
}

/* ---- lines ----------------------------------------------------------------------------------- */

static int signed_number(const uint8_t **p)
{
    uint32_t v = hotspot_number(p);
    return (int)(v >> 1) ^ -(int)(v & 1);
}

static unsigned flags_of(uintptr_t constant)
{
    if (hotspot.const_flags_word != HOTSPOT_ABSENT)
        return (unsigned)hotspot_int(constant + hotspot.const_flags_word);
    return hotspot_short(constant + hotspot.const_flags) & HAS_LINES;
}

/* The table stands behind the byte code: steps in the code and in the lines. 0: not known. */
static int line_of(uintptr_t constant, int bci)
{
    const uint8_t *p = (const uint8_t *)(constant + hotspot.const_size + hotspot_short(constant + hotspot.const_code_size));
    int at = 0, line = 0, best_at = -1, best = 0;
    if (!(flags_of(constant) & HAS_LINES))
        return 0;
    for (unsigned i = 0; i < MAX_LINE_STEPS && *p; i++) {
        uint8_t byte = *p++;
        if (byte == 0xff) {
            at += signed_number(&p);
            line += signed_number(&p);
        } else {
            at += byte >> 3;
            line += byte & 7;
        }
        if (at == bci)
            return line;
        if (at < bci && at >= best_at) {
            best_at = at;
            best = line;
        }
    }
    return best;
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool begins(struct hotspot_text t, const char *with) { return t.len >= strlen(with) && memcmp(t.at, with, strlen(with)) == 0; }
static const char *find_in(struct hotspot_text t, const char *what) { return memmem(t.at, t.len, what, strlen(what)); }

/* Of java.lang.reflect.Proxy, which counts its classes: "$Proxy12", in any package. */
static bool is_proxy(struct hotspot_text cls)
{
    static const char name[] = "$Proxy";
    const unsigned len = sizeof name - 1;
    unsigned end = cls.len;
    while (end && cls.at[end - 1] >= '0' && cls.at[end - 1] <= '9')
        end--;
    return end < cls.len && end >= len && memcmp(cls.at + end - len, name, len) == 0 && (end == len || cls.at[end - len - 1] == '/');
}

/* Helpers that the virtual machine makes for lambdas, method handles and reflection. */
static bool is_helper(struct hotspot_text cls)
{
    return begins(cls, "java/lang/invoke/") || begins(cls, "jdk/internal/reflect/") || begins(cls, "sun/reflect/") ||
           find_in(cls, "$$Lambda") || is_proxy(cls);
}

/* Cuts the address that follows the name of a hidden class: "+0x..." or "/0x...". */
static struct hotspot_text without_address(struct hotspot_text cls)
{
    const char *plus = find_in(cls, "+0x"), *slash = find_in(cls, "/0x"), *at = plus ? plus : slash;
    if (at)
        cls.len = (unsigned)(at - cls.at);
    return cls;
}

/* "package.Class.method"; the end of one that is too long. */
static void put_function(struct runtime_name *out, struct hotspot_text cls, struct hotspot_text method)
{
    size_t cap = sizeof out->function - 1, n = 0;
    if (method.len > cap / 2)
        method.len = (unsigned)(cap / 2);
    size_t room = cap - method.len - 1, skip = cls.len > room ? cls.len - room : 0;
    for (size_t i = skip; i < cls.len; i++)
        out->function[n++] = cls.at[i];
    for (size_t i = 0; i < n; i++)
        if (out->function[i] == '/')
            out->function[i] = '.';
    out->function[n++] = '.';
    memcpy(out->function + n, method.at, method.len);
    out->function[n + method.len] = 0;
}

static void put_file(struct runtime_name *out, uintptr_t pool, uintptr_t holder)
{
    unsigned index =
        hotspot.pool_file != HOTSPOT_ABSENT ? hotspot_short(pool + hotspot.pool_file) : hotspot_short(holder + hotspot.class_file);
    struct hotspot_text file = index ? constant_symbol(pool, index) : (struct hotspot_text){"", 0};
    size_t cap = sizeof out->file - 1, n = file.len < cap ? file.len : cap;
    memcpy(out->file, file.at + (file.len - n), n);
    out->file[n] = 0;
}

bool hotspot_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden)
{
    uintptr_t constant = hotspot_word(f->word[0] + hotspot.method_const), pool = hotspot_word(constant + hotspot.const_pool);
    uintptr_t holder = hotspot_word(pool + hotspot.pool_holder);
    struct hotspot_text cls = hotspot_symbol(hotspot_word(holder + hotspot.class_name));
    *hidden = is_helper(cls) || flags_of(constant) & IS_HIDDEN;
    put_function(out, without_address(cls), constant_symbol(pool, hotspot_short(constant + hotspot.const_name)));
    put_file(out, pool, holder);
    out->line = f->word[1] == HOTSPOT_NATIVE ? 0 : (uint32_t)line_of(constant, (int)f->word[1]);
    out->column = 0;
    out->flags = 0;
    return true;
}
