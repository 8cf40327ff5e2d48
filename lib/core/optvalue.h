/* SPDX-License-Identifier: MIT */
/*
 * optvalue.h: the values of options: times, lists of kinds, patterns of log paths.
 *
 * For SOCKLEAK_OPTIONS and for the command's flags. Pure; async-signal-safe.
 */
#ifndef SOCKLEAK_CORE_OPTVALUE_H
#define SOCKLEAK_CORE_OPTVALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "30s", "250ms", "5m", "2h", "12" (seconds) -> *NS; false when S is no time or overflows. */
bool parse_time(const char *s, size_t len, uint64_t *ns);
/* "64m", "500k", "1g", "4096" (bytes) -> *BYTES; false when S is no size or overflows. */
bool parse_size(const char *s, size_t len, uint64_t *bytes);
/*
 * "90%" -> *VALUE 90, *SHARE true; "900" -> *VALUE 900. False: neither a number nor a share from 0%
 * to 100%.
 */
bool parse_threshold(const char *s, size_t len, uint64_t *value, bool *share);
/*
 * "close_wait,dead", "all" -> *MASK (KIND_BIT); false for an unknown word, which is then in
 * BAD[0..*BAD_LEN).
 */
bool parse_kinds(const char *s, size_t len, uint32_t *mask, const char **bad, size_t *bad_len);

/*
 * PATTERN with %p (PID), %e (EXE_NAME), %h (HOST), %t (START_REAL_S) and %% expanded, and ".PID"
 * behind it when it has no %p, into OUTBUF, NUL-terminated. False when CAP bytes are too few:
 * OUTBUF then holds the beginning.
 */
bool expand_path(char *outbuf, size_t cap, const char *pattern, uint32_t pid, const char *exe_name, const char *host,
                 uint64_t start_real_s);

#endif
