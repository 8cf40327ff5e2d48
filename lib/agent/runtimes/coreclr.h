/* SPDX-License-Identifier: MIT */
/*
 * coreclr.h: what the files of CoreCLR's reader share.
 *
 * Code that CoreCLR has compiled lies in no object: in anonymous memory, in a memfd that is mapped
 * twice, or, compiled ahead of time, in an assembly's file, which is no ELF file. The program's
 * perf map names what is compiled while it runs (DOTNET_PerfMapEnabled=1).
 */
#ifndef SOCKLEAK_AGENT_CORECLR_H
#define SOCKLEAK_AGENT_CORECLR_H

#include "../../core/perf_map.h"
#include "../base/scratch.h"
#include "../unwind/generated.h"
#include "runtime.h"

/* ---- coreclr_map.c: the perf map of this process --------------------------------------------- */

/* Why there is none; NULL: there is one, and it is used from now on. */
const char *coreclr_map_find(void);
/*
 * Names the N TARGETS (ascending), as perf_map_find does. The names are valid until SCRATCH is
 * freed. False: the map cannot be read.
 */
bool coreclr_map_names(struct perf_map_target *targets, size_t n, struct scratch **scratch);

/* ---- coreclr_frame.c: how compiled code is left ---------------------------------------------- */

#ifdef __x86_64__
#define CORECLR_HAS_FRAMES 1
#else
#define CORECLR_HAS_FRAMES 0
#endif

/*
 * The frame of a method behind its prologue: the caller's part of the stack begins ADD bytes above
 * the stack pointer, or above the frame pointer, and the caller's frame pointer is saved so many
 * words below that; 0: it is not.
 */
struct coreclr_frame {
    bool from_fp;
    uint16_t add; /* 0: it is not known */
    uint8_t fp_below;
};
#define CORECLR_MAX_ADD (1u << 15)
#define CORECLR_MAX_BELOW 7u

/*
 * From the first N bytes of a method that was compiled at run time. False: they are not understood,
 * and *F stays as it is.
 */
bool coreclr_frame_of_code(const uint8_t *code, size_t n, struct coreclr_frame *f);
/* From the N bytes of unwind information (of Windows' form) of a method in an assembly's file. */
bool coreclr_frame_of_info(const uint8_t *info, size_t n, struct coreclr_frame *f);
/* Whether PC is in a file that was compiled ahead of time and was met: no map names code there. */
bool coreclr_image_is_known(uintptr_t pc);
/* Of the code at PC in such a file. False: there is none. */
bool coreclr_frame_in_image(uintptr_t pc, struct coreclr_frame *f);

/* ---- coreclr_walk.c -------------------------------------------------------------------------- */

bool coreclr_holds(uintptr_t entry);
enum generated_step coreclr_step(struct walk *w);
enum runtime_answer coreclr_walk(struct runtime_stack *s);

/* ---- coreclr_name.c -------------------------------------------------------------------------- */

/*
 * Splits LEN bytes of a perf map's name, "instance void [Assembly] Space.Class::Method(int32)".
 * False: it is none of a method in an assembly of the program's: a stub, a method that was made at
 * run time, or of a library that comes with .NET.
 */
bool coreclr_name_parse(const char *name, size_t len, struct runtime_name *out);
bool coreclr_name(const struct runtime_frame *f, struct runtime_name *out, bool *hidden);

#endif
