/* SPDX-License-Identifier: MIT */
/*
 * object.h: the loaded object at an address, as the dynamic loader tells it.
 *
 * Async-signal-safe with glibc >= 2.35 (_dl_find_object, no lock). On older ones object_at takes the loader's lock (dl_iterate_phdr): never call it
 * while holding one of ours. errno may change; no allocation.
 */
#ifndef SOCKLEAK_AGENT_LOADED_H
#define SOCKLEAK_AGENT_LOADED_H

#include "elf.h"

struct object {
    uint64_t start, end, bias;
    uint64_t eh_frame_hdr; /* where its unwind tables are found (.eh_frame_hdr); 0: it has none */
    const char *name;      /* the loader's; valid as long as the object is loaded */
    const void *key[2];    /* differ, most likely, when something else is loaded at the same place */
};

bool object_lookup_is_free(void); /* without a lock */
/* False: ADDR lies in no object. */
bool object_at(uint64_t addr, struct object *o);
/* The build-id's length (0: none) and the fingerprint of the headers, read from memory. The object must stay loaded meanwhile: the caller runs in it. */
unsigned object_identity(const struct object *o, uint8_t id[ELF_BUILD_ID], uint64_t *fingerprint);
/*
 * The file's absolute path; "[vdso]"; for the program itself EXE, where that is known (else NULL or ""). A file that is meanwhile
 * deleted keeps its old name. Cut at CAP-1.
 */
void object_path(const struct object *o, const char *exe, char *path, size_t cap);
/* Whether [START, END) holds the program itself. */
bool object_is_program(uint64_t start, uint64_t end);

#endif
