/* SPDX-License-Identifier: MIT */
/*
 * own_frames.c: where the program's own code begins in a stack.
 *
 * Called when a report is complete, by agent and command. A function is never left out because of
 * its name: a program may have a recv of its own. What counts is the file that it was inlined from,
 * which only the debug data knows, and the object that holds the code.
 */
#include "own_frames.h"

#include <string.h>

#include "frame_role.h"
#include "prefix.h"
#include "runtime_files.h"
#include "textstack.h"

/*
 * The objects of the C libraries (glibc, musl) and those that only they load, the sanitizers',
 * whose functions stand before the C library's, and this library. A version or ".so" follows the
 * name, so that libc-client is not taken for libc, nor the program ld.bfd for the loader.
 */
static const char *const inner[] = {"libc", "libpthread", "libresolv", "libanl",   "librt",   "libdl",      "ld",
                                    "ld64", "libasan",    "libtsan",   "libubsan", "liblsan", "libsockleak"};
static const char *const inner_families[] = {"ld-linux", "ld-musl", "libc.musl", "libnss_", "libsockleak-"};

bool own_frames_is_inner_object(const char *module)
{
    const char *base = text_base_name(module);
    return begins_with_name(base, inner, sizeof inner / sizeof *inner, name_end_of_library) ||
           begins_with_one(base, inner_families, sizeof inner_families / sizeof *inner_families);
}

bool own_frames_is_system_library(const char *module)
{
    const char *at = module, *base = text_base_name(module);
    if (!strstr(base, ".so"))
        return false;
    if (begins_with(at, "/nix/store/") || begins_with(at, "/gnu/store/"))
        return true;
    at += begins_with(at, "/usr/") ? 4 : 0;
    if (!begins_with(at, "/lib"))
        return false;
    at = strchr(at + 1, '/');
    if (!at)
        return false;
    const char *folder = at + 1, *end = strchr(folder, '/'), *triplet = strstr(folder, "-linux-");
    return folder == base || (end && end + 1 == base && triplet && triplet < end);
}

/*
 * FILE lies in bits/ of the C library's headers, of a system root too: /usr/include/bits or, on
 * Debian, /usr/include/x86_64-linux-gnu/bits. Not in that of another library, as libstdc++'s, whose
 * functions call what the program passes to them. musl's headers are below fortify/.
 */
static bool is_fortified(const char *file)
{
    static const char usr[] = "/usr/include/";
    const char *below = strstr(file, usr);
    if (!below)
        return (begins_with(file, "/nix/store/") || begins_with(file, "/gnu/store/")) && strstr(file, "/include/bits/");
    below += sizeof usr - 1;
    const char *slash = strchr(below, '/'), *tuple = strstr(below, "-linux-");
    if (slash && tuple && tuple < slash)
        below = slash + 1;
    return begins_with(below, "bits/") || begins_with(below, "fortify/");
}

/* What stands between Go's packages and the system call, as the C library does elsewhere. */
static bool is_inner_of_go(const struct frame *f)
{
    static const char *const packages[] = {"syscall.",          "runtime.",       "runtime/internal/",
                                           "internal/runtime/", "internal/poll.", "internal/syscall/"};
    return f->runtime == RUNTIME_GO && f->symbol && begins_with_one(f->symbol, packages, sizeof packages / sizeof *packages);
}

static bool is_inner(const struct frame *f)
{
    if (f->of_libc || is_inner_of_go(f))
        return true;
    return (f->inlined && f->file && is_fortified(f->file)) || (f->module && own_frames_is_inner_object(f->module));
}

size_t own_frames_begin(const struct frame *frames, size_t n)
{
    size_t first = 0;
    while (first < n && is_inner(&frames[first]))
        first++;
    return first < n ? first : 0;
}

static const struct frame *begin_at(const struct frame *frames, size_t *n)
{
    size_t first = own_frames_begin(frames, *n);
    *n -= first;
    return first ? frames + first : frames;
}

static bool is_of_runtime(const struct frame *f) { return f->runtime != RUNTIME_NATIVE; }

bool own_frames_is_library(const struct frame *f, bool packages_too)
{
    enum runtime_code code = runtime_files_code(f->runtime, f->file, f->symbol);
    /* a package that was compiled has a map that need not say so */
    if (code == RUNTIME_CODE_PROGRAM && f->generated_file)
        code = runtime_files_code(f->runtime, f->generated_file, f->symbol);
    return code == RUNTIME_CODE_LIBRARY || (packages_too && code == RUNTIME_CODE_PACKAGE);
}

size_t own_frames_name(const struct frame *frames, size_t n)
{
    n = frame_role_first(frames, n);
    for (size_t i = 0; i < n; i++)
        if (is_of_runtime(&frames[i]) && !frames[i].interpreter && !own_frames_is_library(&frames[i], true))
            return i;
    return 0;
}

void own_frames_settle(struct frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_of_runtime(&frames[i]))
            return;
    for (size_t i = 0; i < n; i++)
        frames[i].interpreter = false;
}

static bool is_start(const struct frame *f)
{
    if (f->runtime == RUNTIME_GO)
        return f->symbol && begins_with(f->symbol, "runtime.");
    return is_of_runtime(f) ? f->runtime == RUNTIME_JAVASCRIPT && own_frames_is_library(f, false) : f->interpreter || is_inner(f);
}

/*
 * In a stack with frames of a runtime: how many of the N do not count as its end. What called the
 * interpreter is the C library's code that starts a program or a thread; what called the first
 * function of a program on node is node's.
 */
static size_t without_start(const struct frame *frames, size_t n)
{
    size_t end = n;
    while (end && is_start(&frames[end - 1]))
        end--;
    for (size_t i = 0; i < end; i++)
        if (is_of_runtime(&frames[i]))
            return end;
    while (n && !is_of_runtime(&frames[n - 1]) && is_start(&frames[n - 1]))
        n--;
    return n;
}

/*
 * How many of the N frames stand before the first of the program: those of the interpreter, and of
 * the library that comes with it. 0: the program has none.
 */
static size_t library_front(const struct frame *frames, size_t n)
{
    size_t front = 0;
    while (front < n && !frames[front].role &&
           (frames[front].interpreter || is_inner(&frames[front]) ||
            (is_of_runtime(&frames[front]) && own_frames_is_library(&frames[front], false))))
        front++;
    for (size_t i = front; i < n && !frames[i].role; i++)
        if (is_of_runtime(&frames[i]))
            return front;
    return 0;
}

/*
 * *FRAMES as a reader wants them: without the interpreter's own, which are marked as such in
 * *WHOLE. Nothing changes where no runtime's frame is, or no memory.
 */
static void fold(const struct frame **frames, size_t *n, const struct frame **whole, size_t *n_whole, own_frames_memory *memory, void *arg)
{
    size_t shown = 0, end = 0, front = 0, of_runtime = 0;
    for (size_t i = 0; i < *n; i++)
        of_runtime += is_of_runtime(&(*frames)[i]);
    if (!of_runtime)
        return;
    end = without_start(*frames, *n);
    front = library_front(*frames, end);
    for (size_t i = front; i < end; i++)
        shown += !(*frames)[i].interpreter;
    struct frame *all = shown == *n ? NULL : memory(arg, (*n + shown) * sizeof *all), *kept = all ? all + *n : NULL;
    for (size_t i = 0; all && i < *n; i++) {
        all[i] = (*frames)[i];
        all[i].interpreter |= i < front || i >= end;
        if (!all[i].interpreter)
            *kept++ = all[i];
    }
    if (!all)
        return;
    *whole = all;
    *n_whole = *n;
    *frames = all + *n;
    *n = shown;
}

void own_frames_show(struct report *r, own_frames_memory *memory, void *arg)
{
    for (size_t i = 0; i < r->n_groups; i++) {
        struct group *g = &r->groups[i];
        g->frames = begin_at(g->frames, &g->n_frames);
        fold(&g->frames, &g->n_frames, &g->whole, &g->n_whole, memory, arg);
        for (unsigned k = 0; k < g->n_told; k++) {
            struct told *t = &g->told[k];
            t->frames = begin_at(t->frames, &t->n_frames);
            fold(&t->frames, &t->n_frames, &t->whole, &t->n_whole, memory, arg);
        }
    }
}
