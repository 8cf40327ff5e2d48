/* SPDX-License-Identifier: MIT */
/* plain_program.c: a test program that knows nothing of sockleak. */
#include "../login/login.h"

int main(void) { return login("") != -1; }
