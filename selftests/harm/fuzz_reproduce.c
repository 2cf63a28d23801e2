// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "report.h"

/*
 * The text of every reproducer, fuzz_reproducer.txt, where lines are kept or
 * left out: "@if WORD WORD" up to "@end" wants all of these words, with "or"
 * between them one of them. "@data" is where the case itself goes.
 */
__asm__(".pushsection .rodata\n"
	"fuzz_text: .incbin \"fuzz_reproducer.txt\"\n"
	".byte 0\n"
	".popsection\n");

#define WORDS	24
#define LINE	200

static const char *words[WORDS];
static unsigned int known;

static void word(const char *name, bool holds)
{
	if (holds && known < WORDS)
		words[known++] = name;
}

static bool holds(const char *name)
{
	unsigned int i;

	for (i = 0; i < known; i++)
		if (!strcmp(words[i], name))
			return true;
	return false;
}

static bool is_true(char *condition)
{
	bool any = strstr(condition, " or "), all = true, one = false;
	char *name, *rest = condition;

	while ((name = strsep(&rest, " "))) {
		if (!strcmp(name, "or"))
			continue;
		all &= holds(name);
		one |= holds(name);
	}
	return any ? one : all;
}

static void learn(const struct finding *f)
{
	const char *name = traits[f->kind].name;
	bool v6 = strchr(name, '6'), local = !strncmp(name, "unix", 4);
	bool tcp = !strncmp(name, "tcp", 3);

	known = 0;
	word(name, true);
	word("unix", local);
	word("inet", !local);
	word("tcp", tcp);
	word("packets", !local && !tcp);
	word("v6", !local && v6);
	word("v4", !local && !v6);
	word("header", traits[f->kind].header);
	word("hold", traits[f->kind].hold);
	word("full", f->way.wait);
	word("link", f->way.by == LINKED);
	word("worker", f->way.by == BY_WORKER);
	word("later", !f->way.keep && f->buffer.place < NOWHERE);
	word("large", f->buffer.place == LARGE);
}

static void print_bytes(FILE *to, const char *name, const uint8_t *bytes,
			size_t len)
{
	size_t i;

	fprintf(to, "static unsigned char %s[%zu] = {", name, len);
	for (i = 0; i < len; i++)
		fprintf(to, "%s0x%02x,", i % 12 ? " " : "\n\t", bytes[i]);
	fprintf(to, "\n};\n");
}

static void constant(FILE *to, const char *name, const char *value)
{
	fprintf(to, "#define %s %s\n", name, value);
}

static void print_sockets(FILE *to, const struct finding *f)
{
	bool udp = f->kind <= K_MAPPED;

	if (holds("unix"))
		fprintf(to, "#define TYPE %s\n",
			f->kind == K_STREAM ? "SOCK_STREAM" :
			f->kind == K_DATAGRAM ? "SOCK_DGRAM" : "SOCK_SEQPACKET");
	else
		fprintf(to, "#define FAMILY %s\n#define OWN %s\n",
			holds("v6") ? "AF_INET6" : "AF_INET",
			holds("v6") ? "\"2001:db8::1\"" : "\"127.0.0.1\"");
	if (holds("packets")) {
		constant(to, "TX_FAMILY",
			 f->kind == K_MAPPED ? "AF_INET6" : "FAMILY");
		constant(to, "TYPE", udp ? "SOCK_DGRAM" : "SOCK_RAW");
		constant(to, "RX_PROTOCOL", udp ? "0" : "253");
		constant(to, "TX_PROTOCOL", udp ? "0" :
			 holds("header") ? "IPPROTO_RAW" : "253");
		constant(to, "PORT", udp ? "7000" : "0");
	}
}

/* Constants that the text uses */
static void print_case(FILE *to, const struct finding *f)
{
	const struct buffer *buf = &f->buffer;
	size_t at = 0, len = buf->len;

	print_sockets(to, f);
	fprintf(to, "#define COPIES %u\n#define HEADER %zu\n#define LENGTH %zu\n",
		f->copies, traits[f->kind].header, f->len);
	if (f->way.wait)
		fprintf(to, "#define FILLER %zu\n",
			f->kind == K_STREAM ? f->len : 1400);
	constant(to, "OPCODE", f->way.op == OP_SENDMSG ?
	       "IORING_OP_SENDMSG" : "IORING_OP_SENDMSG_ZC");
	constant(to, "IOPRIO", f->way.by == FIRST_POLL ?
	       "IORING_RECVSEND_POLL_FIRST" : "0");
	constant(to, "SQE_FLAGS", f->way.by == BY_WORKER ? "IOSQE_ASYNC" : "0");
	constant(to, "RING_FLAGS", f->way.defer ?
	       "(IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER)" : "0");
	constant(to, "MSG_FLAGS", traits[f->kind].stream ?
	       "(MSG_NOSIGNAL | MSG_WAITALL)" : "MSG_NOSIGNAL");
	switch (buf->place) {
	case ODD:
		at = buf->over;
		break;
	case AT_END:
		at = 8192 - len;
		break;
	case OVER_END:
		len -= buf->over;
		at = 8192 - len;
		break;
	case NOWHERE:
	case LARGE:
		len = 0;
		break;
	default:
		break;
	}
	fprintf(to, "#define CONTROL %s\n#define CONTROLLEN %zuU\n#define AT %zu\n",
		buf->place == NOWHERE ? "NULL" :
		buf->place == LARGE ? "large" : "(memory[i] + AT)",
		buf->len, at);
	if (buf->place == LARGE)
		fprintf(to, "#define LARGE %zu\nstatic unsigned char *large;\n",
			buf->len < 1 << 30 ? buf->len : 4096);
	fprintf(to, "\n/* The control%s */\n", holds("later") ?
		", and what overwrites it after submit" : "");
	print_bytes(to, "control", buf->bytes, len);
	if (holds("later"))
		print_bytes(to, "later", f->later.bytes, len);
	fprintf(to, "\n");
}

static void print_head(FILE *to, const struct finding *f)
{
	fprintf(to, "/*\n * %s: a send by io_uring that is not what sendmsg(2) is\n *\n",
		f->defect);
	fprintf(to, " * %s, %s, payload of %zu bytes, %d bit\n",
		traits[f->kind].name, way_name(&f->way), f->len, BITS);
	buffer_print(to, &f->buffer, " * control: ");
	fprintf(to, " * sendmsg(2) gave %d, io_uring %d\n *\n", f->want.res,
		f->got.res);
	fprintf(to, " * Compile: gcc %s-O2 reproducer.c -luring; run it as root.\n",
		BITS == 32 ? "-m32 " : "");
	fprintf(to, " * Exit code: 0 no difference, 1 a difference, 3 not possible here\n */\n");
}

void reproduce(FILE *to, const struct finding *found)
{
	const char *at = fuzz_text, *end;
	unsigned int depth = 0, off = 0;	/* nested @if, and from which on not */
	char line[LINE];

	learn(found);
	print_head(to, found);
	for (; *at; at = end + 1) {
		end = strchr(at, '\n');
		snprintf(line, sizeof(line), "%.*s", (int)(end - at), at);
		if (!strncmp(line, "@if ", 4)) {
			depth++;
			if (!off && !is_true(line + 4))
				off = depth;
		} else if (!strcmp(line, "@end")) {
			if (off == depth)
				off = 0;
			depth--;
		} else if (!off && !strcmp(line, "@data")) {
			print_case(to, found);
		} else if (!off) {
			fprintf(to, "%s\n", line);
		}
	}
}
