/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What those who open sockets and those who fill them share.
 */
#ifndef IO_URING_HARM_MESSAGES_SOCKET_H
#define IO_URING_HARM_MESSAGES_SOCKET_H

#include "messages.h"

const char *refused(const struct ends *e, const char *what);
void set(int fd, int level, int option, int value);
const char *flush_begin(void);

/* In messages_rewrite.c */
const char *open_rewritten(struct ends *e, const struct plan *p);

#endif
