/* SPDX-License-Identifier: MIT */
/*
 * elf.h: reads ELF objects whose contents are not trusted: a file on disk, a block of bytes, or an
 * object in this process' own memory.
 *
 * Every offset, size and count is checked against the source before it is used. Loops are bounded
 * by what the source can hold and by the limits below. Only 64-bit objects in the machine's own
 * byte order are read; all others do not open. A file is read with pread into the caller's memory,
 * never mapped: a file that is truncated meanwhile gives a short read, not SIGBUS. Memory is probed
 * page by page before it is read. No allocation; errno is kept; all functions are
 * async-signal-safe.
 */
#ifndef SOCKLEAK_AGENT_ELF_H
#define SOCKLEAK_AGENT_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_MAX_SEGMENTS 256u
#define ELF_MAX_SECTIONS (1u << 20)
#define ELF_BUILD_ID 20u /* longer build-ids are cut to this length, as in struct state_module */

struct elf {
    const unsigned char *bytes; /* NULL: a file */
    uint64_t size;
    int fd;
    bool probe;         /* BYTES is live memory */
    uint64_t seen_page; /* with PROBE: this page of BYTES can be read */
    uint64_t dev, ino;  /* of the file: at the end they show whether FD is still ours */
    uint64_t changed;   /* the file's ctime, CLOCK_REALTIME ns */
    Elf64_Ehdr head;
    uint32_t sections; /* with the extended numbering resolved */
    uint32_t names_section;
};

/*
 * Each opens E, or returns false with nothing to close: there is no such object, it is not a
 * regular file, or it is not an ELF object that this code reads.
 */
bool elf_open_bytes(struct elf *e, const void *bytes, uint64_t size);
/* An object mapped at [START, END) of this process; offset 0 is START. */
bool elf_open_memory(struct elf *e, uint64_t start, uint64_t end);
bool elf_open_file(struct elf *e, const char *path);
/*
 * Closes the descriptor. False: another thread of the program has closed it meanwhile (closefrom),
 * so what was read may come from another file.
 */
bool elf_close(struct elf *e);

/* Copies N bytes at OFFSET to TO: all of them (true) or none. */
bool elf_read(struct elf *e, uint64_t offset, void *to, size_t n);
/*
 * Copies the NUL-terminated string at OFFSET, cut at CAP-1 bytes and at LIMIT (an exclusive
 * offset). Returns its length; 0 also when it cannot be read.
 */
size_t elf_string(struct elf *e, uint64_t offset, uint64_t limit, char *to, size_t cap);

bool elf_segment(struct elf *e, unsigned index, Elf64_Phdr *p);
/*
 * elf_section: by index. elf_find_section: the first section of TYPE from index *INDEX on; stores
 * its index in *INDEX.
 */
bool elf_section(struct elf *e, unsigned index, Elf64_Shdr *s);
bool elf_find_section(struct elf *e, uint32_t type, unsigned *index, Elf64_Shdr *s);

/*
 * The GNU build-id: returns its length (0: none), cut at ELF_BUILD_ID. elf_build_id is for a file
 * or a block of bytes, elf_build_id_in_memory for an object in memory whose load bias is BIAS.
 */
unsigned elf_build_id(struct elf *e, uint8_t id[ELF_BUILD_ID]);
unsigned elf_build_id_in_memory(struct elf *e, uint64_t bias, uint8_t id[ELF_BUILD_ID]);
/*
 * A fingerprint of the ELF header and the program headers: equal for the file and for its image in
 * memory. 0: unreadable.
 */
uint64_t elf_fingerprint(struct elf *e);
/* .gnu_debuglink: a file name without directories, and the CRC-32 of that file. */
bool elf_debuglink(struct elf *e, char name[256], uint32_t *crc);
/* CRC-32 of the whole file; false for files above 256 MiB. */
bool elf_crc32(struct elf *e, uint32_t *crc);

#endif
