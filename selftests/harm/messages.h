/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of messages: a plan is a message exchange made by chance, a side
 * does it by the system call or by io_uring, an outcome is what was seen of it.
 * The top of messages.c explains what it is for.
 */
#ifndef IO_URING_HARM_MESSAGES_H
#define IO_URING_HARM_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "dice.h"
#include "messages_kinds.h"
#include "network.h"
#include "report.h"
#include "ring.h"

/* What an old libc has not got */
#ifndef SOL_TLS
#define SOL_TLS		282
#endif
#ifndef SOL_ALG
#define SOL_ALG		279
#endif

#define LONGEST		60000	/* bytes of a message */
#define MOST_PIECES	3
#define MOST_STEPS	3
#define CONTROL_MOST	256	/* room for control, either way */
#define NAME_MOST	128	/* and for a name, more than any has */
#define BEHIND		64	/* bytes behind a buffer, which nobody may write */
#define UNTOUCHED	0xee
#define NEXT_LEN	7	/* of the message after the one that counts */

/* -- plans (messages_plan.c) ---------------------------------------------- */

enum act { A_SEND, A_SENDMSG, A_SEND_ZC, A_SENDMSG_ZC, A_RECV, A_RECVMSG, ACTS };

enum way { W_PLAIN, W_POLL_FIRST, W_LINK, W_ASYNC, W_BROKEN_LINK, WAYS };

enum flavour { R_PLAIN, R_DEFER, R_SQPOLL, FLAVOURS };

/* What goes along with a message */
enum along {
	C_NONE,
	C_FILES, C_CREDENTIALS, C_BOTH,		/* AF_UNIX */
	C_TOS, C_SOURCE, C_SEGMENT, C_STAMP,	/* the Internet */
	C_RECORD, C_STREAM, C_CIPHER,		/* TLS, SCTP, AF_ALG */
	C_BAD, CONTROLS,
};

/* What becomes of what was given, as soon as the call waits */
enum later { L_KEPT, L_OVERWRITTEN, L_CLOSED, L_REPLACED, LATERS };

enum wish { O_CREDENTIALS = 1, O_STAMP = 2, O_PIDFD = 4, O_IDS = 8, O_ZEROCOPY = 16 };

/* What the other end does when it has done its steps */
enum end { E_NONE, E_CLOSE, E_SHUTDOWN, E_RESET, E_CANCEL, ENDS };

/* The other end of a receive sends so much */
struct step {
	uint16_t len;
	uint8_t control;
	uint8_t oob;
};

/* What else there is to it */
enum besides {
	B_TAKEN = 1,		/* another request takes the small buffer that is first */
	B_READ = 2,		/* IORING_OP_READ */
	B_ON = 4,		/* others go on behind it, by the same buffers */
	B_LINKED = 8,		/* a request is linked to it */
	B_HASTY = 16,		/* the end comes right behind the last step */
	B_IOVEC = 32,		/* of recvmsg multishot: how much of each message */
	B_FIXED = 64,		/* zero-copy from a registered buffer */
	B_LENGTH = 128,		/* more is provided than is to be sent */
};

struct plan {
	uint8_t kind, act, way, flavour, control, later, options, end;
	uint8_t pieces;		/* iovecs */
	uint8_t full;		/* no room, or nothing to receive, at first */
	uint8_t named;		/* an address, or room for one */
	uint8_t room;		/* for control, of a receive */
	uint8_t steps, early;	/* of a receive, and how many come before it */
	uint8_t pool;		/* provided buffers: 1 + enum kind of pool.h */
	uint8_t bundle, shots;	/* many of them at once; a receive that goes on */
	uint8_t besides;
	uint16_t each;		/* bytes of a buffer */
	int flags;
	uint32_t len;
	struct step step[MOST_STEPS];
};

extern const char * const act_names[ACTS], * const way_names[WAYS];
extern const char * const flavour_names[FLAVOURS];

static inline bool receives(const struct plan *p)
{
	return p->act >= A_RECV;
}

static inline bool zero_copy(const struct plan *p)
{
	return p->act == A_SEND_ZC || p->act == A_SENDMSG_ZC;
}

static inline bool has(const struct plan *p, unsigned int traits)
{
	return kinds[p->kind].traits & traits;
}

/* Its sends go nowhere without an address, connected or not */
static inline bool always_named(const struct plan *p)
{
	return has(p, T_FASTOPEN | T_REWRITES) || (has(p, T_SCTP) && has(p, T_ADDRESS));
}

struct plan plan_make(struct dice *dice, unsigned int kind);
void plan_print(FILE *to, const struct plan *p);

/* In messages_provided.c: provided buffers, and what else there may be */
bool takes_pool(struct dice *dice, const struct plan *p);
void send_from_pool(struct dice *dice, struct plan *p);
void receive_by_pool(struct dice *dice, struct plan *p);
void besides_send(struct dice *dice, struct plan *p);
void besides_receive(struct dice *dice, struct plan *p);
unsigned int one_of(struct dice *dice, const unsigned int *of, unsigned int n);

#define ONE_OF(dice, ...) ({						\
	static const unsigned int of_[] = { __VA_ARGS__ };		\
	one_of(dice, of_, ARRAY_SIZE(of_));				\
})

/* In messages_pool.c: find out what of provided buffers there is; the rest goes */
void pools_begin(void);
void pool_fit(struct plan *p);

/* In messages_shrink.c: make it smaller in the n-th way. False when there are no more ways */
bool plan_shrink(struct plan *p, unsigned int n);
void without_pool(struct plan *p);

/* -- control (messages_control.c) ----------------------------------------- */

#define FILES	3

/* Open the files that are passed: NULL, or why not */
const char *files_open(void);

/* The control of a message; its length. files: numbers of the files that it passes */
size_t control_put(char *to, const struct ends *e, enum along control,
		   const int *files);

/* Overwrite it by another of the same size and kind */
void control_other(char *at, size_t len, const struct ends *e,
		   enum along control);

/* For SCM_RIGHTS: numbers of their own for the files, and what becomes of them */
void files_take(int *files);
void files_later(int *files, enum later later);
void files_close(int *files);

struct outcome;
void control_tell(struct outcome *o, int fact, struct msghdr *msg);
void queue_tell(struct outcome *o, int fd);

/* -- sides (messages_side.c) ---------------------------------------------- */

enum side { BY_CALL, BY_RING };

/* Buffers are enough for all that is sent */
#define BUFFERS	60

struct exchange {
	enum side by;
	const struct plan *plan;
	int fd;
	struct msghdr msg;	/* of SEND and RECV the first iovec alone */
	long res;
	bool done, started;
	bool waited;		/* not done when there was nothing more to wait for */
	bool again;		/* and issued by then: there is a second issue */
	bool more;		/* of zero-copy: a notification is announced */
	unsigned int notices;
	uint64_t id;		/* its user_data */
	size_t asked;		/* bytes of the first iovec */
	int linked;		/* what became of what is linked to it; 0: not known */
	uint8_t *into;		/* where what provided buffers got is put together */
	size_t at;
	/* Of a receive that goes on: what each turn got */
	void (*shot)(struct exchange *x, const uint8_t *data, long len,
		     struct msghdr *msg);
	struct outcome *o;
	const struct ends *e;
};

/* NULL, or why there are no rings: the reason of a SKIP */
const char *sides_begin(void);
const char *exchange_start(struct exchange *x);

/* A link lets it go; nothing for other ways */
void exchange_go(struct exchange *x);

/* Until it is done, or waits for something to happen */
const char *exchange_settle(struct exchange *x);

/* By a signal, or a request to cancel. It is done then */
const char *exchange_stop(struct exchange *x);

/* Take down what was set up for this exchange alone */
void exchange_end(struct exchange *x);

/* B_TAKEN: another request takes the first buffer meanwhile */
const char *exchange_overtake(struct exchange *x);

/* B_LINKED: whether what is linked to it runs */
void exchange_linked(struct exchange *x);

/*
 * B_ON: one more, which does not wait: of what is left of data, or, where that
 * is NULL, received into x->into
 */
const char *exchange_on(struct exchange *x, const uint8_t *data, size_t rest);

/* The payload that zero-copy sends may take from a registered buffer */
void exchange_register(void *data, size_t len);

/* The notification that was announced, and whatever else may have come */
const char *exchange_notices(struct exchange *x);

/* -- cases (messages_case.c) ---------------------------------------------- */

enum fact {
	F_RESULT, F_DATA, F_CONTROL, F_FLAGS, F_NAME, F_NOTICE, F_PEER, F_NEXT,
	F_ERROR, F_QUEUE, F_FILES, FACTS,
};

extern const char * const fact_names[FACTS];

/* What came of one side */
struct outcome {
	char text[FACTS][320];
	long res;
	bool waited, again, stopped;
	bool part;		/* of a send: how much of it depends on the time */
	bool slow;		/* TCP's timers may have made room in a full socket */
	long came;		/* bytes of the payload that the peer got */
	bool right;		/* and these were a front part of it, in order */
	unsigned int early;	/* TX timestamps */
	unsigned int stamp;	/* and the highest id of these */
	uint8_t *data;		/* received, then what was left to be received */
	size_t len, taken;
};

__printf(3, 4) void note(struct outcome *o, enum fact of, const char *fmt, ...);
uint8_t byte_of(unsigned int message, size_t at);

/* Do a plan on one side. NULL, or what does not let the run go on */
const char *plan_run(const struct plan *p, enum side by, struct outcome *o);

/* -- judgement (messages_design.c, messages_judge.c) ----------------------- */

#define F(fact)		(1u << (fact))
#define ALL		(F(FACTS) - 1)

struct design {
	const char *name, *where, *why;
	unsigned int facts;	/* in which it may show */
	bool (*holds)(const struct plan *p, const struct outcome *call,
		      const struct outcome *ring);
	unsigned long met;
};

/* A defect shows in some facts, and goes away without what it rests on */
struct defect {
	const char *name;
	unsigned int facts;
	bool (*fits)(const struct plan *p);
	void (*less)(struct plan *p);
};

extern const struct defect defects[];	/* in messages_names.c */
extern struct design designs[];
extern unsigned long too_slow;	/* exchanges that could not be compared */

struct verdict {
	unsigned int facts;	/* that differ */
	const struct design *design;
	const char *defect;	/* NULL: no difference, or one by design */
};

/* Do a plan on both sides; fault: with a wrong errno, for the self-check */
const char *plan_judge(const struct plan *p, bool twice, bool fault,
		       struct outcome *call, struct outcome *ring,
		       struct verdict *v);

/* As small as it goes and still has the same name; how many runs it took */
const char *plan_minimise(struct plan *p, bool twice, bool fault,
			  const struct verdict *v, unsigned int *runs);

#endif
