/* SPDX-License-Identifier: MIT */
/*
 * runtime_name.h: the language runtimes whose frames are shown as the program's own code.
 *
 * Pure; async-signal-safe. The numbers stand in state files: a new value goes behind the old ones.
 * The names stand in options and JSON: they never change.
 */
#ifndef SOCKLEAK_CORE_RUNTIME_NAME_H
#define SOCKLEAK_CORE_RUNTIME_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum runtime_number {
    RUNTIME_NATIVE = 0, /* compiled code, which no runtime runs */
    RUNTIME_PYTHON,
    RUNTIME_JAVA,
    RUNTIME_JAVASCRIPT,
    RUNTIME_RUBY,
    RUNTIME_PHP,
    RUNTIME_PERL,
    RUNTIME_DOTNET,
    RUNTIME_GO, /* compiled too, but named by its own tables: from outside (lib/cli/trace) */
    RUNTIME_COUNT
};
#define RUNTIME_BIT(r) (1u << (r))
/* those whose frames the agent reads; Go comes behind them */
#define RUNTIMES_ALL (RUNTIME_BIT(RUNTIME_GO) - 2)

/* "python"; Go's is "native", for it is compiled code; NULL: there is no such runtime. */
const char *runtime_name(unsigned number);
/* A list of names, or "all" or "none", as a mask of RUNTIME_BIT. False: one of the words is none. */
bool runtime_parse(const char *s, size_t len, uint32_t *mask);

#endif
