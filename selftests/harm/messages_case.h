/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a case of a send and one of a receive share.
 */
#ifndef IO_URING_HARM_MESSAGES_CASE_H
#define IO_URING_HARM_MESSAGES_CASE_H

#include "messages.h"

uint32_t sum_of(const uint8_t *data, size_t len);
void fill_payload(uint8_t *to, unsigned int message, size_t len);

/* Cut data into iovecs */
void cut(struct iovec *iov, unsigned int pieces, uint8_t *data, size_t len);

/* Packet sockets refuse it, and only AF_UNIX has descriptors */
static inline int own_flags(const struct ends *e)
{
	return e->kind->traits & T_UNIX ? MSG_CMSG_CLOEXEC : 0;
}

void tell_number(struct outcome *o, enum fact of, long res);
void tell_error_of(struct outcome *o, const char *who, int fd);

/* Both give NULL, or what does not let the run go on */
const char *send_one(struct ends *e, const struct plan *p, enum side by,
		     struct outcome *o);
const char *receive_one(struct ends *e, const struct plan *p, enum side by,
			struct outcome *o);

#endif
