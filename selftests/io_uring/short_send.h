/* SPDX-License-Identifier: GPL-2.0 */
/*
 * repeated-control as a test, over lo and over a network card.
 */
#ifndef IO_URING_SELFTEST_SHORT_SEND_H
#define IO_URING_SELFTEST_SHORT_SEND_H

#include "stream.h"
#include "verdict.h"

/*
 * One request that takes several short sends, without control; and, if that is
 * what the test is about, with control, which may have its effect but once.
 */
static inline void short_send(struct __test_metadata *_metadata,
			      struct io_uring *ring, enum opcode op,
			      bool control, const struct route *route)
{
	const char *what = "tcp 1 MiB, MSG_WAITALL, no control";
	const char *opcode = opcode_name(op);
	const char *wrong, *defect, *why;
	struct outcome out = { };

	judge(_metadata, NULL, opcode, what,
	      stream_send(ring, op, false, route, &out));
	wrong = stream_judge(&out, false, &defect, &why);
	if (!possible(_metadata, why))
		return;
	judge(_metadata, defect, opcode, what, wrong);
	if (!control)
		return;

	what = "tcp 1 MiB, MSG_WAITALL, SO_TIMESTAMPING";
	judge(_metadata, NULL, opcode, what,
	      stream_send(ring, op, true, route, &out));
	wrong = stream_judge(&out, true, &defect, &why);
	judge(_metadata, defect, opcode, what, wrong);
}

#endif
