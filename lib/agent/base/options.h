/* SPDX-License-Identifier: MIT */
/*
 * options.h: the options of this process. Filled by process/configure.c before anything else runs,
 * only read by all others.
 */
#ifndef SOCKLEAK_AGENT_OPTIONS_H
#define SOCKLEAK_AGENT_OPTIONS_H

#include "../../core/options.h"

extern struct options agent_options __attribute__((visibility("hidden")));

#endif
