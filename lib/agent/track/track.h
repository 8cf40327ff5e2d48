/* SPDX-License-Identifier: MIT */
/*
 * track.h: the events of descriptors: the one interface that all wrappers use, of the preloaded and
 * of the injected agent.
 *
 * Rules for a wrapper:
 *   create:  real call, then track_opened / track_accepted / ... with the new descriptor
 *   destroy: token = track_closing(fd) BEFORE the real call (as soon as that has closed it, another
 *            thread can get the number), then track_close_failed(fd, token) if it failed with EBADF
 *   receive: real call; a result above track_quiet returns at once, if life_knows how it came
 *            about; else track_used, track_received
 * Every event keeps errno, allocates nothing but table memory, takes no lock, is no cancellation
 * point, and may come in signal handlers, before the constructor, after exit handlers, and in a
 * vfork child (where it does nothing).
 */
#ifndef SOCKLEAK_AGENT_TRACK_H
#define SOCKLEAK_AGENT_TRACK_H

#include "after_close.h"
#include "dup.h"
#include "life.h"
#include "open_close.h"
#include "outcome.h"
#include "registered.h"

#endif
