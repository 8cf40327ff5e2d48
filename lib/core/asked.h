/* SPDX-License-Identifier: MIT */
/*
 * asked.h: what the kernel was asked of a group's sockets when the report was made, as text and
 * JSON: who watches them, how many bytes came and went, how long they have been idle.
 *
 * Pure; async-signal-safe. Nothing is written of what is not known.
 */
#ifndef SOCKLEAK_CORE_ASKED_H
#define SOCKLEAK_CORE_ASKED_H

#include "out.h"
#include "report.h"

/*
 * The program has accepted F's connection, received something on it, and never sent a byte.
 */
bool asked_is_unanswered(const struct finding *f);
/* Seconds since the last byte came or went, at the time of R. False: not known. */
bool asked_idle_s(const struct report *r, const struct finding *f, uint64_t *seconds);

/*
 * Lines of their own in a group's text: "  watched: by epoll fd 5 for IN (edge-triggered, no
 * EPOLLRDHUP; 36 of 37)", "  received 16 bytes, sent 0: never answered".
 */
void asked_text(struct out *o, const struct report *r, const struct group *g);
/* "  idle 812 s" behind a socket's state, where that says more than how long it has lasted. */
void asked_text_socket(struct out *o, const struct report *r, const struct finding *f);

/*
 * ,"watched":[{"epfd":5,"events":"IN|ET","data":"0x7f…","count":36}]: one for each epoll and mask;
 * data null where it differs, the whole null where it is not known of any socket.
 */
void asked_json(struct out *o, const struct report *r, const struct group *g);
/* ,"received":16,"sent":0,"idle_s":812.4,"watched":[…]: of one socket. */
void asked_json_socket(struct out *o, const struct report *r, const struct finding *f);

#endif
