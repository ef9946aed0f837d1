// SPDX-License-Identifier: MIT
/*
 * msgpack__next and msgpack__skip: what they return lies in the input, each value takes a byte at least, and
 * skipping agrees with stepping through.
 */
#include "fuzz.h"
#include "../../hsa-tools/isa/msgpack.h"

enum { MAX_SKIPS = 8, MAX_DEPTH = 200 };

static bool holds(enum msgpack_kind kind)
{
	return kind == MSGPACK_ARRAY || kind == MSGPACK_MAP;
}

static void check_value(const struct input *in, const struct msgpack_value *v)
{
	bool data = v->kind == MSGPACK_TEXT || v->kind == MSGPACK_BYTES || v->kind == MSGPACK_EXT;

	REQUIRE(v->kind >= MSGPACK_NIL && v->kind <= MSGPACK_MAP);
	REQUIRE(data ? within(in, v->data, v->size) : !v->data);
	REQUIRE(v->kind != MSGPACK_BOOL || v->number <= 1);
	REQUIRE(v->kind != MSGPACK_INT || (int64_t)v->number < 0);
}

static bool next(const struct input *in, struct msgpack *m, struct msgpack_value *v)
{
	struct msgpack before = *m, again = *m;
	struct msgpack_value v2;
	bool ok = msgpack__next(m, v);

	REQUIRE(msgpack__next(&again, &v2) == ok);
	REQUIRE(m->end == before.end && within(in, m->at, 0));
	if (!ok)
		return false;
	REQUIRE(m->at > before.at && again.at == m->at);
	REQUIRE(v->kind == v2.kind && v->number == v2.number && v->data == v2.data && v->size == v2.size);
	check_value(in, v);
	return true;
}

/* 1: past the value, 0: damaged, -1: too deep to say. */
static int walk(const struct input *in, struct msgpack *m, int depth)
{
	struct msgpack_value v;
	uint64_t values;
	int ret = 1;

	if (!next(in, m, &v))
		return 0;
	values = holds(v.kind) ? (uint64_t)v.size << (v.kind == MSGPACK_MAP) : 0;
	if (values && depth == MAX_DEPTH)
		return -1;
	for (; values && ret == 1; values--)
		ret = walk(in, m, depth + 1);
	return ret;
}

static void skip(const struct input *in, struct msgpack m)
{
	struct msgpack walked = m, skipped = m;
	bool ok = msgpack__skip(&skipped);
	int ret = walk(in, &walked, 0);

	REQUIRE(skipped.end == m.end && within(in, skipped.at, 0));
	REQUIRE(ret < 0 || ok == ret);
	REQUIRE(!ok || skipped.at > m.at);
	REQUIRE(ret != 1 || skipped.at == walked.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct input in = {data, size};
	struct msgpack m = {.at = data, .end = data + size};
	struct msgpack_value v;
	int skips = 0;

	do {
		if (skips++ < MAX_SKIPS)
			skip(&in, m);
	} while (next(&in, &m, &v));
	return 0;
}
