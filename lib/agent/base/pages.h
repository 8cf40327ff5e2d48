/* SPDX-License-Identifier: MIT */
/*
 * pages.h: private memory straight from the kernel. Async-signal-safe; errno is kept.
 */
#ifndef SOCKLEAK_AGENT_PAGES_H
#define SOCKLEAK_AGENT_PAGES_H

#include <stddef.h>

/* The smallest page size of the supported processors. */
#define PAGE_BYTES 4096u

/*
 * SIZE zeroed bytes on pages of their own; NULL: there is no memory. The caller frees them with the
 * same SIZE.
 */
void *pages_alloc(size_t size);
void pages_free(void *p, size_t size);

/*
 * Gives back the pages of this library's file that were read to load it: the relocations, and what
 * the kernel has mapped around them (resident.ld). They are read again where that is needed.
 */
void pages_drop_read_once(void);

#endif
