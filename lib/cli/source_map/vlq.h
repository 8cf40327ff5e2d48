/* SPDX-License-Identifier: MIT */
/*
 * vlq.h: the numbers of a source map's "mappings": base64 digits of five bits, the lowest first
 * (ECMA-426). Pure.
 */
#ifndef SOCKLEAK_CLI_SOURCE_MAP_VLQ_H
#define SOCKLEAK_CLI_SOURCE_MAP_VLQ_H

#include <stdbool.h>
#include <stdint.h>

/* 0 .. 63; -1: C is no digit of base64. */
int vlq_digit(char c);
/*
 * The number that begins at *AT, which moves behind it. False: END comes first, a character is no
 * digit, or the number is beyond 31 bits.
 */
bool vlq_next(const char **at, const char *end, int32_t *v);

#endif
