/* SPDX-License-Identifier: MIT */
/*
 * errno_text.h: errno values in words.
 */
#ifndef SOCKLEAK_AGENT_ERRNO_TEXT_H
#define SOCKLEAK_AGENT_ERRNO_TEXT_H

/*
 * ERR (positive) in words, a static string. Without libc's locale machinery, so async-signal-safe.
 */
const char *errno_text(int err);

#endif
