/* SPDX-License-Identifier: MIT */
/*
 * looks.h: what the looks at all traced processes share.
 */
#ifndef SOCKLEAK_CLI_TRACE_LOOKS_H
#define SOCKLEAK_CLI_TRACE_LOOKS_H

#include "healthy.h"
#include "owners.h"
#include "process.h"

struct looks {
    struct processes *processes;
    struct owners owners;
    struct healthy healthy;
};

#endif
