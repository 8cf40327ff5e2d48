/* SPDX-License-Identifier: MIT */
/*
 * close_bell.c: the two words of the bell that every close rings. All else is inline: a close must not pay for a call.
 */
#include "close_bell.h"

_Atomic uint32_t close_bell, close_bell_waiters;
