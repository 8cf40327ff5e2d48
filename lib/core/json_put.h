/* SPDX-License-Identifier: MIT */
/*
 * json_put.h: the members of a report's JSON objects: a comma, the KEY and the value. What is not
 * known is null.
 *
 * Async-signal-safe if O's flush is. A key is a plain word; values are escaped.
 */
#ifndef SOCKLEAK_CORE_JSON_PUT_H
#define SOCKLEAK_CORE_JSON_PUT_H

#include "out.h"

/* The key alone, for a value that follows. */
void json_put_key(struct out *o, const char *key);
/* NULL and "" are null. */
void json_put_string(struct out *o, const char *key, const char *value);
void json_put_bool(struct out *o, const char *key, bool value);
void json_put_u64(struct out *o, const char *key, uint64_t value);
/* A number, or null for the 0 that means "not known". */
void json_put_u64_opt(struct out *o, const char *key, uint64_t value);
/* Tenths of a second. */
void json_put_seconds(struct out *o, const char *key, uint64_t ns);
/*
 * When a limit is reached: 0.0 where that is so already (REACHED), else whole seconds, written as the
 * other times; null for the 0 that means "never".
 */
void json_put_seconds_left(struct out *o, const char *key, uint64_t seconds, bool reached);
/* "site", in 16 digits; null for 0. */
void json_put_site(struct out *o, uint64_t siteid);
/* "0x7f12" */
void json_put_address(struct out *o, const char *key, uint64_t value);
/* "EPIPE", "errno 200"; null for 0. */
void json_put_error(struct out *o, const char *key, unsigned number);

#endif
