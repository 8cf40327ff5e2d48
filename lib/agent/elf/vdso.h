/* SPDX-License-Identifier: MIT */
/*
 * vdso.h: the functions that the kernel has put into this process (vdso(7)).
 */
#ifndef SOCKLEAK_AGENT_VDSO_H
#define SOCKLEAK_AGENT_VDSO_H

/*
 * The address of the vDSO's function NAME; NULL: there is none, or no vDSO (valgrind hides it). No
 * lock; a few system calls.
 */
void *vdso_lookup(const char *name);

#endif
