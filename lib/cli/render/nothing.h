/* SPDX-License-Identifier: MIT */
/*
 * nothing.h: what is said of a process of which there is nothing to report.
 */
#ifndef SOCKLEAK_CLI_RENDER_NOTHING_H
#define SOCKLEAK_CLI_RENDER_NOTHING_H

#include "../../core/out.h"
#include "../model/types.h"

/* "==PID==sockleak: nothing is stuck (3 sockets open)", and no more than is known; with its end. */
void nothing_text(struct out *o, const struct model *m);

#endif
