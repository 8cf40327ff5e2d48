/* SPDX-License-Identifier: MIT */
/*
 * ehframe.h: which loaded object holds an address, and where its unwind tables are.
 *
 * glibc >= 2.35: _dl_find_object, no lock, async-signal-safe. Before: dl_iterate_phdr, which takes the loader's list lock: not from signal
 * handlers, and with no lock of ours held.
 */
#ifndef SOCKLEAK_AGENT_EHFRAME_H
#define SOCKLEAK_AGENT_EHFRAME_H

#include <stdbool.h>
#include <stdint.h>

struct object_tables {
    uintptr_t start, end; /* its mapping */
    uintptr_t hdr;        /* 0: none */
};

bool object_tables_of(uintptr_t addr, struct object_tables *o);

#endif
