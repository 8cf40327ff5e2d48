/* SPDX-License-Identifier: MIT */
/*
 * elf_symbol.h: symbols of another process' objects.
 */
#ifndef SOCKLEAK_CLI_REMOTE_ELF_SYMBOL_H
#define SOCKLEAK_CLI_REMOTE_ELF_SYMBOL_H

#include "remote.h"

/* The default version of the defined symbol NAME of M (NULL: not found). SIZE may be NULL. */
bool elf_symbol(const struct remote *r, struct remote_module *m, const char *name, uint64_t *addr, uint64_t *size);

#endif
