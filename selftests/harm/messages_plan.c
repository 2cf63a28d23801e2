// SPDX-License-Identifier: GPL-2.0
#include <string.h>
#include <sys/socket.h>

#include "messages.h"

#define SHORTEST_ROOM	32	/* of control: one SCM_CREDENTIALS */

const char * const act_names[ACTS] = {
	"send", "sendmsg", "send_zc", "sendmsg_zc", "recv", "recvmsg",
};

const char * const way_names[WAYS] = {
	"plain", "POLL_FIRST", "behind a link", "ASYNC", "behind a broken link",
};

const char * const flavour_names[FLAVOURS] = { "", "DEFER_TASKRUN", "SQPOLL" };

static const char * const control_names[CONTROLS] = {
	"", "SCM_RIGHTS", "SCM_CREDENTIALS", "SCM_CREDENTIALS and SCM_RIGHTS",
	"TOS", "PKTINFO", "UDP_SEGMENT and TOS", "SO_TIMESTAMPING", "TLS_SET_RECORD_TYPE",
	"SCTP_SNDINFO", "ALG_SET_OP and ALG_SET_IV", "unknown control",
};

static const char * const pool_names[] = { "", "classic", "ring", "incremental" };

static const char * const later_names[LATERS] = {
	"", "overwritten", "file closed", "file replaced",
};

static const char * const end_names[ENDS] = {
	"", "peer closes", "peer shuts down", "peer resets", "cancelled",
};

static enum along choose_control(struct dice *dice, const struct plan *p)
{
	if (percent(dice, 3))
		return C_BAD;
	if (has(p, T_UNIX))
		return ONE_OF(dice, C_NONE, C_NONE, C_FILES, C_CREDENTIALS, C_BOTH);
	if (has(p, T_TLS | T_SCTP | T_CIPHER))
		return percent(dice, 35) ? C_NONE : has(p, T_TLS) ? C_RECORD :
		       has(p, T_SCTP) ? C_STREAM : C_CIPHER;
	if (has(p, T_TCP) && has(p, T_INET))
		return ONE_OF(dice, C_NONE, C_NONE, C_STAMP);
	if (has(p, T_ZC))
		return ONE_OF(dice, C_NONE, C_TOS, C_SOURCE, C_SEGMENT, C_STAMP);
	if (has(p, T_HOLD) && kinds[p->kind].family == AF_INET)
		return ONE_OF(dice, C_NONE, C_NONE, C_TOS);
	return C_NONE;
}

static enum later choose_later(struct dice *dice, const struct plan *p)
{
	if (p->control == C_NONE || !percent(dice, 45))
		return L_KEPT;
	if (p->control == C_FILES || p->control == C_BOTH)
		return ONE_OF(dice, L_OVERWRITTEN, L_CLOSED, L_REPLACED);
	return L_OVERWRITTEN;
}

static enum end choose_end(struct dice *dice, const struct plan *p)
{
	const bool connected = has(p, T_STREAM | T_RECORDS) &&
			       !has(p, T_LATE | T_CIPHER);

	if (!percent(dice, 35))
		return E_NONE;
	if (!receives(p))
		return !connected || has(p, T_FASTOPEN) ? E_CANCEL :
		       ONE_OF(dice, E_CANCEL, E_RESET, E_CLOSE);
	return !connected ? E_CANCEL :
	       ONE_OF(dice, E_CANCEL, E_RESET, E_CLOSE, E_SHUTDOWN);
}

static void choose_way(struct dice *dice, struct plan *p)
{
	p->way = ONE_OF(dice, W_PLAIN, W_PLAIN, W_PLAIN, W_PLAIN, W_PLAIN, W_PLAIN,
			W_PLAIN, W_PLAIN, W_POLL_FIRST, W_LINK, W_LINK);
	if (percent(dice, 6))
		p->way = W_ASYNC;
	else if (percent(dice, zero_copy(p) ? 8 : 2))
		p->way = W_BROKEN_LINK;
	p->flavour = percent(dice, 30) ? R_DEFER : R_PLAIN;
	if (percent(dice, 1))
		p->flavour = R_SQPOLL;
}

static void make_send(struct dice *dice, struct plan *p)
{
	const bool stream = has(p, T_STREAM);

	p->act = has(p, T_ZC) && !has(p, T_FASTOPEN) ?
		 ONE_OF(dice, A_SEND, A_SENDMSG, A_SENDMSG, A_SENDMSG, A_SEND_ZC,
			A_SENDMSG_ZC) :
		 ONE_OF(dice, A_SEND, A_SENDMSG, A_SENDMSG, A_SENDMSG);
	if (percent(dice, 1))
		p->act = ONE_OF(dice, A_SEND_ZC, A_SENDMSG_ZC);
	/* What vsock refuses there it has taken a part of: long ones wait instead */
	p->full = has(p, T_SENDS) && !has(p, T_FASTOPEN) &&
		  !(has(p, T_LATE) && has(p, T_RECORDS)) &&
		  percent(dice, has(p, T_LATE) ? 15 : 80);
	p->len = stream || has(p, T_LATE) ? ONE_OF(dice, 1, 100, 3000, 20000, 60000) :
		 ONE_OF(dice, 0, 1, 10, 100, 100, 500, 1000, 1400, 2500);
	p->named = has(p, T_ADDRESS) && percent(dice, 40);
	if (always_named(p))
		p->named = 1;
	p->flags = MSG_NOSIGNAL | (has(p, T_FASTOPEN) ? MSG_FASTOPEN : 0);
	/* TLS refuses it */
	if (percent(dice, has(p, T_TLS) ? 3 : stream ? 70 : 10))
		p->flags |= MSG_WAITALL;
	if (percent(dice, 4))
		p->flags |= MSG_DONTWAIT;
	if (percent(dice, has(p, T_TLS | T_CIPHER) ? 15 : 4) && stream)
		p->flags |= MSG_MORE;
	if (percent(dice, 10) && has(p, T_RECORDS))
		p->flags |= MSG_EOR;
	if (p->act == A_SENDMSG || p->act == A_SENDMSG_ZC) {
		p->control = choose_control(dice, p);
		p->pieces = 1 + below(dice, MOST_PIECES);
	}
	if (percent(dice, 15) && has(p, T_ZC) && !zero_copy(p)) {
		p->options |= O_ZEROCOPY;
		p->flags |= MSG_ZEROCOPY;
	}
	if (p->control == C_STAMP && percent(dice, 90))
		p->options |= O_IDS;
	p->later = choose_later(dice, p);
	choose_way(dice, p);
	if (p->act == A_SEND && takes_pool(dice, p))
		send_from_pool(dice, p);
	p->end = choose_end(dice, p);
	besides_send(dice, p);
}

static void make_steps(struct dice *dice, struct plan *p)
{
	const bool stream = has(p, T_STREAM);
	unsigned int i;

	p->steps = 1 + below(dice, MOST_STEPS);
	for (i = 0; i < p->steps; i++) {
		struct step *s = &p->step[i];

		s->len = ONE_OF(dice, 0, 1, 10, 100, 100, 500, 1000);
		if (!s->len && (stream || has(p, T_RECORDS)))
			s->len = 30;
		s->oob = has(p, T_TCP) && has(p, T_INET) && !has(p, T_TLS) &&
			 percent(dice, 3);
		if (has(p, T_UNIX) && percent(dice, 40))
			s->control = ONE_OF(dice, C_FILES, C_CREDENTIALS, C_BOTH);
		/* A new initial vector is for what has not been read: that depends */
		if (has(p, T_TLS | T_SCTP | T_CIPHER) && percent(dice, 25) &&
		    !(has(p, T_CIPHER) && i))
			s->control = choose_control(dice, p);
	}
	p->early = percent(dice, 20) ? below(dice, p->steps + 1) : 0;
	p->full = !p->early;
}

static void make_receive(struct dice *dice, struct plan *p)
{
	unsigned int i;

	p->act = ONE_OF(dice, A_RECV, A_RECVMSG, A_RECVMSG);
	make_steps(dice, p);
	p->len = ONE_OF(dice, 1, 50, 150, 600, 1500, 4000);
	p->flags = has(p, T_UNIX) ? MSG_CMSG_CLOEXEC : 0;
	if (percent(dice, 35))
		p->flags |= MSG_WAITALL;
	if (percent(dice, 12) && !has(p, T_CIPHER))
		p->flags |= MSG_PEEK;
	if (percent(dice, 12) && !has(p, T_CIPHER))
		p->flags |= MSG_TRUNC;
	if (percent(dice, 4))
		p->flags |= MSG_DONTWAIT;
	if (percent(dice, 2) && has(p, T_TCP) && has(p, T_INET))
		p->flags |= MSG_OOB;
	/* Where the urgent mark is then depends on the time */
	for (i = 0; p->flags & (MSG_PEEK | MSG_TRUNC) && i < p->steps; i++)
		p->step[i].oob = 0;
	if (p->act == A_RECVMSG) {
		p->pieces = 1 + below(dice, MOST_PIECES);
		p->named = percent(dice, 35);
		p->room = ONE_OF(dice, 0, SHORTEST_ROOM, 128, 255);
	}
	if (percent(dice, 45))
		p->options |= O_CREDENTIALS;
	if (percent(dice, 12))
		p->options |= O_STAMP;
	if (percent(dice, 10) && has(p, T_UNIX))
		p->options |= O_PIDFD;
	choose_way(dice, p);
	if (takes_pool(dice, p))
		receive_by_pool(dice, p);
	p->end = choose_end(dice, p);
	besides_receive(dice, p);
}

struct plan plan_make(struct dice *dice, unsigned int kind)
{
	struct plan p = { .kind = kind, .pieces = 1 };

	if (has(&p, T_ONE_WAY) || percent(dice, 50))
		make_send(dice, &p);
	else
		make_receive(dice, &p);
	/* Its control would be that of what went before, and after */
	if (!receives(&p) && has(&p, T_UNIX) && percent(dice, 60))
		p.options |= O_CREDENTIALS;
	pool_fit(&p);
	return p;
}

static void print_flags(FILE *to, int flags)
{
	static const struct {
		int flag;
		const char *name;
	} names[] = {
		{ MSG_WAITALL, "WAITALL" }, { MSG_PEEK, "PEEK" },
		{ MSG_TRUNC, "TRUNC" }, { MSG_DONTWAIT, "DONTWAIT" },
		{ MSG_MORE, "MORE" }, { MSG_EOR, "EOR" }, { MSG_OOB, "OOB" },
		{ MSG_ZEROCOPY, "ZEROCOPY" }, { MSG_FASTOPEN, "FASTOPEN" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].flag)
			fprintf(to, ", MSG_%s", names[i].name);
}

void plan_print(FILE *to, const struct plan *p)
{
	static const char * const options[] = {
		"PASSCRED or PKTINFO", "TIMESTAMP", "PASSPIDFD", "TIMESTAMPING ids",
		"ZEROCOPY",
	};
	static const char * const besides[] = {
		"the first small and taken meanwhile", "by READ", "others go on behind it",
		"something linked", "the end at once", "an iovec",
		"from a registered buffer", "more provided than asked for",
	};
	unsigned int i;

	fprintf(to, "%s, %s of %u bytes in %u", kinds[p->kind].name,
		act_names[p->act], p->len, p->pieces);
	print_flags(to, p->flags);
	fprintf(to, ", %s", way_names[p->way]);
	if (p->flavour)
		fprintf(to, ", %s", flavour_names[p->flavour]);
	fprintf(to, "%s%s", p->full ? receives(p) ? ", empty at first" :
		", full at first" : "", p->named ? ", named" : "");
	for (i = 0; i < ARRAY_SIZE(options); i++)
		if (p->options >> i & 1)
			fprintf(to, ", %s", options[i]);
	if (p->pool)
		fprintf(to, ", %s buffers of %u%s%s", pool_names[p->pool], p->each,
			p->bundle ? ", bundle" : "", p->shots ? ", multishot" : "");
	for (i = 0; i < ARRAY_SIZE(besides); i++)
		if (p->besides >> i & 1)
			fprintf(to, ", %s", besides[i]);
	if (p->control)
		fprintf(to, ", with %s", control_names[p->control]);
	if (p->later)
		fprintf(to, ", then %s", later_names[p->later]);
	if (p->room)
		fprintf(to, ", room for %u bytes of control", p->room);
	for (i = 0; i < p->steps; i++)
		fprintf(to, "%s %u%s%s%s%s", i ? "," : ", of", p->step[i].len,
			p->step[i].oob ? " OOB" : "", p->step[i].control ? " with " : "",
			control_names[p->step[i].control], i < p->early ? " early" : "");
	if (p->end)
		fprintf(to, ", %s", end_names[p->end]);
}
