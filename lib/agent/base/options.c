/* SPDX-License-Identifier: MIT */
/*
 * options.c: the options of this process, as data alone. Who fills them: process/configure.c.
 */
#include "options.h"

struct options agent_options;
