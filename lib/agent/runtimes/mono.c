/* SPDX-License-Identifier: MIT */
/*
 * mono.c: the C# frames of the calling thread under Mono.
 *
 * Mono exports a walk of its stacks, mono_stack_walk_async_safe. It begins at the frame that the
 * last call out of managed code has left when the context that it is given is not managed code's
 * own, and passes all such calls further out. Only exported functions are called, and no structure
 * of Mono is read, so any Mono that exports them will do.
 *
 * Where the walk meets precompiled code for the first time, Mono loads what it knows of it, under a
 * lock of its own, as each throw does. A thread in a C call counts as one that the collector need
 * not stop, and must not wait for such a lock: so the walk, and the names, stand between the calls
 * that Mono exports for that. A thread waits there while a collection runs, as it would on its
 * return. In a forked child a lock may stay held for ever: its stacks get no frames.
 *
 * Names are constant strings of the loaded image. File and line are known where the program runs
 * with --debug, and are looked up once for each new frame. Else the file is the assembly's.
 */
#include <string.h>
#include <ucontext.h>

#include "../../core/hash.h"
#include "../table/header.h"
#include "runtime.h"

struct mono_location { /* MonoDebugSourceLocation */
    char *file;
    uint32_t row, column, il;
};

typedef int each_frame(void *method, void *domain, void *code_start, int offset, void *arg);

static struct {
    void (*walk)(each_frame *each, void *ucontext, void *arg);
    void *(*enter)(void **stack); /* the address of a variable on the stack */
    void (*leave)(void *before, void **stack);
    void *(*domain)(void);
    int (*is_ending)(void);
    const char *(*method_name)(void *method);
    void *(*method_class)(void *method);
    uint32_t (*method_token)(void *method);
    const char *(*class_name)(void *klass), *(*class_namespace)(void *klass);
    void *(*class_around)(void *klass), *(*class_image)(void *klass);
    const char *(*image_file)(void *image);
    int (*has_lines)(void);
    struct mono_location *(*location)(void *method, uint32_t offset, void *domain);
    void (*free_location)(struct mono_location *location);
} mono;

static uint32_t found_by; /* the process that found it: a forked child is another */

static const struct {
    const char *name;
    void *to;
} needed[] = {
    {"mono_stack_walk_async_safe", &mono.walk},
    {"mono_threads_enter_gc_unsafe_region", &mono.enter},
    {"mono_threads_exit_gc_unsafe_region", &mono.leave},
    {"mono_domain_get", &mono.domain},
    {"mono_runtime_is_shutting_down", &mono.is_ending},
    {"mono_method_get_name", &mono.method_name},
    {"mono_method_get_class", &mono.method_class},
    {"mono_method_get_token", &mono.method_token},
    {"mono_class_get_name", &mono.class_name},
    {"mono_class_get_namespace", &mono.class_namespace},
    {"mono_class_get_nesting_type", &mono.class_around},
    {"mono_class_get_image", &mono.class_image},
    {"mono_image_get_filename", &mono.image_file},
    {"mono_debug_enabled", &mono.has_lines},
    {"mono_debug_lookup_source_location", &mono.location},
    {"mono_debug_free_source_location", &mono.free_location},
};
#define N_NEEDED (sizeof needed / sizeof *needed)

static bool mono_find(struct exports *e)
{
    uintptr_t at[N_NEEDED];
    for (unsigned i = 0; i < N_NEEDED; i++) {
        at[i] = exports_find(e, needed[i].name, NULL);
        if (at[i])
            continue;
        return i ? runtime_refuse(&runtime_mono, "it does not export what is needed") : false;
    }
    for (unsigned i = 0; i < N_NEEDED; i++)
        memcpy(needed[i].to, &at[i], sizeof at[i]);
    found_by = table_pid();
    return true;
}

static bool mono_owns(const char *path, bool is_program)
{
    const char *slash = strrchr(path, '/');
    (void)is_program;
    slash = slash ? slash + 1 : path;
    return strncmp(slash, "libmono", 7) == 0 || strncmp(slash, "libMono", 7) == 0;
}

/* ---- frames ---------------------------------------------------------------------------------- */

#define NAME_HASHED 64u /* bytes of a name that tell methods at one address apart */

static uint64_t hash_name(uint64_t h, const char *name) { return name ? hash_bytes(h, name, strnlen(name, NAME_HASHED)) : h; }

/*
 * A method that took a freed one's place differs in its name, its class' name, its token or where
 * its code begins.
 */
static uint64_t hash_of(void *method, uintptr_t code_start, unsigned offset)
{
    void *klass = mono.method_class(method);
    uint64_t h = hash_name(hash_name(HASH_START, mono.method_name(method)), klass ? mono.class_name(klass) : NULL);
    h = hash_spread(h ^ (uint64_t)mono.method_token(method) << 32 ^ offset);
    return hash_spread(h ^ (uintptr_t)method ^ code_start << 1);
}

/*
 * A method without a number in its assembly is a wrapper that Mono has made around a call, or a
 * DynamicMethod: no source has it.
 */
static bool has_source(void *method) { return mono.method_token(method) & 0xffffff; }

/* Returns 1 to end the walk. METHOD NULL: it was not looked up, so there are no frames at all. */
static int take_frame(void *method, void *domain, void *code_start, int offset, void *arg)
{
    struct runtime_stack *s = arg;
    (void)domain;
    if (!method || offset < 0) {
        s->n = 0;
        return 1;
    }
    if (!has_source(method))
        return 0;
    if (s->n == s->max) {
        s->cut = true;
        return 1;
    }
    s->frames[s->n++] = (struct runtime_frame){
        .hash = hash_of(method, (uintptr_t)code_start, (unsigned)offset),
        .word = {(uintptr_t)method, (uintptr_t)offset},
    };
    return 0;
}

/* A context of native code, which is what the thread runs. */
static void make_context(ucontext_t *u)
{
    memset(u, 0, sizeof *u);
#if defined(__x86_64__)
    u->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)make_context;
    u->uc_mcontext.gregs[REG_RSP] = u->uc_mcontext.gregs[REG_RBP] = (greg_t)(uintptr_t)__builtin_frame_address(0);
#elif defined(__aarch64__)
    u->uc_mcontext.pc = (uintptr_t)make_context;
    u->uc_mcontext.sp = u->uc_mcontext.regs[29] = (uintptr_t)__builtin_frame_address(0);
#endif
}

static enum runtime_answer mono_walk(struct runtime_stack *s)
{
    ucontext_t u;
    s->n = s->n_marks = 0;
    s->cut = false;
    s->generated = true;
    s->evaluator = s->evaluator_end = 0;
    /* a thread that Mono does not know has no domain */
    if (found_by != table_pid() || mono.is_ending() || !mono.domain())
        return RUNTIME_NO_FRAMES;
    make_context(&u);
    void *stack, *before = mono.enter(&stack);
    mono.walk(take_frame, &u, s);
    mono.leave(before, &stack);
    return s->n ? RUNTIME_FRAMES : RUNTIME_NO_FRAMES;
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool put(char *out, size_t cap, size_t *len, const char *text)
{
    size_t n = strnlen(text, cap - *len);
    if (n == cap - *len)
        return false;
    memcpy(out + *len, text, n + 1);
    *len += n;
    return true;
}

#define MAX_NESTED 8u

/* Namespace.Outer+Inner.Method, as Environment.StackTrace and .NET's debuggers write it. */
static bool put_function(char *out, size_t cap, void *method, void *klass)
{
    void *around[MAX_NESTED];
    unsigned n = 0;
    size_t len = 0;
    const char *name = mono.method_name(method);
    for (void *k = klass; k && n < MAX_NESTED; k = mono.class_around(k))
        around[n++] = k;
    if (!n || !name)
        return false;
    const char *space = mono.class_namespace(around[n - 1]);
    bool fits = !space || !*space || (put(out, cap, &len, space) && put(out, cap, &len, "."));
    while (fits && n--) {
        const char *of = mono.class_name(around[n]);
        fits = of && put(out, cap, &len, of) && put(out, cap, &len, n ? "+" : ".");
    }
    return fits && put(out, cap, &len, name);
}

static void put_file(struct runtime_name *out, const struct runtime_frame *f, void *klass)
{
    struct mono_location *l = NULL;
    void *image = mono.class_image(klass), *domain = mono.domain();
    const char *file = image ? mono.image_file(image) : NULL;
    size_t n;
    if (domain && mono.has_lines())
        l = mono.location((void *)f->word[0], (uint32_t)f->word[1], domain);
    if (l && l->file) {
        file = l->file;
        out->line = l->row;
    }
    n = file ? strlen(file) : 0;
    file = n < sizeof out->file ? file : file + n - (sizeof out->file - 1);
    memcpy(out->file, file ? file : "", (file ? strlen(file) : 0) + 1);
    if (l)
        mono.free_location(l);
}

static bool mono_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden)
{
    void *method = (void *)f->word[0], *klass = mono.method_class(method);
    *hidden = false;
    *out = (struct runtime_name){.line = 0};
    if (!klass || !put_function(out->function, sizeof out->function, method, klass))
        return false;
    void *stack, *before = mono.enter(&stack);
    put_file(out, f, klass);
    mono.leave(before, &stack);
    return !mono.is_ending();
}

static bool mono_is_ending(void) { return mono.is_ending(); }

static void mono_forget(void) {}

const struct runtime runtime_mono = {
    .number = RUNTIME_DOTNET,
    .find = mono_find,
    .owns = mono_owns,
    .walk = mono_walk,
    .name = mono_name,
    .is_ending = mono_is_ending,
    .forget = mono_forget,
};
