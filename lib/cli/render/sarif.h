/* SPDX-License-Identifier: MIT */
/*
 * sarif.h: SARIF 2.1.0, one run; a result for each group.
 */
#ifndef SOCKLEAK_CLI_RENDER_SARIF_H
#define SOCKLEAK_CLI_RENDER_SARIF_H

#include "../../core/out.h"
#include "../../core/report.h"

/*
 * SRCROOT: files below it are named relative to it (NULL: as they are). UNREAD: not all that was asked
 * for could be read, which the file says as a run that failed.
 */
void sarif_report(struct out *o, const struct report *r, const char *srcroot, bool unread);

#endif
