/* SPDX-License-Identifier: MIT */
/*
 * coreclr_image.c: the frames of code in assemblies that were compiled ahead of time.
 *
 * Called in the program's threads for addresses that are new. Such an assembly is a PE file whose
 * parts the runtime has mapped or copied to where the file says. Its begin is searched backwards
 * from the code, once for each file; all is read through the kernel.
 */
#include <string.h>

#include "../../core/bytes.h"
#include "../base/pages.h"
#include "../base/peek.h"
#include "coreclr.h"

#define MAX_PAGES 49152u /* from code to the begin of its file: all of .NET in one has 150 MB */
#define IMAGES 256u
#define INFO_BYTES 132u /* of unwind information: its head and 64 codes */

struct image {
    uintptr_t start;
    uint32_t length;
    uint32_t functions, size; /* the table of functions, by its distance from the start */
};
static struct image images[IMAGES];
static _Atomic bool is_ready[IMAGES];
static _Atomic unsigned n_images;

/* Reads the head of a file at BASE. False: it is none, or PC is not in it. */
static bool read_head(uintptr_t base, uintptr_t pc, struct image *to)
{
    uint8_t head[1024];
    size_t got = peek_some(base, head, sizeof head);
    uint32_t at = got < 256 || memcmp(head, "MZ", 2) != 0 ? 0 : bytes_u32(head, 0x3c);
    /* the magic number of the optional header's 64-bit form, behind the 24 bytes of the other */
    if (!at || at > got - 144 || memcmp(head + at, "PE\0", 4) != 0 || head[at + 24] != 0x0b || head[at + 25] != 0x02)
        return false;
    const uint8_t *optional = head + at + 24;
    *to = (struct image){
        .start = base,
        .length = bytes_u32(optional, 56),
        .functions = bytes_u32(optional, 112 + 3 * 8), /* the fourth folder: exceptions */
        .size = bytes_u32(optional, 112 + 3 * 8 + 4),
    };
    return pc - base < to->length;
}

static bool known_image(uintptr_t pc, struct image *to)
{
    for (unsigned i = 0; i < IMAGES; i++) {
        if (!atomic_load_explicit(&is_ready[i], memory_order_acquire))
            continue;
        *to = images[i];
        if (pc - to->start < to->length)
            return true;
    }
    return false;
}

bool coreclr_image_is_known(uintptr_t pc)
{
    struct image m;
    return known_image(pc, &m);
}

static void keep_image(const struct image *m)
{
    unsigned place = atomic_fetch_add(&n_images, 1);
    if (place >= IMAGES)
        return;
    images[place] = *m;
    atomic_store_explicit(&is_ready[place], true, memory_order_release);
}

/*
 * Where a part of the file is mapped whose place in it is in the first page, that page is there
 * once more: the lowest head whose file has PC is the right one.
 */
static bool find_image(uintptr_t pc, struct image *to)
{
    if (known_image(pc, to))
        return true;
    uintptr_t base = pc & ~(uintptr_t)(PAGE_BYTES - 1), most = (uintptr_t)MAX_PAGES * PAGE_BYTES;
    for (to->start = 0; pc - base < most && base; base -= PAGE_BYTES) {
        char begin[2];
        struct image m;
        if (!peek(base, begin, sizeof begin) || memcmp(begin, "MZ", 2) != 0 || !read_head(base, pc, &m))
            continue;
        if (to->start && (m.length != to->length || m.functions != to->functions))
            break;
        *to = m;
        most = m.length;
    }
    if (to->start)
        keep_image(to);
    return to->start != 0;
}

/* A function: where it begins, where it ends, its unwind information; all from the file's start. */
#define FUNCTION_BYTES 12u

static bool find_function(const struct image *m, uint32_t at, uint32_t *info)
{
    uint32_t low = 0, high = m->size / FUNCTION_BYTES;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2, f[3];
        if (!peek(m->start + m->functions + (uintptr_t)middle * FUNCTION_BYTES, f, sizeof f))
            return false;
        *info = f[2];
        if (at >= f[0] && at < f[1])
            return true;
        if (at < f[0])
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

bool coreclr_frame_in_image(uintptr_t pc, struct coreclr_frame *f)
{
    struct image m;
    uint8_t bytes[INFO_BYTES];
    uint32_t info;
    return find_image(pc, &m) && find_function(&m, (uint32_t)(pc - m.start), &info) &&
           coreclr_frame_of_info(bytes, peek_some(m.start + info, bytes, sizeof bytes), f);
}
