/* SPDX-License-Identifier: MIT */
/*
 * options.h: SOCKLEAK_OPTIONS, one descriptor table for parsing, defaults and help.
 *
 * Pure: the caller fetches the text (environment, sockleak_default_options(), the command's flags)
 * and takes warnings through a callback.
 */
#ifndef SOCKLEAK_CORE_OPTIONS_H
#define SOCKLEAK_CORE_OPTIONS_H

#include "option_fields.h"
#include "out.h"

void options_default(struct options *o);
/*
 * Applies TEXT ("key=value:key="a:b"") over O. For each unknown key, bad value or overlong string
 * WARN gets one complete sentence without a newline ("grace=abc: not a time; write 30s, 5m or 250ms
 * (kept 30s)"); the old value stays. Later keys win. Async-signal-safe if WARN is.
 */
void options_parse(struct options *o, const char *text, void (*warn)(void *arg, const char *line), void *arg);
/*
 * Overwrites with ':' what options_parse would warn of in TEXT, and a request for help. Whoever
 * inherits the text then does not warn, nor print the help, again. NULL is empty.
 */
void options_blank(char *text);
/*
 * Marks the suppressions in TEXT as a file whose faults were logged: "suppressions" becomes
 * "suppressionS". Whoever inherits the text takes its rules and does not warn again. NULL is empty.
 */
void options_hush(char *text);
/*
 * interval from grace where it was not given: grace/4 within 250 ms .. 10 s; native_frames from
 * max_frames, or 32 where that was not given.
 */
void options_finish(struct options *o);
/* help=1: every key, its default, its meaning. */
void options_help(struct out *o);

#endif
