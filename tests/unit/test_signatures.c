// SPDX-License-Identifier: MIT
/* Error messages by their text: as programs write them, and lines that are none. */
#include "t.h"
#include "../../usr/analysis/signatures.h"

#include <ctype.h>

static const struct signature_match *found_as(const char *line, const char *id, struct signature_match *m, size_t n)
{
	size_t all = signatures__find(line, strlen(line), m, n);

	for (size_t i = 0; i < all && i < n; i++)
		if (!strcmp(m[i].signature->id, id))
			return &m[i];
	return NULL;
}

static void expect_line(const char *line, const char *id, const char *rule)
{
	struct signature_match m[16];
	const struct signature_match *found = found_as(line, id, m, ARRAY_SIZE(m));

	CHECK(found);
	if (!found) {
		printf("  not %s: %s\n", id, line);
		return;
	}
	CHECK_STR(rule ? rule : "none", found->signature->rules[0] ? found->signature->rules[0] : "none");
	CHECK(found->at + found->len <= strlen(line) && found->len);
}

/* What people paste, from the runtime, HIP, MIOpen, rocBLAS, pip, Python and the kernel's log. */
static void test_messages(void)
{
	static const struct {
		const char *line, *id, *rule;
	} rows[] = {
		{"MIOpen Error: /MIOpen/src/ocl/convolutionocl.cpp:518: ", "no-solver", "no-solver"},
		{"Forward Convolution cannot be executed due to incorrect params", "no-solver", "no-solver"},
		{"RuntimeError: miopenStatusUnknownError", "miopen-unknown-error", "no-solver"},
		{"Warning seen: \"Missing system database file: gfx1030_18.kdb\"", "missing-kdb", "missing-kdb"},
		{"MIOpen(HIP): Warning [SQLiteBase] Missing system database file: gfx1030_40.kdb", "missing-kdb",
		 "missing-kdb"},
		{"MIOpen(HIP): Warning [SQLiteBase] Missing system database file", "missing-kdb", "missing-kdb"},
		{"MIOpen(HIP): Warning [SQLiteBase] Unable to read system database file:gfx906_60.kdb Performance may "
		 "degrade", "missing-kdb", "missing-kdb"},
		{"Either errors (no suitable algorithm) or still hangs", "no-solver", "no-solver"},
		{"16->32 channels with >32x32 input -> **INFINITE HANG**", "hang", "hang"},
		{"44x44: Hangs forever", "hang", "hang"},
		{"Direct convolution hangs indefinitely on input sizes >42x42", "hang", "hang"},
		{"HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION", "aperture-violation", "aperture-violation"},
		{"HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION: The agent attempted to access memory beyond the largest "
		 "legal address", "aperture-violation", "aperture-violation"},
		{"Error: Page not present or supervisor privilege", "memory-access-fault", "page-fault"},
		{"Secondary: hipErrorIllegalAddress (701)", "hip-illegal-address", "page-fault"},
		{"A module that was compiled using NumPy 1.x cannot be run in NumPy 2.x", "numpy-abi", "versions"},
		{"ERROR: Could not find a version that satisfies the requirement torch==1.13.1+rocm5.2",
		 "pip-no-version", "versions"},
		{"torch.cuda.is_available()  # Returns False", "no-device", "variables"},
		{"torch.cuda.is_available() False", "no-device", "variables"},
		{"RuntimeError: No HIP GPUs are available", "no-device", "variables"},
		/* ROCr and HIP 5.2 */
		{":0:rocdevice.cpp            :2672: 0696142325 us: 5999 : [tid:0x7f676e4c7640] Device::callbackQueue "
		 "aborting with error : HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION: The agent attempted to access "
		 "memory beyond the largest legal address. code: 0x29", "aperture-violation", "aperture-violation"},
		{":0:rocdevice.cpp            :2614: 102457364470 us: 6856 : [tid:0x7fe7bb747700] "
		 "Device::callbackQueue aborting with error : HSA_STATUS_ERROR_MEMORY_FAULT: Agent attempted to access "
		 "an inaccessible address. code: 0x2b", "memory-fault-status", "page-fault"},
		/* 6.4 */
		{":0:rocdevice.cpp            :3590: 495014152935 us:  Callback: Queue 0x7fd1d4800000 aborting with "
		 "error : HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION: The agent attempted to access memory beyond the "
		 "largest legal address. code: 0x29", "aperture-violation", "aperture-violation"},
		{"Queue 0x7fd1d4800000 aborting with error : HSA_STATUS_ERROR_ILLEGAL_INSTRUCTION: The agent attempted "
		 "to execute an illegal shader instruction. code: 0x2a", "illegal-instruction", "illegal-instruction"},
		{"Callback: Queue 0x1 Aborting with error : HSA_STATUS_ERROR_INVALID_ISA: The instruction set "
		 "architecture is invalid. Code: 0x100f Available Free mem : 12 MB", "queue-error", "no-code-object"},
		{"HSA_STATUS_ERROR_EXCEPTION: An HSAIL operation resulted in a hardware exception. code: 0x1016",
		 "hsa-exception", "illegal-instruction"},
		{"HW Exception by GPU node-1 (Agent handle: 0x55d) reason :GPU Hang", "hw-exception", "hang"},
		{"Memory access fault by GPU node-1 (Agent handle: 0x55ac14d27600) on address 0x7f9587e00000. Reason: "
		 "Page not present or supervisor privilege.", "memory-access-fault", "page-fault"},
		{"Memory access fault by GPU node-1 on address 0x1000. Reason: Write access to a read-only page.",
		 "fault-permission", "fault-permission"},
		{"Call returned HSA_STATUS_ERROR_OUT_OF_RESOURCES: The runtime failed to allocate the necessary "
		 "resources.", "no-kfd", "fails-later"},
		{"Unable to open /dev/kfd read-write: Permission denied", "no-kfd", "fails-later"},
		{"\"hipErrorNoBinaryForGpu: Unable to find code object for all current devices!\"", "no-binary",
		 "no-code-object"},
		{"RuntimeError: HIP error: invalid device function", "invalid-device-function", "no-code-object"},
		{"HIP error: no kernel image is available for execution on the device", "no-binary", "no-code-object"},
		{"HIP error: shared object initialization failed", "shared-object-init", "no-code-object"},
		{"hipErrorSharedObjectInitFailed", "shared-object-init", "no-code-object"},
		{"RuntimeError: HIP error: an illegal memory access was encountered", "hip-illegal-address",
		 "page-fault"},
		{"HIP error: unspecified launch failure", "hip-launch-failure", "aperture-violation"},
		{"MIOpen Error: D:/src/ocl/convolutionocl.cpp:275: No suitable algorithm was found to execute the "
		 "required convolution", "no-solver", "no-solver"},
		{"MIOpen(HIP): Warning [IsEnoughWorkspace] [EvaluateInvokers] Solver <GemmFwdRest>, workspace required: "
		 "296353792, provided ptr: 0000000000000000 size: 0", "miopen-workspace", "no-solver"},
		{"rocBLAS error: Cannot read /opt/rocm/lib/rocblas/library/TensileLibrary.dat: Illegal seek for GPU "
		 "arch : gfx1010", "tensile-library", "no-code-object"},
		{"\"/opt/rocm/lib/rocblas/library/TensileLibrary_lazy_gfx1010.dat\"", "tensile-library",
		 "no-code-object"},
		{"torch.OutOfMemoryError: HIP out of memory. Tried to allocate 2.00 GiB", "out-of-memory",
		 "fails-later"},
		{"ImportError: libfoo.so: undefined symbol: hipGraphAddNode", "mixed-libraries", "mixed-rocm"},
		/* the kernel's log */
		{"[  629.844077] amdgpu 0000:0b:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:32770, "
		 "for process python pid 1796 thread python pid 1796)", "gfxhub-page-fault", "page-fault"},
		{"amdgpu 0000:0b:00.0: amdgpu:   in page starting at address 0x00007f5279bab000 from client 0x1b "
		 "(UTCL2)", "gfxhub-page-fault", "page-fault"},
		{"amdgpu 0000:0d:00.0: GCVM_L2_PROTECTION_FAULT_STATUS:0x00401031", "gfxhub-page-fault", "page-fault"},
		{"amdgpu 0000:c6:00.0: amdgpu: [gfxhub0] no-retry page fault (src_id:0 ring:24 vmid:3 pasid:32769)",
		 "gfxhub-page-fault", "page-fault"},
		{"drmn0: [gfxhub0] retry page fault (src_id:0 ring:0 vmid:3 pasid:32770, for process  pid 101779 thread "
		 " pid 101779)", "retry-page-fault", "page-fault"},
		{"amdgpu 0000:88:00.0: amdgpu: [mmhub0] no-retry page fault (src_id:0 ring:24 vmid:8 pasid:32768",
		 "other-page-fault", "page-fault"},
		{"amdgpu 0000:2f:00.0: amdgpu: sq_intr: error, detail 0x00000000, type 2, sh 0, priv 1, wave_id 1, "
		 "simd_id 0, wgp_id 0", "sq-interrupt-error", "aperture-violation"},
		{"amdgpu: sq_intr: error, se 3, data 0x0, sh 0, priv 1, wave_id 1, simd_id 0, cu_id 3, err_type 2",
		 "sq-interrupt-error", "aperture-violation"},
		{"[  +0.001018] Evicting PASID 32780 queues", "evicting-pasid", "fault-evicted"},
		{"Evicting PASID 0x8000 queues", "evicting-pasid", "fault-evicted"},
		{"amdgpu: qcm fence wait loop timeout expired", "queue-preemption", "hang"},
		{"amdgpu: The cp might be in an unrecoverable state due to an unsuccessful queues preemption",
		 "queue-preemption", "hang"},
		{"amdgpu 0000:03:00.0: amdgpu: HIQ MQD's queue_doorbell_id0 is not 0, Queue preemption time out",
		 "queue-preemption", "hang"},
		{"amdgpu 0000:c5:00.0: amdgpu: Failed to evict queue 1", "queue-preemption", "hang"},
		{"Pasid 32780 DQM create queue 0 failed. ret -62", "queue-preemption", "hang"},
		{"amdgpu 0000:03:00.0: amdgpu: GPU reset begin!", "gpu-reset", "hang"},
		{"amdgpu 0000:01:00.0: ring sdma0 timeout, signaled seq=309, emitted seq=313", "ring-timeout", "hang"},
		{"kfd kfd: amdgpu: skipped device 1002:7341, PCI rejects atomics 123<145", "pcie-atomics",
		 "fine-host-atomics"},
		{"amdgpu: unknown parameter 'mtype_local' ignored", "unknown-parameter", "parameters"},
		{"kfd kfd: amdgpu: PITCAIRN  not supported in kfd", "kfd-unsupported", NULL},
		{"python3[812]: segfault at 0 ip 00007f1 sp 00007ff error 4 in librocblas.so.0[7f1000+2000]",
		 "host-crash", "no-code-object"},
		/* codes alone */
		{"0x29", "aperture-violation", "aperture-violation"},
		{" 41 ", "aperture-violation", "aperture-violation"},
		{"0x2a", "illegal-instruction", "illegal-instruction"},
		{"42", "illegal-instruction", "illegal-instruction"},
		{"700", "hip-illegal-address", "page-fault"},
		{"701", "hip-out-of-resources", "foreign-code"},
		{"hangs", "hang", "hang"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect_line(rows[i].line, rows[i].id, rows[i].rule);
}

static size_t count(const char *line)
{
	struct signature_match m[16];

	return signatures__find(line, strlen(line), m, ARRAY_SIZE(m));
}

static void test_others(void)
{
	static const char *const lines[] = {
		"", " ", "ok: 3136 outputs equal the CPU's bit for bit", "HSA_STATUS_SUCCESS",
		"HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATIONS", "XHSA_STATUS_ERROR_EXCEPTION", "code 41 of 700", "0x290",
		"epoch 41", "[drm] Initialized amdgpu 3.49.0 20150101 for 0000:00:06.0 on minor 1", "changes",
		"ring buffer", "amdgpu 0000:0b:00.0: amdgpu: ring comp_1.2.1 uses VM inv eng 9 on hub 0",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		CHECK_EQ(count(lines[i]), 0);
		if (count(lines[i]))
			printf("  found in: %s\n", lines[i]);
	}
	/* disjoint: the one is not taken for the other, and what is known is not also "another error" */
	CHECK_EQ(count("Device::callbackQueue aborting with error : HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION: The "
		       "agent attempted to access memory beyond the largest legal address. code: 0x29"), 1);
	CHECK_EQ(count("Memory access fault by GPU node-1 (Agent handle: 0x5) on address 0x7f9587e00000. Reason: Page "
		       "not present or supervisor privilege."), 1);
	CHECK_EQ(count("[gfxhub0] no-retry page fault (src_id:0 ring:24 vmid:3 pasid:32769)"), 1);
	CHECK_EQ(count("amdgpu: GCVM_L2_PROTECTION_FAULT_STATUS:0x00401031"), 1);
}

static void expect_value(const char *line, const char *id, const char *name, uint64_t want, const char *text,
			 const char *means)
{
	struct signature_match m[16];
	const struct signature_match *found = found_as(line, id, m, ARRAY_SIZE(m));
	struct buf b = {0};
	size_t i = 0;

	while (found && i < found->num_values && strcmp(found->values[i].name, name))
		i++;
	CHECK(found && i < found->num_values);
	if (!found || i == found->num_values)
		return;
	CHECK_EQ(found->values[i].number, want);
	CHECK(found->values[i].len == strlen(text) && !memcmp(found->values[i].text, text, strlen(text)));
	CHECK_EQ(signature_value__explain(name, want, &b) && found->values[i].is_number, means != NULL);
	CHECK_STR(buf__str(&b), means ? means : "");
	buf__free(&b);
}

static void test_values(void)
{
	static const char fault[] = "Memory access fault by GPU node-1 (Agent handle: 0x55ac14d27600) on address (nil). "
				    "Reason: Page not present or supervisor privilege.";
	static const char page[] = "[gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:32770, for process python pid 1796 "
				   "thread python pid 1796)";

	expect_value(fault, "memory-access-fault", "address", 0, "(nil)",
		     "in the first page: a null pointer, or one with a small offset");
	expect_value(fault, "memory-access-fault", "node", 1, "1", NULL);
	expect_value(page, "gfxhub-page-fault", "vmid", 8, "8", "a compute process's (KFD)");
	expect_value(page, "gfxhub-page-fault", "pasid", 32770, "32770", NULL);
	expect_value(page, "gfxhub-page-fault", "pid", 1796, "1796", NULL);
	expect_value(page, "gfxhub-page-fault", "process", 0, "python", NULL);
	expect_value("amdgpu: GCVM_L2_PROTECTION_FAULT_STATUS:0x00801031", "gfxhub-page-fault", "status", 0x801031,
		     "0x00801031", "TCP read, not valid|not readable, MORE_FAULTS, VMID=8 (0x801031)");
	expect_value("in page starting at address 0x0001000000001000 from client 0x1b (UTCL2)", "gfxhub-page-fault",
		     "address", 0x0001000000001000, "0x0001000000001000",
		     "in the aperture of the LDS, not in memory");
	expect_value("in page starting at address 0x00007f5279bab000 from client", "gfxhub-page-fault", "address",
		     0x7f5279bab000, "0x00007f5279bab000", NULL);
	expect_value("sq_intr: error, detail 0x00000000, type 2, sh 0", "sq-interrupt-error", "sq_error", 2, "2",
		     "MEMVIOL");
	expect_value("sq_intr: error, detail 0x00000000, type 1, sh 0", "sq-interrupt-error", "sq_error", 1, "1",
		     "ILLEGAL_INST");
	expect_value("hipErrorIllegalAddress (701)", "hip-illegal-address", "hip_error", 701, "701",
		     "hipErrorLaunchOutOfResources");
	expect_value("Missing system database file: gfx1030_18.kdb", "missing-kdb", "file", 0, "gfx1030_18.kdb", NULL);
	expect_value("satisfies the requirement torch==1.13.1+rocm5.2 (from versions: 2.0)\n"
		     "Could not find a version that satisfies the requirement torch==1.13.1+rocm5.2 (from",
		     "pip-no-version", "requirement", 0, "torch==1.13.1+rocm5.2", NULL);
	expect_value("PCI rejects atomics 123<145: skipped device 1002:7341, PCI rejects atomics 123<145", "pcie-atomics",
		     "mec", 123, "123", NULL);
	/* numbers of more than 64 bits are none */
	CHECK_EQ(count("in page starting at address 0x11112222333344445 from client"), 0);
}

static void test_rows(void)
{
	for (size_t i = 0; i < num_signatures; i++) {
		const struct signature *s = &signatures[i];

		CHECK(s->id && s->title && s->means && s->source && s->patterns[0]);
		CHECK(signature__find(s->id) == s);
		CHECK(!s->fallback || i == num_signatures - 1);
		for (size_t k = 0; k <= SIGNATURE_PATTERNS && s->patterns[k]; k++) {
			const char *p = s->patterns[k];

			CHECK(k < SIGNATURE_PATTERNS);
			for (; *p; p++)
				CHECK(!isupper((unsigned char)*p));
		}
		CHECK(!s->wrong[SIGNATURE_WRONG].claim && !s->rules[SIGNATURE_RULES]);
		for (size_t k = 0; s->wrong[k].claim; k++)
			CHECK(s->wrong[k].truth);
	}
	CHECK(!signature__find("nothing"));
}

static void add(struct signature_sums *s, const char *line)
{
	signatures__add(s, line, strlen(line));
}

static void test_sums(void)
{
	struct signature_sums s = {0};

	for (int i = 0; i < 10; i++) {
		char line[128];

		add(&s, "[gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:32770)");
		snprintf(line, sizeof(line), "  in page starting at address 0x%x000 from client 0x1b (UTCL2)",
			 0x7f00 + i / 2);
		add(&s, line);
		add(&s, "nothing");
	}
	add(&s, "GPU reset begin!");
	CHECK_EQ(s.lines, 31);
	CHECK_EQ(s.list.n, 2);
	CHECK_EQ(s.list.v[0].count, 10);
	CHECK_EQ(s.list.v[0].lines, 20);
	CHECK_EQ(s.list.v[0].first_line, 1);
	CHECK_EQ(s.list.v[0].values.n, 4 + 5); /* src_id, ring, vmid, pasid; addresses */
	CHECK_EQ(s.list.v[0].more_values, 0);
	CHECK_EQ(s.list.v[0].values.v[0].count, 10);
	CHECK_EQ(s.list.v[1].count, 1);
	CHECK_EQ(s.list.v[1].first_line, 31);
	signature_sums__free(&s);

	add(&s, "  in page starting at address 0x1000 from client"); /* a further line alone */
	CHECK_EQ(s.list.v[0].count, 1);
	for (int i = 0; i < 20; i++) {
		char line[128];

		snprintf(line, sizeof(line), "in page starting at address 0x%x000 from", i + 2);
		add(&s, line);
	}
	CHECK_EQ(s.list.v[0].values.n, SIGNATURE_DISTINCT);
	CHECK_EQ(s.list.v[0].more_values, 15);
	signature_sums__free(&s);
}

/* Any bytes, any length: no crash, no long time. */
static void test_any_bytes(void)
{
	static const char words[] = "[gfxhub page fault (src_id:0 ring: aborting with error code: segfault at in {}<>*$^+ ";
	size_t len = 1 << 20;
	char *line = malloc(len);
	struct signature_match m[4];
	uint32_t seed = 1;

	for (int round = 0; round < 200; round++) {
		size_t n = round < 8 ? len >> round : 100;

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			line[i] = round % 4 == 0   ? (char)(seed >> 24)
				  : round % 4 == 1 ? words[i % (sizeof(words) - 1)]
				  : round % 4 == 2 ? words[(seed >> 16) % (sizeof(words) - 1)]
						   : '[';
		}
		/* exactly sized, for the sanitizer */
		char *exact = malloc(n);

		memcpy(exact, line, n);
		signatures__find(exact, n, m, ARRAY_SIZE(m));
		free(exact);
	}
	free(line);
	CHECK_EQ(signatures__find(NULL, 0, m, 4), 0);
}

int main(void)
{
	test_rows();
	test_messages();
	test_others();
	test_values();
	test_sums();
	test_any_bytes();
	END_TESTS;
}
