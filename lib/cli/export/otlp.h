/* SPDX-License-Identifier: MIT */
/*
 * otlp.h: samples as the body of an OTLP metrics request.
 */
#ifndef SOCKLEAK_CLI_EXPORT_OTLP_H
#define SOCKLEAK_CLI_EXPORT_OTLP_H

#include "types.h"

/* A sentence why it cannot be made; NULL: it can. */
const char *otlp_missing(void);
/* Protobuf of *LEN bytes, the caller's to free. HOST: of this machine. */
char *otlp_encode(const struct samples *s, const char *host, size_t *len);

#endif
