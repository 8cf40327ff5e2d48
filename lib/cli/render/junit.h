/* SPDX-License-Identifier: MIT */
/*
 * junit.h: JUnit XML: a testsuite for each process, a failed testcase for each group, one passed
 * case when nothing is stuck. A suite of its own with a passed case when there is no process, and
 * with an error when UNREAD: not all that was asked for could be read.
 */
#ifndef SOCKLEAK_CLI_RENDER_JUNIT_H
#define SOCKLEAK_CLI_RENDER_JUNIT_H

#include "../../core/out.h"
#include "../model/types.h"

void junit_reports(struct out *o, const struct model *models, size_t n, bool unread);

#endif
