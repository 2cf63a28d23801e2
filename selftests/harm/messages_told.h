/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a run was asked for, what it has found, and how that is printed.
 */
#ifndef IO_URING_HARM_MESSAGES_TOLD_H
#define IO_URING_HARM_MESSAGES_TOLD_H

#include "messages.h"

#define MOST_DEFECTS	48
#define MOST_KINDS	32

extern struct settings {
	unsigned long seed, count, first, enough, show;
	const char *kinds;
	bool twice, check, json, all;
} options;

extern struct found {
	const char *name;
	unsigned long times, first;
	struct plan small;	/* the first, made smaller */
} found[MOST_DEFECTS];

extern struct count {
	unsigned long done, waited, again;
} by_kind[MOST_KINDS][ACTS], by_way[WAYS][FLAVOURS];

extern unsigned long unexplained, exchanges;

double seconds(void);
void print_side(const char *who, const struct outcome *o);
void print_summary(void);
void print_json(void);

#endif
