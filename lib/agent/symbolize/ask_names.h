/* SPDX-License-Identifier: MIT */
/*
 * ask_names.h: readable C++ names from the command, for a thread that may not call the program's
 * demangler.
 */
#ifndef SOCKLEAK_AGENT_ASK_NAMES_H
#define SOCKLEAK_AGENT_ASK_NAMES_H

#include "../../core/report.h"
#include "../base/scratch.h"

/*
 * Replaces the mangled symbols of N frames by readable ones, from SCRATCH. No process is run where
 * no symbol is mangled. Where the command does not answer they stay. Not in a signal handler, nor
 * in a sandbox.
 */
void ask_names(struct scratch **scratch, struct frame *frames, size_t n);

#endif
