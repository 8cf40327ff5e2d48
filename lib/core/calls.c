/* SPDX-License-Identifier: MIT */
/*
 * calls.c: the names of the calls of a program that are kept with their stacks.
 *
 * Called from anywhere; one constant table.
 */
#include "calls.h"

#include <stddef.h>

#define NAME(id, name) [CALL_##id] = name,
static const char *const names[CALL_COUNT] = {CALLS(NAME)};

const char *call_name(unsigned call) { return CALL_OF(call) < CALL_COUNT ? names[CALL_OF(call)] : NULL; }
