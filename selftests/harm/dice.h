/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Chance that comes again: the same numbers give the same throws.
 */
#ifndef IO_URING_HARM_DICE_H
#define IO_URING_HARM_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
	uint64_t state;
};

/* splitmix64: any two numbers give a stream of their own */
static inline uint64_t roll(struct dice *dice)
{
	uint64_t z = dice->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* The same for the same two numbers, and for no others */
static inline struct dice dice_of(uint64_t seed, uint64_t index)
{
	struct dice dice = { .state = seed };

	dice.state = roll(&dice) ^ index * 0xd1342543de82ef95ULL;
	roll(&dice);
	return dice;
}

static inline uint32_t below(struct dice *dice, uint32_t n)
{
	return (roll(dice) >> 32) * n >> 32;
}

static inline bool percent(struct dice *dice, unsigned int of_hundred)
{
	return below(dice, 100) < of_hundred;
}

#endif
