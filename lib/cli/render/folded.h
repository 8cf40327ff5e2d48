/* SPDX-License-Identifier: MIT */
/*
 * folded.h: stacks on one line each, for flame graphs.
 *
 * "program;main;login;db_connect;[close_wait] 37" for each group, outermost frame first: the input
 * of flamegraph.pl, inferno and speedscope.
 */
#ifndef SOCKLEAK_CLI_RENDER_FOLDED_H
#define SOCKLEAK_CLI_RENDER_FOLDED_H

#include "../../core/out.h"
#include "../../core/report.h"

void folded_report(struct out *o, const struct report *r);

#endif
