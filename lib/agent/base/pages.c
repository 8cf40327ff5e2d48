/* SPDX-License-Identifier: MIT */
/*
 * pages.c: private memory straight from the kernel.
 *
 * Called in any thread, in signal handlers too. Never the program's allocator: the signal may have
 * interrupted just that.
 */
#include "pages.h"

#include <stdint.h>
#include <sys/mman.h>

#include "sys.h"

void *pages_alloc(size_t size)
{
    void *p = sys_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return sys_failed(p) ? NULL : p;
}

void pages_free(void *p, size_t size) { sys_munmap(p, size); }

/* On a page's boundary. From the linker (resident.ld): without that script there are none. */
extern const char read_once_begin[] __attribute__((weak, visibility("hidden")));
extern const char read_once_end[] __attribute__((weak, visibility("hidden")));

void pages_drop_read_once(void)
{
    uintptr_t begin = (uintptr_t)read_once_begin, end = (uintptr_t)read_once_end;
    if (begin < end)
        SYS3(SYS_madvise, begin, end - begin, MADV_DONTNEED);
}
