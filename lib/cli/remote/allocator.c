/* SPDX-License-Identifier: MIT */
/*
 * allocator.c: which code of another process is its allocator.
 *
 * A stack that is inside the allocator need not hold a frame of malloc or free: where these jump to
 * a function of their own as their last act, only that one is there. The name of such a function is
 * in no dynamic symbol table. So the jumps are followed in the code itself; a jump counts when it
 * leads to the first instruction of a function, as the table in .eh_frame_hdr has them.
 */
#include "allocator.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../arch/cpu.h"
#include "elf_symbol.h"
#include "frame_header.h"
#include "memory.h"

/* Looked for in every object: a program may bring its own. */
static const char *const names[] = {
    "malloc",        "free",           "calloc", "realloc", "reallocarray", "memalign",
    "aligned_alloc", "posix_memalign", "valloc", "pvalloc", "malloc_trim",  "malloc_usable_size",
    "_Znwm",         "_Znam",          "_ZdlPv", "_ZdaPv",  "_ZdlPvm",      NULL,
};

/* A larger library holds more than an allocator, and may be in every stack of its process. */
#define MAX_LIBRARY (4u << 20)
/* Of one function; what is behind is not searched for jumps. */
#define MAX_CODE 65536u
#define MAX_FUNCTIONS 128u

struct function {
    uint64_t start, end;
    const char *name; /* of the allocator's function that led here */
};

struct function_search {
    const struct remote *r;
    const struct remote_module *m;
    struct frame_header header; /* n 0: there is none that can be read */
    struct function found[MAX_FUNCTIONS];
    unsigned n;
};

/* ---- where functions begin ------------------------------------------------------------------- */

#define ENCODED_POINTER_4 0x0b /* DW_EH_PE_sdata4, whatever it is relative to */

static void find_table(struct function_search *s)
{
    if (!frame_header_read(s->r, s->m, &s->header) || (s->header.pointer & 0x0f) != ENCODED_POINTER_4)
        s->header.n = 0;
}

/* The start of function I of the table; 0: it cannot be read. */
static uint64_t start_of(const struct function_search *s, uint32_t i)
{
    int32_t offset;
    return memory_read(s->r, s->header.table + 8ull * i, &offset, sizeof offset) ? s->header.at + (uint64_t)(int64_t)offset : 0;
}

/* The function that begins at START; its end is where the next one begins. */
static bool function_at(const struct function_search *s, uint64_t start, uint64_t *end)
{
    uint32_t low = 0, high = s->header.n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint64_t at = start_of(s, middle);
        if (!at)
            return false;
        if (at == start) {
            *end = middle + 1 < s->header.n ? start_of(s, middle + 1) : start + 16;
            return *end > start;
        }
        if (at < start)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* ---- the functions --------------------------------------------------------------------------- */

static void add_function(struct function_search *s, uint64_t start, uint64_t end, const char *name)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->found[i].start == start)
            return;
    if (s->n < MAX_FUNCTIONS)
        s->found[s->n++] = (struct function){start, end, name};
}

/* Adds the functions that F jumps to. */
static void follow_jumps(struct function_search *s, struct function f)
{
    unsigned char code[4096 + ARCH_JUMP_BYTES];
    for (uint64_t at = f.start; at < f.end && at - f.start < MAX_CODE; at += 4096) {
        size_t n = f.end - at < 4096 ? f.end - at : 4096;
        /* a jump may go on behind the last byte that is looked at */
        memset(code, 0, sizeof code);
        if (!memory_read(s->r, at, code, n + ARCH_JUMP_BYTES) && !memory_read(s->r, at, code, n))
            return;
        for (size_t i = 0; i < n; i += ARCH_JUMP_STEP) {
            uint64_t to, end;
            if (arch_jump(code + i, at + i, &to) && (to < f.start || to >= f.end) && to >= s->m->start && to < s->m->end &&
                function_at(s, to, &end))
                add_function(s, to, end, f.name);
        }
    }
}

static void find_functions(struct function_search *s, struct remote_module *m)
{
    uint64_t at, size, end;
    for (unsigned i = 0; names[i]; i++)
        if (elf_symbol(s->r, m, names[i], &at, &size))
            add_function(s, at, function_at(s, at, &end) && end - at > size ? end : at + (size ? size : 16), names[i]);
    for (unsigned i = 0; i < s->n; i++) /* grows meanwhile */
        follow_jumps(s, s->found[i]);
}

/* ---- libraries ------------------------------------------------------------------------------- */

static bool begins_with(const struct remote_module *m, const char *const *prefixes)
{
    for (; *prefixes; prefixes++)
        if (strncmp(m->base_name, *prefixes, strlen(*prefixes)) == 0)
            return true;
    return false;
}

static bool is_program(const struct remote *r, const struct remote_module *m)
{
    char name[64], path[4096];
    snprintf(name, sizeof name, "/proc/%d/exe", r->pid);
    ssize_t n = readlink(name, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    return n <= 0 || strncmp(path, m->path, strlen(m->path)) == 0;
}

/*
 * A library that defines malloc and free, and is small. Not the C library; nor a sanitizer's
 * runtime, which has frames in every thread's stack.
 */
static bool is_allocator(const struct remote *r, struct remote_module *m)
{
    static const char *const others[] = {"libc.",    "libc-",    "libpthread", "ld-linux",  "ld-2.",        "libasan.",
                                         "libtsan.", "liblsan.", "libhwasan.", "libubsan.", "libclang_rt.", NULL};
    uint64_t at;
    return m->end - m->start <= MAX_LIBRARY && !begins_with(m, others) && elf_symbol(r, m, "malloc", &at, NULL) &&
           elf_symbol(r, m, "free", &at, NULL) && !is_program(r, m);
}

void allocator_ranges(const struct remote *r, struct remote_module *m, allocator_add *add, void *arg)
{
    static const char *const known[] = {"libjemalloc.", "libtcmalloc", "libmimalloc", NULL};
    if (begins_with(m, known) || is_allocator(r, m)) {
        add(arg, m->start, m->end, "the allocator");
        return;
    }
    struct function_search s = {.r = r, .m = m};
    find_table(&s);
    find_functions(&s, m);
    for (unsigned i = 0; i < s.n; i++)
        add(arg, s.found[i].start, s.found[i].end, s.found[i].name);
}
