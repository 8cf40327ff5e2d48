/* SPDX-License-Identifier: MIT */
/*
 * own_frames.h: where the program's own code begins in a stack.
 *
 * A stack that was captured inside of the C library begins with the library's own functions (those
 * of the resolver under getaddrinfo), and one of a program built with _FORTIFY_SOURCE with an
 * inlined function of a system header (recv of bits/socket2.h). No report shows these. They stay in
 * the recorded stack, so the site's name does not depend on them, and suppressions match them. Where
 * a language runtime's frames stand in a stack, its interpreter's native ones are left out too.
 */
#ifndef SOCKLEAK_CORE_OWN_FRAMES_H
#define SOCKLEAK_CORE_OWN_FRAMES_H

#include "report.h"

/*
 * The number of FRAMES in front of the first that is the program's own call. 0 when there is no
 * such call in the stack: then all of it is shown.
 */
size_t own_frames_begin(const struct frame *frames, size_t n);
/* Marks no frame of the N FRAMES as the interpreter's where the stack has none of a runtime. */
void own_frames_settle(struct frame *frames, size_t n);
/*
 * True for a frame of what comes with its runtime: its library, but not the packages that were
 * installed for it, unless PACKAGES_TOO.
 */
bool own_frames_is_library(const struct frame *f, bool packages_too);
/*
 * The number of that frame of N FRAMES which names the stack in a line: where it has frames of a
 * runtime, the first of the program's own, past the packages that it uses; else 0.
 */
size_t own_frames_name(const struct frame *frames, size_t n);
/* True for the file of a C library, of what only that loads, or of this library. */
bool own_frames_is_inner_object(const char *module);
/*
 * True for a shared library in one of the system's own folders: /lib, /usr/lib64,
 * /usr/lib/x86_64-linux-gnu, Nix's and Guix's. Not in a folder that a program has below these, as
 * /usr/lib/apache2/modules: those are the program's.
 */
bool own_frames_is_system_library(const char *module);
/*
 * Lets all stacks of each group of R begin there. Where a stack has frames of a runtime, the frames
 * of the interpreter are taken out of it; the whole stack stays beside it, in memory that MEMORY
 * gives (NULL: none). So are its first frames as far as they are of the runtime's own library, which
 * stands between the program and the call as the C library does. After suppressions were matched.
 */
typedef void *own_frames_memory(void *arg, size_t size);
void own_frames_show(struct report *r, own_frames_memory *memory, void *arg);

#endif
