/* SPDX-License-Identifier: MIT */
/*
 * symbolize.h: from module and offset to function, file, line and the inlined calls between, by
 * libdwfl.
 *
 * Names come only from a file whose build-id is the recorded one (a module recorded without a
 * build-id: a file that has not changed since the process began, on the same boot); else from a
 * debug file of that build-id in the debug directories or at the debuginfod servers of
 * DEBUGINFOD_URLS; else there are none: never a wrong one.
 *
 * Addresses are resolved one module at a time and its file is closed again, so memory depends on
 * the number of distinct addresses, not on the size of the debug data. Names are demangled (C++,
 * Rust).
 */
#ifndef SOCKLEAK_CLI_SYMBOLIZE_SYMBOLIZE_H
#define SOCKLEAK_CLI_SYMBOLIZE_SYMBOLIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "../../core/state.h"
#include "../source_map/source_maps.h"
#include "perf_file.h"
#include "source_files.h"

struct symbolizer;

struct symbolize_options {
    const char *sysroot; /* look for every module below this directory; NULL: as recorded */
    /* further directory (or several with ':') of separate debug files; NULL: none */
    const char *debug_dir;
    bool names;  /* false: nothing is looked up */
    bool source; /* false: no line of a source file is read */
    /*
     * the directory in which a process that has ended was started, for source files whose name is
     * relative; NULL: not known
     */
    const char *started_in;
};

/*
 * One function of an address, innermost first; all but the last are inlined into the next. Strings
 * live as long as the symbolizer.
 */
struct symbol {
    const char *name; /* NULL unknown */
    const char *path; /* of the file; NULL unknown */
    const char *file; /* NULL unknown; below the compilation's directory it is relative */
    uint32_t line;    /* 0 unknown */
    bool inlined;
};

struct symbolizer *symbolizer_new(const struct symbolize_options *options);
void symbolizer_free(struct symbolizer *s);

/*
 * The readable form of a C++ or Rust name, without control characters, which the caller frees;
 * NULL: it is not mangled.
 */
char *symbolize_demangle(const char *name);

/*
 * The number of module M for the calls below; the same module of many processes gets one number.
 * ROOT: "/proc/PID/root" of a live process in another mount namespace, else NULL or "".
 * UNCHANGED_SINCE: CLOCK_REALTIME ns; a file without build-id is used only if it was last changed
 * before; 0: never used. PID: of the live process that has M loaded, in which a file that was
 * replaced, renamed or removed is found all the same; else 0.
 */
unsigned symbolize_module(struct symbolizer *s, const struct state_module *m, const char *root, uint64_t unchanged_since, int pid);
/*
 * The same for generated code, which is in no module: a frame of the process of F, whose offset is
 * the address. The map is read when addresses are resolved; its names are those of that moment.
 */
unsigned symbolize_generated(struct symbolizer *s, const struct perf_file *f);
/* as recorded, cleaned of control characters */
const char *symbolize_path(const struct symbolizer *s, unsigned module);
/* hex digits, NULL: none recorded */
const char *symbolize_build_id(const struct symbolizer *s, unsigned module);

/*
 * Announces an address (a return address, as an offset in the module): all that were announced are
 * resolved in one pass over each module.
 */
void symbolize_want(struct symbolizer *s, unsigned module, uint64_t offset);
/*
 * Its functions, *N of them, at least one (which may be all unknown). Resolves what was announced
 * so far.
 */
const struct symbol *symbolize_get(struct symbolizer *s, unsigned module, uint64_t offset, unsigned *n);

/*
 * The place in the original file of a place in one that a tool has written, as source_maps.h says.
 * Strings live as long as the symbolizer.
 */
bool symbolize_original(struct symbolizer *s, const char *root, uint64_t unchanged_since, const struct source_place *at,
                        struct source_place *out);

/*
 * The text of the line of F, which symbolize_get gave for MODULE; NULL: it is not known
 * (source_files.h), or not wanted. Its file must not be newer than the module's.
 */
const char *symbolize_source(struct symbolizer *s, unsigned module, const struct symbol *f);
/* The same of any file. */
const char *symbolize_source_at(struct symbolizer *s, const struct source_wanted *w);
/* As the options say, else NULL. */
const char *symbolize_started_in(const struct symbolizer *s);

/*
 * One sentence for each module whose names were asked for and not found ("/srv/app: changed on disk
 * since ..."), and for each file whose source map cannot be used, through SAY; for --verbose and
 * notes.
 */
void symbolize_troubles(const struct symbolizer *s, void (*say)(void *arg, const char *line), void *arg);

#endif
