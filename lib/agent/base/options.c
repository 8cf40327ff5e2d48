/* SPDX-License-Identifier: MIT */
/*
 * options.c: the options of this process, as data alone. process/configure.c fills them.
 */
#include "options.h"

struct options agent_options;
