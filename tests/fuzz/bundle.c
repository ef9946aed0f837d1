// SPDX-License-Identifier: MIT
/* Offload bundles: entries within what is there, an end, and the search for one that comes to an end. */
#include "fuzz.h"
#include "../../hsa-tools/isa/bundle.h"

static void read_bundle(const struct input *in)
{
	struct bundle_entry e;
	struct bundle b;
	uint64_t n = 0;

	if (!bundle__open(&b, in->data, in->size))
		return;
	while (bundle__next(&b, &e)) {
		REQUIRE(within(in, e.data, e.size) && within(in, e.id, e.id_len));
		REQUIRE(++n <= in->size / 24);
	}
	REQUIRE(b.end >= 32 && b.end <= in->size);
	REQUIRE(b.damaged || n == b.num);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct bundle_packed p;
	size_t at = 0, found;

	read_bundle(&in);
	if (bundle_packed__open(&p, data, size))
		REQUIRE(within(&in, p.data, p.data_len) && p.end <= size);
	for (; (found = bundle__find(data, size, at)) < size; at = found + 1) {
		REQUIRE(found >= at);
		REQUIRE(!bundle__find(data + found, size - found, 0));
	}
	return 0;
}
