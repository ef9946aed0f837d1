// SPDX-License-Identifier: MIT
/* The code-object scan: whatever the file, it ends, counts add up, and places lie in the code. Needs libamd_comgr. */
#include "fuzz.h"
#include "../../hsa-tools/isa/scan/scan.h"

static void check_kernel(const struct scan_kernel *k)
{
	uint64_t kept[SCAN_NUM_HAZARDS] = {0}, insns = 0;

	for (int i = 0; i < SCAN_NUM_FAMILIES; i++)
		insns += i == SCAN_UNDECODED ? 0 : k->counts.family[i];
	REQUIRE(insns == k->counts.insns && k->counts.bytes >= 4 * insns);
	REQUIRE(!k->no_code || !k->counts.bytes);
	for (size_t i = 0; i < k->num_sites; i++) {
		const struct scan_site *s = &k->sites[i];

		REQUIRE(s->hazard < SCAN_NUM_HAZARDS && s->text && !s->from_va == !s->from_text);
		REQUIRE(!i || k->sites[i - 1].va <= s->va);
		kept[s->hazard]++;
	}
	for (int i = 0; i < SCAN_NUM_HAZARDS; i++)
		REQUIRE(kept[i] <= 3 && kept[i] <= k->counts.hazard[i] && (kept[i] == 3 || kept[i] == k->counts.hazard[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct scan *scan;
	struct scan_options o = {.max_sites = 3};
	struct scan_object *object;
	const char *why;

	if (!scan)
		scan = scan__new(&why);
	REQUIRE(scan);
	if (scan__object(scan, data, size, &o, &object))
		return 0;
	for (size_t i = 0; i < object->num_kernels + object->num_functions; i++) {
		REQUIRE(object->kernels[i].is_function == (i >= object->num_kernels));
		check_kernel(&object->kernels[i]);
	}
	REQUIRE(strlen(object->target) < size && strlen(object->compiler) < size);
	scan_object__free(object);
	return 0;
}
