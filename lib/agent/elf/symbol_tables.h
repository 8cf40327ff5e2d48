/* SPDX-License-Identifier: MIT */
/*
 * symbol_tables.h: looks names up in an object's own hash table as the loader does: the tables are
 * trusted.
 *
 * For objects that the loader itself has just used, and that stay: those that were loaded at the
 * start, and the loader. Of any other object exports.h reads the same with every bound checked. No
 * allocation, no lock; async-signal-safe.
 */
#ifndef SOCKLEAK_AGENT_SYMBOL_TABLES_H
#define SOCKLEAK_AGENT_SYMBOL_TABLES_H

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct symbol_tables {
    uint64_t bias;
    const Elf64_Sym *symbols;
    const char *names;
    const uint32_t *hash;
    const uint16_t *versions; /* NULL: none */
};

/*
 * Fills T for an object with this load bias and dynamic section (may be NULL). False: it defines
 * nothing that can be found here. *ODD: only dlsym can read its hash table.
 */
bool symbol_tables_read(struct symbol_tables *t, uint64_t bias, const Elf64_Dyn *section, bool *odd);
/* The default version of NAME, whose hash is dynamic_hash(NAME); NULL: T does not define it. */
const Elf64_Sym *symbol_tables_find(const struct symbol_tables *t, const char *name, uint32_t hash);
/*
 * The address of what the C library or its loader exports as NAME, for names that older ones lack;
 * NULL: these do.
 */
void *symbol_tables_libcs(const char *name);

#endif
