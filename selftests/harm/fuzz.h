/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of fuzz: control buffers made by chance, sockets to send them
 * through, ways to send, and the results. The top of fuzz.c explains what each
 * part is for.
 */
#ifndef IO_URING_HARM_FUZZ_H
#define IO_URING_HARM_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "dice.h"
#include "ring.h"

#define BITS		(8 * (int)sizeof(long))
#define SLOTS		31	/* sends of a round; what fills a queue is the 32nd */
#define ROOM		1280	/* bytes of a control buffer, but for LARGE */
#define FIRST_FD	100	/* files that SCM_RIGHTS may name */
#define LAST_FD		104
#define LONGEST		3000	/* bytes of a payload */

/* -- kinds of sockets (fuzz_flow.c) --------------------------------------- */

enum kind {
	K_UDP4, K_UDP6, K_MAPPED, K_TCP4, K_TCP6,
	K_STREAM, K_DATAGRAM, K_SEQPACKET,
	K_RAW4, K_RAW6, K_HEADER4, K_HEADER6, KINDS,
};

struct trait {
	const char *name;
	bool zerocopy;		/* has SOCK_SUPPORT_ZC */
	bool stream;
	bool hold;		/* fills only if a queue on lo holds packets */
	bool full;		/* says EAGAIN when its send buffer is full */
	size_t header;		/* bytes of an IP header that the sender makes */
	unsigned int weight;	/* how often, against the others */
};

extern const struct trait traits[KINDS];

/* -- control buffers (fuzz_control.c) ------------------------------------- */

enum place {
	AT_START,		/* of a page */
	AT_END,			/* ends where the mapping ends */
	ODD,			/* at an address that is not aligned */
	OVER_END,		/* its last bytes are not mapped */
	NOWHERE,		/* msg_control is NULL */
	LARGE,			/* len bytes of one message of an unknown level */
	PLACES,
};

struct buffer {
	size_t len;		/* msg_controllen */
	enum place place;
	unsigned int over;	/* bytes of it that are not mapped, or misaligned */
	uint8_t bytes[ROOM];
};

enum sort { VALID, NEARLY, GARBAGE, SORTS };

extern const char * const sort_names[SORTS];
extern const char * const place_names[PLACES];
extern const size_t large_lengths[];	/* of LARGE, 0 ends it */

/* Make one for sockets of that kind; what sort it became */
enum sort buffer_make(struct dice *dice, enum kind kind, struct buffer *buf);

/* Print the messages that stand in it, a line each with that prefix */
void buffer_print(FILE *to, const struct buffer *buf, const char *prefix);

/* Offset and length of the n-th message as the kernel walks; false: no such */
bool buffer_message(const struct buffer *buf, unsigned int n, size_t *at,
		    size_t *len);

/* -- effects (fuzz_flow.c) ------------------------------------------------ */

/* What the receiver saw of one send, and what it left in the error queue */
struct effect {
	unsigned int pieces;	/* datagrams, or reads of a UNIX stream */
	unsigned int bytes;
	uint64_t hash;		/* of sizes, content, source, control, in order */
	uint64_t stamps;	/* sum over TX timestamps: kinds, not times */
};

/* A sender and its receiver */
struct flow {
	enum kind kind;
	bool narrow;		/* the smallest send buffer; behind the queue */
	int tx, rx;
	struct sockaddr_storage to;
	socklen_t to_len;	/* 0: connected */
	size_t len;		/* payload bytes of each send of this round */
};

/* Enter the namespaces and open files that SCM_RIGHTS may name: NULL, or why not */
const char *flows_begin(void);

/* NULL, or why there is no such socket here */
const char *flow_open(struct flow *flow, enum kind kind, bool narrow);
void flow_close(struct flow *flow);

/* The payload of a slot, flow->len bytes after a header if it has one */
struct iovec flow_payload(const struct flow *flow, unsigned int slot);

/* Send until there is no room: NULL or what was wrong. flow_free() undoes it */
const char *flow_fill(struct flow *flow);
const char *flow_free(struct flow *flow);

/* Wait until all that was sent has arrived or been dropped: NULL or why not */
const char *flow_flush(const struct flow *flow);

/* Take all that has arrived; whether anything had */
bool flow_take(struct flow *flow, struct effect *effects);

/*
 * What flow_take() sees is also kept as text when that is switched on, apart
 * for sendmsg(2) and io_uring. flow_tell() forgets what was kept for that one.
 */
enum teller { NOBODY, SYSCALL, RING, TELLERS };

extern bool flows_told;
void flow_tell(enum teller who);
const char *flow_told(enum teller who, unsigned int slot);

/* -- cases (fuzz_case.c) -------------------------------------------------- */

enum by { PLAIN, FIRST_POLL, LINKED, BY_WORKER, BYS };

struct way {
	enum opcode op;
	bool wait;		/* the socket is full at submit */
	enum by by;
	bool defer;		/* the ring has DEFER_TASKRUN */
	bool keep;		/* do not overwrite the control after submit */
};

/* Sends that go out together: buffers[i] by slot i, and what overwrites it */
struct batch {
	enum kind kind;
	unsigned int n;
	size_t len;
	struct buffer *buffers;
	struct buffer *later;
};

struct result {
	int res;
	bool waited;		/* not complete when room was made */
	struct effect effect;
};

/* What all sends so far came to, for each kind */
struct counts {
	unsigned long buffers;	/* that went through sendmsg(2) and io_uring */
	unsigned long accepted;	/* by sendmsg(2) */
	unsigned long sends;	/* through io_uring */
	unsigned long waited;	/* not complete before room was made */
	unsigned long retried;	/* the same, and issued in vain before */
};

extern struct counts counts[KINDS];
extern unsigned long sends[2][BYS][2];	/* by opcode, by, and wait */
extern bool counting;			/* not while a finding is looked at */

const char *by_name(enum by by);

/* Whether sockets of that kind wait in that way */
bool way_fits(enum kind kind, const struct way *way);

const char *way_name(const struct way *way);

/* Rings and memory: NULL, or why there are none; *skip: nobody can help it */
const char *cases_begin(bool *skip);

/* All of these return NULL, or what does not let the run go on */
const char *by_sendmsg(const struct batch *batch, struct result *results);
const char *by_ring(const struct batch *batch, const struct way *way,
		    struct result *results);

/*
 * Whether a result is not the one that sendmsg(2) had, other than by design.
 * fault: for the self-check, wrong results of sends by LINKED with an SO_MARK.
 */
bool case_differs(enum kind kind, const struct way *way,
		  const struct buffer *buf, const struct result *want,
		  const struct result *got);
extern bool faulty;

/* Print the table of differences by design */
void designs_print(FILE *to, const char *prefix);

/* -- findings (fuzz_finding.c) -------------------------------------------- */

struct finding {
	enum kind kind;
	struct way way;
	size_t len;
	struct buffer buffer, later;
	unsigned int copies;	/* that are sent together */
	unsigned int slot;	/* of the first of them that differs */
	struct result want, got;
	const char *defect;	/* a name, "unexplained" or "not repeated" */
};

/*
 * Run the case of a finding alone, name its defect. NULL, or what does not let
 * the run go on.
 */
const char *finding_classify(struct finding *found);

/* Take away whatever it does without; counts the runs that this took */
const char *finding_shrink(struct finding *found, unsigned int *runs);

void finding_print(const struct finding *found);

/* -- reproducers (fuzz_reproduce.c) --------------------------------------- */

extern const char fuzz_text[];		/* fuzz_reproducer.txt */

/* Print a program that shows it without all of this; how it is compiled */
void reproduce(FILE *to, const struct finding *found);

#endif
