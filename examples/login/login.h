/* SPDX-License-Identifier: MIT */
/* login.h: the code under test of the examples. */
#ifndef LOGIN_H
#define LOGIN_H

#ifdef __cplusplus
extern "C" {
#endif

/* 0, or -1 when USER is refused. */
int login(const char *user);

#ifdef __cplusplus
}
#endif

#endif
