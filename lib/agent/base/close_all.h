/* SPDX-License-Identifier: MIT */
/*
 * close_all.h: closes the descriptors that a child of the agent's own has got from the program.
 *
 * They are second references to the program's connections: while the child has them, the program's
 * close sends no FIN.
 */
#ifndef SOCKLEAK_AGENT_CLOSE_ALL_H
#define SOCKLEAK_AGENT_CLOSE_ALL_H

#include <stdbool.h>

/*
 * Closes every descriptor from FIRST on, of a process that shares its table with no other. False:
 * this kernel has no close_range(2), and there is no /proc that lists them; some are closed.
 */
bool close_all_from(unsigned first);

#endif
