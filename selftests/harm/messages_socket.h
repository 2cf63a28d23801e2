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

int connect_to(const struct ends *e);

/* Connected, by a listener for each kind */
const char *open_stream(struct ends *e, const struct plan *p);

/* In messages_rewrite.c */
const char *open_rewritten(struct ends *e, const struct plan *p);

/* In messages_layers.c */
const char *open_tls(struct ends *e, const struct plan *p);
const char *open_sctp(struct ends *e, const struct plan *p);
const char *open_sctp_many(struct ends *e, const struct plan *p);
const char *open_cipher(struct ends *e, const struct plan *p);

#endif
