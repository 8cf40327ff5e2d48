/* SPDX-License-Identifier: MIT */
/*
 * source_url.h: where a generated file's source map is, and the map's original files. Pure; the
 * text may be anything.
 */
#ifndef SOCKLEAK_CLI_SOURCE_MAP_SOURCE_URL_H
#define SOCKLEAK_CLI_SOURCE_MAP_SOURCE_URL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The URL of the comment sourceMappingURL that the N bytes of TEXT end with; other comments of one
 * line, and blank ones, may follow. NULL: they do not.
 */
const char *source_url_find(const char *text, size_t n, size_t *len);
/* It is a data: URL. */
bool source_url_is_data(const char *url, size_t len);
/* What a data: URL of JSON in base64 holds, *N bytes, malloc'ed; NULL: it is no such. */
char *source_url_data(const char *url, size_t len, size_t *n);
/*
 * URL, of LEN bytes, seen from the file FROM, an absolute path, and below ROOT, another URL (NULL:
 * none), in TO: an absolute path, or as it is if it is of another scheme than file. False: it is
 * none, or longer than CAP.
 */
bool source_url_resolve(const char *from, const char *root, const char *url, size_t len, char *to, size_t cap);

#endif
