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

#include "textstack.h"

/*
 * The objects of the C libraries (glibc, musl) and those that only they load, the sanitizers',
 * whose functions stand before the C library's, and this library. A version or ".so" follows the
 * name, so that libc-client is not taken for libc, nor the program ld.bfd for the loader.
 */
static const char *const inner[] = {"libc", "libpthread", "libresolv", "libanl",   "librt",   "libdl",      "ld",
                                    "ld64", "libasan",    "libtsan",   "libubsan", "liblsan", "libsockleak"};
static const char *const inner_families[] = {"ld-linux", "ld-musl", "libc.musl", "libnss_", "libsockleak-"};

static bool begins_with(const char *s, const char *with) { return strncmp(s, with, strlen(with)) == 0; }

static bool is_inner_object(const char *module)
{
    const char *base = text_base_name(module);
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
        const char *rest = base + strlen(inner[i]);
        if (begins_with(base, inner[i]) && (begins_with(rest, ".so") || (rest[0] == '-' && rest[1] >= '0' && rest[1] <= '9')))
            return true;
    }
    for (size_t i = 0; i < sizeof inner_families / sizeof *inner_families; i++)
        if (begins_with(base, inner_families[i]))
            return true;
    return false;
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

static bool is_inner(const struct frame *f)
{
    return (f->inlined && f->file && is_fortified(f->file)) || (f->module && is_inner_object(f->module));
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

void own_frames_show(struct report *r)
{
    for (size_t i = 0; i < r->n_groups; i++) {
        r->groups[i].frames = begin_at(r->groups[i].frames, &r->groups[i].n_frames);
        for (unsigned k = 0; k < r->groups[i].n_told; k++)
            r->groups[i].told[k].frames = begin_at(r->groups[i].told[k].frames, &r->groups[i].told[k].n_frames);
    }
}
