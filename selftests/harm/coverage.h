/* SPDX-License-Identifier: GPL-2.0 */
#ifndef COVERAGE_H
#define COVERAGE_H

#include "ring.h"

/*
 * A part of the data is sent, and then the rest cannot be: the peer goes away,
 * or the send is cancelled. NULL, or what is wrong.
 */
const char *coverage_short(struct run *run, bool cancel);

/* With MSG_ZEROCOPY, and cancelled before anything is sent */
const char *coverage_cancelled(struct run *run);

#endif
