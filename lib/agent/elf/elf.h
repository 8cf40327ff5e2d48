/* SPDX-License-Identifier: MIT */
/*
 * elf.h: reading ELF objects that may lie: a file on disk, a block of bytes, or an object in this process' own memory.
 *
 * Every offset, size and count is checked against the source before it is used; loops are bounded by what the source can hold and by the limits below.
 * Only 64-bit objects in the machine's own byte order are read, all others do not open. A file is read with pread into the caller's memory, never mapped:
 * one that is truncated meanwhile gives a short read, not SIGBUS. Memory is probed page by page before it is read. No allocation, errno is kept;
 * all functions are async-signal-safe.
 */
#ifndef SOCKLEAK_AGENT_ELF_H
#define SOCKLEAK_AGENT_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_MAX_SEGMENTS 256u
#define ELF_MAX_SECTIONS (1u << 20)
#define ELF_BUILD_ID 20u /* longer build-ids are cut, as they are in struct state_module */

struct elf {
    const unsigned char *bytes; /* NULL: a file */
    uint64_t size;
    int fd;
    bool probe;         /* BYTES is live memory */
    uint64_t seen_page; /* ... and this page of it can be read */
    uint64_t dev, ino;  /* of the file, to tell at the end whether FD is still ours */
    Elf64_Ehdr head;
    uint32_t sections; /* with the extended numbering resolved */
    uint32_t names_section;
};

/* Each opens E, or returns false with nothing to close: not there, not a regular file, not an ELF object that is read here. */
bool elf_open_bytes(struct elf *e, const void *bytes, uint64_t size);
bool elf_open_memory(struct elf *e, uint64_t start, uint64_t end); /* an object mapped at [START, END) of this process; offset 0 is START */
bool elf_open_file(struct elf *e, const char *path);
/* Releases the descriptor. False: another thread of the program has meanwhile closed it under us (closefrom), so what was read may be of another file. */
bool elf_close(struct elf *e);

/* N bytes at OFFSET, all or nothing. */
bool elf_read(struct elf *e, uint64_t offset, void *to, size_t n);
/* The NUL-terminated string at OFFSET, cut at CAP-1 bytes and at LIMIT (exclusive offset). Returns its length; 0 also when it cannot be read. */
size_t elf_string(struct elf *e, uint64_t offset, uint64_t limit, char *to, size_t cap);

bool elf_segment(struct elf *e, unsigned index, Elf64_Phdr *p);
/* By index; and the first section of TYPE from index *INDEX on, whose index is left there. */
bool elf_section(struct elf *e, unsigned index, Elf64_Shdr *s);
bool elf_find_section(struct elf *e, uint32_t type, unsigned *index, Elf64_Shdr *s);

/* The GNU build-id: its length (0: none), cut at ELF_BUILD_ID. For a file or bytes; and for an object in memory whose load bias is BIAS. */
unsigned elf_build_id(struct elf *e, uint8_t id[ELF_BUILD_ID]);
unsigned elf_build_id_in_memory(struct elf *e, uint64_t bias, uint8_t id[ELF_BUILD_ID]);
/* A fingerprint of the ELF header and the program headers: equal for the file and for its image in memory. 0: unreadable. */
uint64_t elf_fingerprint(struct elf *e);
/* .gnu_debuglink: a file name without directories, and the CRC-32 of that file. */
bool elf_debuglink(struct elf *e, char name[256], uint32_t *crc);
/* CRC-32 of the whole file; false for files above 256 MiB. */
bool elf_crc32(struct elf *e, uint32_t *crc);

#endif
