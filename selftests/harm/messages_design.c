// SPDX-License-Identifier: GPL-2.0
/*
 * Where io_uring is not what the system call is, and need not be: the one table
 * for that. The places are those of Linux 7.3.4.
 */
#include <errno.h>
#include <string.h>

#include "messages.h"

static bool no_zero_copy(const struct plan *p, const struct outcome *call,
			 const struct outcome *ring)
{
	(void)call;
	return zero_copy(p) && !has(p, T_ZC) && ring->res == -EOPNOTSUPP &&
	       !ring->came;
}

/* What ends a call that waits is a signal, and a request to cancel */
static bool both_stopped(const struct outcome *call, const struct outcome *ring)
{
	return call->res == -EINTR && ring->res == -ECANCELED;
}

/* In the end, with what the calls behind it got */
static bool same_bytes(const struct outcome *call, const struct outcome *ring)
{
	return ring->taken == call->taken &&
	       !memcmp(ring->data, call->data, ring->taken);
}

static bool cancelled(const struct plan *p, const struct outcome *call,
		      const struct outcome *ring)
{
	/* A signal takes the control of an AF_UNIX stream with it */
	return both_stopped(call, ring) ||
	       (receives(p) && has(p, T_UNIX) && call->stopped && ring->stopped &&
		call->res == ring->res);
}

static bool short_send(const struct plan *p, const struct outcome *call,
		       const struct outcome *ring)
{
	return !receives(p) && has(p, T_STREAM) && !(p->flags & MSG_WAITALL) &&
	       ring->res > 0 && ring->res < call->res && ring->right &&
	       (p->besides & B_ON ? ring->came == call->came :
		ring->came == ring->res || p->end == E_RESET || p->end == E_CLOSE);
}

/* A page that is not copied counts whole, so that not as much has room at once */
static bool zero_copy_room(const struct plan *p, const struct outcome *call,
			   const struct outcome *ring)
{
	return zero_copy(p) && has(p, T_STREAM) && p->flags & MSG_DONTWAIT &&
	       ring->res > 0 && ring->res < call->res && ring->right;
}

/* It ends behind a buffer, and the next one is there for another request */
static bool short_bundle(const struct plan *p, const struct outcome *call,
			 const struct outcome *ring)
{
	return !receives(p) && p->bundle && p->flags & MSG_WAITALL &&
	       ring->res > 0 && ring->res < call->res && ring->right &&
	       ring->res % p->each == 0 &&
	       (p->besides & B_ON ? ring->came == call->came :
		ring->came == ring->res || p->end == E_RESET || p->end == E_CLOSE);
}

/* A classic buffer is used up by a send that fails, whose completion names it */
static bool used_up(const struct plan *p, const struct outcome *call,
		    const struct outcome *ring)
{
	return !receives(p) && p->pool == 1 && p->besides & B_ON &&
	       ring->res < 0 && !ring->came &&
	       (ring->res == call->res || both_stopped(call, ring));
}

/*
 * What it has not sent when it is cancelled, but for the rest of the last buffer.
 * Where there is more than was to be sent, the others send that
 */
static bool kept_part(const struct plan *p, const struct outcome *call,
		      const struct outcome *ring)
{
	if (receives(p) || p->pool < 2 || !(p->besides & B_ON) ||
	    p->end != E_CANCEL || ring->res <= 0)
		return false;
	if (p->besides & B_LENGTH || !p->bundle)
		return ring->came < call->came;
	return ring->right && ring->came >= ring->res &&
	       ring->came < ring->res + p->each;
}

/* What io_uring received is the first part of what the system call did */
static bool first_part(const struct outcome *call, const struct outcome *ring)
{
	return ring->res > 0 && (ring->res < call->res || call->stopped) &&
	       ring->len <= call->len &&
	       !memcmp(ring->data, call->data, ring->len);
}

static bool short_peek(const struct plan *p, const struct outcome *call,
		       const struct outcome *ring)
{
	return receives(p) && p->flags & MSG_WAITALL &&
	       p->flags & (MSG_PEEK | MSG_TRUNC) &&
	       (ring->res > 0 || call->stopped) && ring->len <= call->len &&
	       !memcmp(ring->data, call->data, ring->len);
}

/* All else is there for the next receive */
static bool part_of_bundle(const struct plan *p, const struct outcome *call,
			   const struct outcome *ring)
{
	if (!receives(p) || !p->bundle || ring->res <= 0 || ring->res >= call->res)
		return false;
	if (p->flags & MSG_PEEK)
		return !memcmp(ring->data, call->data, ring->res) &&
		       !strcmp(ring->text[F_NEXT], call->text[F_NEXT]);
	/* TCP does not hand out what it is to throw away */
	if (p->flags & MSG_TRUNC && has(p, T_TCP))
		return !memcmp(ring->data, call->data, ring->len);
	return same_bytes(call, ring);
}

/* Each of its issues is a send of its own */
static bool ids_of_bundle(const struct plan *p, const struct outcome *call,
			  const struct outcome *ring)
{
	(void)call;
	(void)ring;
	return p->bundle && p->flags & MSG_ZEROCOPY;
}

static bool part_with_control(const struct plan *p, const struct outcome *call,
			      const struct outcome *ring)
{
	/* Then the error that ended the system call has still to come */
	bool whole = p->end == E_RESET && ring->res > 0 && ring->res == call->res;

	return p->act == A_RECVMSG && p->room && p->flags & MSG_WAITALL &&
	       (whole || first_part(call, ring)) && same_bytes(call, ring);
}

static bool poll_first(const struct plan *p, const struct outcome *call,
		       const struct outcome *ring)
{
	return p->way == W_POLL_FIRST &&
	       ((p->flags & MSG_DONTWAIT && ring->res == -EAGAIN) ||
		(p->flags & MSG_OOB && call->res == -EINVAL) ||
		(call->res < 0 && !call->waited && ring->res < 0));
}

static bool early_timestamps(const struct plan *p, const struct outcome *call,
			     const struct outcome *ring)
{
	return has(p, T_TCP) && p->control == C_STAMP && p->flags & MSG_WAITALL &&
	       ring->stamp == call->stamp;
}

/* Each message with control of its own, or urgent data, ends a system call */
static bool goes_past(const struct plan *p, const struct outcome *call,
		      const struct outcome *ring)
{
	unsigned int i, bounds = 0;

	for (i = 0; i < p->steps; i++)
		bounds += p->step[i].control || p->step[i].oob;
	return receives(p) && has(p, T_STREAM) && p->flags & MSG_WAITALL && bounds &&
	       !(p->flags & (has(p, T_UNIX) ? MSG_PEEK : MSG_PEEK | MSG_TRUNC)) &&
	       ring->res >= call->res && same_bytes(call, ring);
}

/* An urgent byte that an issue went past, and the next one found the end behind */
static bool skipped_mark(const struct plan *p, const struct outcome *call,
			 const struct outcome *ring)
{
	unsigned int i, marks = 0;

	for (i = 0; i < p->steps; i++)
		marks += p->step[i].oob;
	return p->act == A_RECVMSG && has(p, T_TCP) && marks && !p->shots &&
	       !call->res && !ring->res;
}

/* A peer that went is seen by a new issue, and its error by one that waits */
static bool pipe_first(const struct plan *p, const struct outcome *call,
		       const struct outcome *ring)
{
	return !receives(p) && has(p, T_STREAM | T_RECORDS) &&
	       (has(p, T_UNIX) || kinds[p->kind].family == AF_TIPC) &&
	       (p->end == E_CLOSE || p->end == E_RESET) &&
	       ((call->res == -ECONNRESET && ring->res == -EPIPE) ||
		(call->res > 0 && call->res == ring->res));
}

/* A new issue looks at the error of the socket, and a call that waits takes it */
static bool tls_error(const struct plan *p, const struct outcome *call,
		      const struct outcome *ring)
{
	return !receives(p) && has(p, T_TLS) &&
	       (p->end == E_CLOSE || p->end == E_RESET) &&
	       call->waited && call->res < 0 && ring->res == call->res;
}

static bool no_bundle(const struct plan *p, const struct outcome *call,
		      const struct outcome *ring)
{
	(void)call;
	return !receives(p) && has(p, T_TLS) && p->bundle &&
	       ring->res == -EOPNOTSUPP && !ring->came;
}

/* It waits until all of the buffer is full, as if there were nothing else to do */
static bool fills_buffer(const struct plan *p, const struct outcome *call,
			 const struct outcome *ring)
{
	return receives(p) && has(p, T_CIPHER) && call->waited && ring->res > 0 &&
	       !ring->stopped && (call->stopped || ring->res < call->res) &&
	       same_bytes(call, ring);
}

struct design designs[] = {
	{ "no-zero-copy", "io_uring/net.c:1565; Documentation/errors.rst",
	  "sends without a copy are refused where the socket has none",
	  ALL, no_zero_copy, 0 },
	{ "cancelled", "man 2 io_uring_enter, ECANCELED; man 7 signal; net/unix/af_unix.c:3014",
	  "what ends a call that waits is a signal, and a request to cancel",
	  F(F_RESULT) | F(F_CONTROL) | F(F_FLAGS), cancelled, 0 },
	{ "short-send", "man 3 io_uring_prep_send, MSG_WAITALL",
	  "a send on a stream may be short unless MSG_WAITALL is set",
	  F(F_RESULT) | F(F_PEER) | F(F_NEXT) | F(F_QUEUE), short_send, 0 },
	{ "zero-copy-room", "net/core/datagram.c:662",
	  "a zero-copy send counts whole pages, so that MSG_DONTWAIT finds room for less",
	  F(F_RESULT) | F(F_PEER) | F(F_NEXT), zero_copy_room, 0 },
	{ "short-bundle", "io_uring/net.c:529",
	  "a send bundle that waited ends with the buffers that it had",
	  F(F_RESULT) | F(F_PEER) | F(F_NEXT) | F(F_QUEUE), short_bundle, 0 },
	{ "used-up", "io_uring/kbuf.c:431",
	  "a classic buffer is used up by a send that fails; its completion names it",
	  F(F_RESULT) | F(F_PEER), used_up, 0 },
	{ "kept-part", "io_uring/net.c:1069 with patches/mainline/buffers",
	  "a send that waits with a part sent has used up all it goes on with",
	  F(F_RESULT) | F(F_PEER), kept_part, 0 },
	{ "ids-of-bundle", "io_uring/net.c:263 with patches/mainline",
	  "each issue of a bundle with MSG_ZEROCOPY has an id of its own",
	  F(F_QUEUE), ids_of_bundle, 0 },
	{ "part-of-bundle", "io_uring/kbuf.c:312",
	  "a receive bundle need not fill its last buffer, the rest is for the next one",
	  F(F_RESULT) | F(F_DATA) | F(F_NEXT) | F(F_FLAGS), part_of_bundle, 0 },
	{ "short-peek", "io_uring/net.c:1280; selftests/io_uring/difference.h",
	  "a peek with MSG_WAITALL may be short: it cannot go on behind what is not taken",
	  F(F_RESULT) | F(F_DATA) | F(F_NEXT) | F(F_FLAGS), short_peek, 0 },
	{ "first-part", "io_uring/net.c:1097; selftests/io_uring/difference.h",
	  "a receive with control and MSG_WAITALL ends with the first part",
	  F(F_RESULT) | F(F_DATA) | F(F_NEXT) | F(F_FLAGS) | F(F_CONTROL),
	  part_with_control, 0 },
	{ "goes-past", "net/unix/af_unix.c:3032 and 3084; Documentation/defects.rst",
	  "MSG_WAITALL goes past a message with a descriptor, another sender, an urgent mark",
	  F(F_RESULT) | F(F_DATA) | F(F_NEXT) | F(F_FLAGS) | F(F_CONTROL), goes_past, 0 },
	{ "skipped-mark", "net/ipv4/tcp.c:2890",
	  "what an issue went past, an urgent byte, is not told of by the one that found the end",
	  F(F_FLAGS), skipped_mark, 0 },
	{ "pipe-first", "net/unix/af_unix.c:2422; net/core/sock.c:3002",
	  "a send whose peer went while it waits: -EPIPE, and the error is left in the socket",
	  F(F_RESULT) | F(F_ERROR), pipe_first, 0 },
	{ "tls-error", "net/tls/tls_sw.c:803; net/core/sock.c:3002",
	  "a TLS send whose peer went while it waits: the error is left in the socket",
	  F(F_NEXT) | F(F_ERROR), tls_error, 0 },
	{ "no-bundle", "io_uring/net.c:422; net/tls/tls_sw.c:1013",
	  "a bundle is sent with MSG_WAITALL, which TLS refuses with whatever is sent",
	  ALL, no_bundle, 0 },
	{ "fills-buffer", "crypto/algif_skcipher.c:210",
	  "a cipher is read until the buffer is full, io_uring ends with what there is",
	  F(F_RESULT) | F(F_DATA) | F(F_NEXT) | F(F_FLAGS), fills_buffer, 0 },
	{ "poll-first", "io_uring/net.c:562 and 1060; Documentation/defects.rst",
	  "POLL_FIRST tries nothing before there is room: no error, with MSG_DONTWAIT -EAGAIN",
	  ALL, poll_first, 0 },
	{ "early-timestamps", "net/ipv4/tcp.c:1411; selftests/io_uring/difference.h",
	  "each part of a send has a timestamp of its own, besides the last byte's",
	  F(F_QUEUE), early_timestamps, 0 },
	{ }
};
