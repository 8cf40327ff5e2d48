/* SPDX-License-Identifier: MIT */
/*
 * predecessor.h: the sockets that this process kept over an exec, as the program before it knew
 * them.
 */
#ifndef SOCKLEAK_AGENT_PREDECESSOR_H
#define SOCKLEAK_AGENT_PREDECESSOR_H

/*
 * When the table is made: enters what the state file of the same process' earlier program holds of
 * the sockets that are still open, with their stacks. Nothing when there was no such file.
 */
void predecessor_import(void);

#endif
