/* SPDX-License-Identifier: MIT */
/*
 * close_bell.c: the two words of the bell that every close rings. The rest is inline, to keep a
 * close cheap.
 */
#include "close_bell.h"

_Atomic uint32_t close_bell, close_bell_waiters;
