/* SPDX-License-Identifier: MIT */
/*
 * runtime_files.h: what the name of a source file of a language runtime says: whose code it is, and
 * which part of it is the same on every host.
 *
 * FILE is as the runtime names it (core/state.h); FUNCTION is needed for java, whose files have
 * no folder, and for Go. RUNTIME is an enum runtime_number. Pure; nothing is allocated.
 */
#ifndef SOCKLEAK_CORE_RUNTIME_FILES_H
#define SOCKLEAK_CORE_RUNTIME_FILES_H

#include <stdint.h>

enum runtime_code {
    RUNTIME_CODE_PROGRAM, /* the program's own */
    RUNTIME_CODE_PACKAGE, /* of a package that is installed: from pip, npm, CPAN ... */
    RUNTIME_CODE_LIBRARY, /* of the library that comes with the language */
};

enum runtime_code runtime_files_code(unsigned runtime, const char *file, const char *function);
/* The end of FILE that is the same wherever the program is installed. */
const char *runtime_files_stable(unsigned runtime, const char *file);

#endif
