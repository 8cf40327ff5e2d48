/* SPDX-License-Identifier: MIT */
/*
 * names.h: function names inside the process, from .symtab, .dynsym and separate debug files. Files
 * and lines are the command's part.
 *
 * Used only when a report is made (watcher thread, exit, sockleak_check). Opens ELF files for the
 * time of the call, allocates with mmap alone, and treats every file as hostile (elf.h).
 */
#ifndef SOCKLEAK_AGENT_NAMES_H
#define SOCKLEAK_AGENT_NAMES_H

#include "../../core/report.h"

/*
 * names_resolve: fills module, build_id, offset and symbol of each of the N FRAMES, whose `pc` and
 * the parallel MODULES (numbers of VIEW's module records, STATE_NO_MODULE for none) are given.
 * Frames are resolved in one pass a module, so ten thousand frames cost little more than their
 * symbol tables. With SYMBOLS false only module, build_id and offset. C++ names are demangled when
 * the process itself has loaded a __cxa_demangle and DEMANGLE is true (never from a signal
 * handler). The strings live in ARENA until names_free. Returns false when memory ran out (what was
 * filled stays).
 */
struct names_arena {
    void *chunks;
};
bool names_resolve(struct names_arena *arena, const struct state_view *view, struct frame *frames, const uint16_t *modules, size_t n,
                   bool symbols, bool demangle);
/*
 * A copy of LEN bytes of TEXT, NUL-terminated; control characters, which no ordinary name has,
 * become '?'. NULL: no memory.
 */
const char *names_keep(struct names_arena *arena, const char *text, size_t len);
void names_free(struct names_arena *arena);

#endif
