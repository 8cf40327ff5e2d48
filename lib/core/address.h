/* SPDX-License-Identifier: MIT */
/*
 * address.h: socket addresses: as text, and whether one was bound.
 *
 * Of the kernel's bytes alone, whatever they hold. No allocation; async-signal-safe.
 */
#ifndef SOCKLEAK_ADDRESS_H
#define SOCKLEAK_ADDRESS_H

#include <stdbool.h>

/*
 * The text for the LEN bytes of SOCKADDR, as struct state_detail has it: 127.0.0.1:80, [::1]:80
 * (RFC 5952), a path, an abstract name with @ for each NUL, cid:port. "" for another family, and
 * for an address that was cut.
 */
void address_text(char out[96], const void *sockaddr, unsigned len);
/*
 * The LEN bytes of SOCKADDR, of getsockname(2), are a local address: a port, a name, or for vsock a
 * port too.
 */
bool address_is_bound(const void *sockaddr, unsigned len);

#endif
