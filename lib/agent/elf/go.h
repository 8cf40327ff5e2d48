/* SPDX-License-Identifier: MIT */
/* go.h: whether the Go compiler has made the program. */
#ifndef SOCKLEAK_AGENT_ELF_GO_H
#define SOCKLEAK_AGENT_ELF_GO_H

#include <stdbool.h>

/* By the note that its linker writes. Takes the loader's lock: call it while holding none of ours. */
bool go_made_program(void);

#endif
