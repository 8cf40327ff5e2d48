/* SPDX-License-Identifier: MIT */
/*
 * circumstances.h: how the process behind a model ended, and how old what is known of it is.
 */
#ifndef SOCKLEAK_CLI_MODEL_CIRCUMSTANCES_H
#define SOCKLEAK_CLI_MODEL_CIRCUMSTANCES_H

#include "types.h"

/*
 * One line ("ended by signal 9 (Killed); last look 3 seconds ago"), without a newline; "" when
 * there is nothing to say, as of a live process that has just looked.
 */
void model_circumstances(const struct model *m, char *line, size_t cap);

#endif
