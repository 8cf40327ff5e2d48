/* SPDX-License-Identifier: MIT */
/*
 * page_files.h: the files of page/, which page_files.S puts into the command.
 */
#ifndef SOCKLEAK_CLI_RENDER_PAGE_FILES_H
#define SOCKLEAK_CLI_RENDER_PAGE_FILES_H

#include <stdint.h>

/* Text without a zero at its end, and its bytes. */
extern const char page_file_html[], page_file_css[], page_file_js[];
extern const uint64_t page_file_html_size, page_file_css_size, page_file_js_size;

#endif
