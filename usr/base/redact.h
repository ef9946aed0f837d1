/* SPDX-License-Identifier: MIT */
/*
 * Words that name a person or a machine, replaced in texts by others of the same length, so that what counts
 * bytes (a packet of CTF) stays whole: users in paths and elsewhere, hosts, network addresses, identifiers.
 * Learn first, from all texts; then replace. Pure: what this machine's own names are is the caller's to say.
 */
#ifndef RDNA1_BASE_REDACT_H
#define RDNA1_BASE_REDACT_H

#include "buf.h"

enum redact_kind {
	REDACT_USER,	/* the name behind /home/ or /Users/, and the same word elsewhere */
	REDACT_HOST,	/* host name */
	REDACT_IP,	/* IPv4, but for 127.* and what begins below 10, like versions do; IPv6 */
	REDACT_MAC,	/* hardware address of a network */
	REDACT_ID,	/* machine-id, serial numbers */
	REDACT_KINDS,
};

struct redact_word {
	enum redact_kind kind;
	char *from, *to; /* of one length */
	bool anywhere;	 /* else only behind /home/ */
};

struct redact {
	VEC(struct redact_word) words;
	unsigned int users, hosts;
	uint64_t counts[REDACT_KINDS]; /* replaced */
};

const char *redact_kind_name(enum redact_kind kind); /* "user names" */

/*
 * A name that is to go wherever it stands as a word. False when it is so short or so usual that it would hit
 * other words: users then only go behind /home/.
 */
bool redact__learn(struct redact *r, enum redact_kind kind, const char *name);
/* The users that the paths of a text name. */
void redact__learn_paths(struct redact *r, const char *text, size_t len);

/* In place. Returns how many were replaced. */
size_t redact__text(struct redact *r, char *text, size_t len);
/* Values of JSON whose keys say that they are serial numbers or the like. */
size_t redact__ids(struct redact *r, char *text);
/* In bytes that are no text only paths are looked for: anything else may be a number. */
size_t redact__bytes(struct redact *r, char *data, size_t len);
void redact__free(struct redact *r);

#endif
