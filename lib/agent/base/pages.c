/* SPDX-License-Identifier: MIT */
/*
 * pages.c: private memory straight from the kernel.
 *
 * Called in any thread, in signal handlers too. Never the program's allocator: the signal may have
 * interrupted just that.
 */
#include "pages.h"

#include <sys/mman.h>

#include "sys.h"

void *pages_alloc(size_t size)
{
    void *p = sys_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return sys_failed(p) ? NULL : p;
}

void pages_free(void *p, size_t size) { sys_munmap(p, size); }
