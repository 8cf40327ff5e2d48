/* SPDX-License-Identifier: MIT */
/*
 * pprof.h: reports as a profile in pprof's format, for `go tool pprof`, Parca and Pyroscope.
 *
 * Two values a sample: how many sockets are stuck, and for how many seconds, all together. Labels
 * kind, peer and exe.
 */
#ifndef SOCKLEAK_CLI_RENDER_PPROF_H
#define SOCKLEAK_CLI_RENDER_PPROF_H

#include "../model/types.h"

/* A sentence why there is none; NULL: there is. */
const char *pprof_missing(void);
/* The profile of N models, compressed, as the format demands; *LEN bytes, the caller's to free. */
char *pprof_gzip(const struct model *models, size_t n, size_t *len);
/* The same before it is compressed. */
char *pprof_encode(const struct model *models, size_t n, size_t *len);

#endif
