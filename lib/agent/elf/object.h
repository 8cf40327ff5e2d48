/* SPDX-License-Identifier: MIT */
/*
 * object.h: finds the loaded object at an address, from what the dynamic loader knows.
 *
 * By _dl_find_object, which glibc has since 2.35, else by a table of our own (object_list.h). No
 * lock, no allocation; async-signal-safe. errno may change.
 */
#ifndef SOCKLEAK_AGENT_LOADED_H
#define SOCKLEAK_AGENT_LOADED_H

#include "elf.h"

struct object {
    uint64_t start, end, bias; /* from its first segment to its last */
    bool holes;                /* between segments there is memory that is not the object's */
    /* the address of its unwind tables' header (.eh_frame_hdr); 0: it has none */
    uint64_t eh_frame_hdr;
    const char *name; /* belongs to the loader; valid as long as the object is loaded */
    /*
     * Most likely different when another object is loaded at the same place: its struct link_map,
     * which belongs to the loader too, and its unwind tables.
     */
    const void *key[2];
};

/*
 * The C library's function by which object_at finds them, and where it is; NULL: there is none. For
 * who looks up names in any case (libc/real.c); else object_at looks for it itself.
 */
#define OBJECT_FINDER "_dl_find_object"
void object_use(void *find);
/* Fills O with the object that holds ADDR; false: no object does. */
bool object_at(uint64_t addr, struct object *o);
/*
 * The build-id's length (0: none) and the fingerprint of the headers, both read from memory. The
 * object must stay loaded meanwhile: the caller runs code in it.
 */
unsigned object_identity(const struct object *o, uint8_t id[ELF_BUILD_ID], uint64_t *fingerprint);
/*
 * Copies the file's absolute path to PATH, cut at CAP-1; or "[vdso]". For the program itself it is
 * EXE, where that is known (else EXE is NULL or ""). A file that was deleted meanwhile keeps its
 * old name.
 */
void object_path(const struct object *o, const char *exe, char *path, size_t cap);
/*
 * Of the mapping that begins at START, for a file whose path leads to another by now: LINK is the
 * kernel's own way to it, which only root may follow; PATH is its name today, with a mark
 * " (deleted)" where it has none. False: no file is mapped there.
 */
#define OBJECT_LINK 64u
bool object_mapping(uint64_t start, char link[OBJECT_LINK], char *path, size_t cap);
/* True when [START, END) holds the program itself. */
bool object_is_program(uint64_t start, uint64_t end);

#endif
