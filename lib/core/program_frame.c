/* SPDX-License-Identifier: MIT */
/*
 * program_frame.c: which function of the program made the call that a stack ends in.
 *
 * Called while a report is written, by agent and command. The agent knows no files, only modules
 * and names; what is decided by a file is then decided by the name's first part, where it has one.
 */
#include "program_frame.h"

#include <string.h>

#include "own_frames.h"
#include "prefix.h"
#include "runtime_files.h"
#include "textstack.h"
#include "word.h"

enum place { PLACE_OWN, PLACE_THIN, PLACE_LIBRARY };

/* They call when they are called, for whoever called them. A version or ".so" follows the name. */
static const char *const thin_objects[] = {"libssl",   "libcrypto", "libgnutls",  "libmbedtls", "libwolfssl",
                                           "libnspr4", "libssl3",   "libnss3",    "libstdc++",  "libc++",
                                           "libgcc_s", "libtirpc",  "libbearssl", "libs2n",     "libsasl2"};
/* Of the standard libraries of C++ and Rust, which are compiled into the program. */
static const char *const thin_names[] = {"std::", "<std::", "core::", "<core::", "alloc::", "<alloc::", "_ZNSt", "_ZNKSt", "_ZSt"};
static const char *const thin_crates[] = {"_3std", "_4core", "_5alloc"};
/* What runs a language, where none of its frames is known. A version, "." or the end follows. */
static const char *const interpreters[] = {"node",   "nodejs",  "libnode", "python",  "libpython", "ruby",       "libruby",
                                           "perl",   "libperl", "php",     "php-fpm", "libphp",    "java",       "libjvm",
                                           "libnio", "libnet",  "libjava", "mono",    "dotnet",    "libcoreclr", "libSystem.Native",
                                           "deno",   "bun",     "lua",     "luajit",  "beam",      "electron"};
/* They come with an event loop, and are compiled into the program. */
static const char *const library_names[] = {
    "boost::", "asio::", "tokio::", "<tokio::", "mio::", "<mio::", "hyper::", "<hyper::", "async_io::"};
static const char *const library_crates[] = {"_5tokio", "_3mio", "_5hyper", "_8async_io"};

/* The function's own name: "std::f" of "void std::f<int>(int)", which begins with what it returns. */
static const char *without_type(const char *name)
{
    const char *begin = name;
    unsigned depth = 0;
    for (const char *s = name; s && *s && (depth || *s != '('); s++) {
        depth += *s == '<';
        depth -= *s == '>' && depth;
        if (*s == ' ' && !depth)
            begin = s + 1;
    }
    return begin;
}

/*
 * NAME is of one of the N namespaces NAMES; or of one of the M CRATES, as Rust mangles it, which the
 * agent does not demangle.
 */
static bool is_of(const char *name, const char *const *names, size_t n, const char *const *crates, size_t m)
{
    if (begins_with_one(without_type(name), names, n))
        return true;
    for (size_t i = 0; name && begins_with(name, "_R") && i < m; i++)
        if (strstr(name, crates[i]))
            return true;
    return false;
}
#define LENGTH(array) (sizeof(array) / sizeof *(array))

static bool is_thin_object(const char *module)
{
    return begins_with_name(text_base_name(module), thin_objects, LENGTH(thin_objects), name_end_of_library);
}

static bool is_interpreter(const char *module)
{
    return begins_with_name(text_base_name(module), interpreters, LENGTH(interpreters), name_end_of_program);
}

static enum place place_of_native(const struct frame *f)
{
    const char *file = f->file ? f->file : "";
    if (begins_with(file, "/rustc/") || is_of(f->symbol, thin_names, LENGTH(thin_names), thin_crates, LENGTH(thin_crates)))
        return PLACE_THIN;
    if (f->module && is_thin_object(f->module))
        return PLACE_THIN;
    if (begins_with(file, "/usr/include/") || strstr(file, "/.cargo/registry/"))
        return PLACE_LIBRARY;
    if (is_of(f->symbol, library_names, LENGTH(library_names), library_crates, LENGTH(library_crates)))
        return PLACE_LIBRARY;
    if (!f->module || !*f->module)
        return PLACE_LIBRARY; /* generated code, of which no runtime is known */
    bool library = own_frames_is_system_library(f->module) || own_frames_is_inner_object(f->module) || is_interpreter(f->module);
    return library ? PLACE_LIBRARY : PLACE_OWN;
}

static enum place place_of(const struct frame *f)
{
    if (f->interpreter)
        return PLACE_LIBRARY;
    if (f->of_libc)
        return PLACE_THIN;
    if (f->runtime != RUNTIME_NATIVE)
        return own_frames_is_library(f, true) ? PLACE_LIBRARY : PLACE_OWN;
    return place_of_native(f);
}

bool program_frame_is_own(const struct frame *f) { return f->symbol && *f->symbol && place_of(f) == PLACE_OWN; }

static const struct frame *first_own(const struct frame *frames, size_t n)
{
    size_t i = 0;
    while (i < n && place_of(&frames[i]) == PLACE_THIN)
        i++;
    return i < n && program_frame_is_own(&frames[i]) ? &frames[i] : NULL;
}

const struct frame *program_frame(const struct frame *frames, size_t n)
{
    const struct frame *f = first_own(frames, n);
    /* native code in front of a runtime's frames is an extension, which some package brought */
    for (size_t i = 0; f && f->runtime == RUNTIME_NATIVE && i < n; i++)
        if (frames[i].runtime != RUNTIME_NATIVE)
            return NULL;
    return f;
}

const struct frame *program_frame_first(const struct frame *frames, size_t n)
{
    bool mixed = false;
    for (size_t i = 0; i < n && !mixed; i++)
        mixed = frames[i].runtime != RUNTIME_NATIVE;
    for (size_t i = 0; i < n; i++)
        if ((!mixed || frames[i].runtime != RUNTIME_NATIVE) && place_of(&frames[i]) == PLACE_OWN)
            return &frames[i];
    return NULL;
}

const struct frame *program_frame_caller(const struct frame *frames, size_t n, const struct frame *f)
{
    size_t at = (size_t)(f - frames) + 1;
    return at < n ? first_own(frames + at, n - at) : NULL;
}

bool program_frame_same(const struct frame *a, const struct frame *b)
{
    return same_text(a->symbol, b->symbol) && same_text(a->module, b->module) && same_text(a->file, b->file) && a->runtime == b->runtime;
}

/* _start is of the program's file, but not of its source. */
bool program_frame_is_outermost(const struct frame *frames, size_t n, const struct frame *f)
{
    size_t first = (size_t)(f - frames) + 1;
    for (size_t i = first; i < n; i++)
        if (program_frame_is_own(&frames[i]) && strcmp(frames[i].symbol, "_start") != 0)
            return false;
    return first < n;
}
