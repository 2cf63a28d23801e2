// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "race.h"
#include "report.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif

#define BREATH		8	/* turns after which it lets others have the CPU */
#define BREATH_US	50
#define JOIN_US		100

void *thread_join(pthread_t thread)
{
	void *result = NULL;

	while (pthread_tryjoin_np(thread, &result) == EBUSY)
		usleep(JOIN_US);
	return result;
}

/* Another segment size, in each control that begins with one */
static void resize(char *page, size_t size)
{
	struct cmsghdr *cmsg;
	uint16_t segment = SEGMENT_SIZE / 2;
	size_t at;

	for (at = 0; at < size; at += CONTROL_ROOM) {
		cmsg = (void *)(page + at);
		if (cmsg->cmsg_type == UDP_SEGMENT)
			memcpy(CMSG_DATA(cmsg), &segment, sizeof(segment));
	}
}

static void mutate(struct mutator *m, size_t size, unsigned int turn)
{
	switch (m->edit) {
	case FILL:
		if (turn % 3 == 1) {
			memset(m->page, 0xff, size);
			break;
		}
		memcpy(m->page, m->was, size);
		if (turn % 3 == 2)
			resize(m->page, size);
		break;
	case PROTECT:
		mprotect(m->page, size, turn % 2 ? PROT_READ | PROT_WRITE :
						   PROT_NONE);
		break;
	case UNMAP:
		/* Back at the same place, every other time with what it held */
		munmap(m->page, size);
		if (mmap(m->page, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_FIXED, -1, 0) == m->page &&
		    turn % 2)
			memcpy(m->page, m->was, size);
		break;
	default:
		break;
	}
}

static void *work(void *arg)
{
	size_t size = sysconf(_SC_PAGESIZE);
	struct mutator *m = arg;
	unsigned int turn;

	for (turn = 0; !__atomic_load_n(&m->stop, __ATOMIC_ACQUIRE); turn++) {
		mutate(m, size, turn);
		if (turn % BREATH)
			sched_yield();
		else
			usleep(BREATH_US);
	}
	mprotect(m->page, size, PROT_READ | PROT_WRITE);
	return NULL;
}

const char *mutator_start(struct mutator *m, enum edit kind, char *page)
{
	size_t size = sysconf(_SC_PAGESIZE);

	if (kind == STILL)
		return NULL;
	if (!m->was)
		m->was = malloc(size);
	if (!m->was)
		return "out of memory";
	memcpy(m->was, page, size);
	m->page = page;
	m->edit = kind;
	m->stop = false;
	errno = pthread_create(&m->thread, NULL, work, m);
	m->running = !errno;
	return errno ? reason("no thread: %s", errno_name(errno)) : NULL;
}

void mutator_stop(struct mutator *m)
{
	if (!m->running)
		return;
	__atomic_store_n(&m->stop, true, __ATOMIC_RELEASE);
	thread_join(m->thread);
	m->running = false;
}
