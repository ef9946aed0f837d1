// SPDX-License-Identifier: MIT
/*
 * hsa-conv [CASES [SEED]]: our convolution kernels on a device, by HSA alone. Our image is labelled
 * for the chip that the runtime believes in; each kernel computes random problems, and what comes
 * out is equal to the last bit to what must, with nothing else changed. The last line: "ok: N
 * problems, N kernels, CHIP".
 */
#include "../../hsa-tools/conv/conv.h"
#include "../unit/conv_cases.h"
#include "hsa_kernel.h"

enum { MARGIN = 256, MOST_KERNELS = 100 };

static hsa_executable_t executable;
static const char *used[MOST_KERNELS];
static unsigned int num_used, failures, problems;

/* ---- the image ---- */

static hsa_status_t take_isa(hsa_isa_t isa, void *name)
{
	return hsa_isa_get_info_alt(isa, HSA_ISA_INFO_NAME, name);
}

static void load_image(char isa[64])
{
	hsa_code_object_reader_t reader;
	size_t size;
	const void *image = conv_image(&size);
	void *copy = malloc(size);
	int err;

	HSA(hsa_agent_iterate_isas(gpu, take_isa, isa));
	memcpy(copy, image, size);
	err = conv_image__label(copy, size, isa);
	if (err) {
		printf("WRONG: no label for %s: %s\n", isa, strerror(-err));
		exit(1);
	}
	HSA(hsa_code_object_reader_create_from_memory(copy, size, &reader));
	HSA(hsa_executable_create_alt(HSA_PROFILE_FULL, HSA_DEFAULT_FLOAT_ROUNDING_MODE_DEFAULT,
				      NULL, &executable));
	HSA(hsa_executable_load_agent_code_object(executable, gpu, reader, NULL, NULL));
	HSA(hsa_executable_freeze(executable, NULL));
}

static uint64_t kernel_object(const char *symbol)
{
	hsa_executable_symbol_t s;
	uint64_t object = 0;

	HSA(hsa_executable_get_symbol_by_name(executable, symbol, &gpu, &s));
	HSA(hsa_executable_symbol_get_info(s, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_OBJECT, &object));
	for (unsigned int i = 0; i < num_used; i++)
		if (!strcmp(used[i], symbol))
			return object;
	if (num_used < MOST_KERNELS)
		used[num_used++] = symbol;
	return object;
}

/* ---- a problem ---- */

static void run(hsa_queue_t *q, hsa_kernel_dispatch_packet_t *p)
{
	p->setup = 3;
	p->completion_signal = new_signal(1);
	p->header |= HSA_FENCE_SCOPE_SYSTEM << HSA_PACKET_HEADER_SCACQUIRE_FENCE_SCOPE |
		     HSA_FENCE_SCOPE_SYSTEM << HSA_PACKET_HEADER_SCRELEASE_FENCE_SCOPE;
	put(q, p);
	if (hsa_signal_wait_scacquire(p->completion_signal, HSA_SIGNAL_CONDITION_EQ, 0, UINT64_MAX,
				      HSA_WAIT_STATE_BLOCKED)) {
		printf("WRONG: a kernel failed\n");
		exit(1);
	}
	HSA(hsa_signal_destroy(p->completion_signal));
}

static void check(hsa_queue_t *q, const struct conv_case *c)
{
	size_t elem = c->fp16 ? 2 : 4, bytes[4];
	const struct conv_family *f;
	struct conv_problem p;
	hsa_kernel_dispatch_packet_t packet;
	struct conv_call a;
	char *at[4], *want, text[200];
	void *wanted[4];
	uint64_t va[4];
	int result = conv_written(c);
	uint32_t grid[3];
	uint16_t workgroup[3];
	void *kernarg = memory(4096);

	for (int i = 0; i < 4; i++) {
		bytes[i] = c->elements[i] * elem + 2 * MARGIN;
		at[i] = memory(bytes[i]);
		conv_fill(at[i], bytes[i] / elem, c->fp16);
		wanted[i] = at[i] + MARGIN;
		va[i] = (uint64_t)(uintptr_t)wanted[i];
	}
	want = malloc(bytes[result]);
	memcpy(want, at[result], bytes[result]);
	wanted[result] = want + MARGIN;
	conv_reference(c, wanted);
	a = conv_call_of(c, va);
	f = conv_family__find(c->name, a.bytes, c->type_name);
	if (!f ||
	    conv_family__read(f,
			      &(struct conv_dispatch){.kernarg = a.kernarg,
						      .len = a.bytes,
						      .grid = {a.grid[0], a.grid[1], a.grid[2]},
						      .group_bytes = a.group_bytes},
			      &p)) {
		printf("WRONG: %s is not known\n", c->name);
		exit(1);
	}
	memcpy(kernarg, a.kernarg, a.bytes);
	conv_family__grid(f, &p, grid, workgroup);
	packet = dispatch_of(kernel_object(conv_family__symbol(f, p.type)), kernarg);
	packet.grid_size_x = grid[0];
	packet.workgroup_size_x = workgroup[0];
	run(q, &packet);
	problems++;
	if (memcmp(want, at[result], bytes[result])) {
		conv_problem__text(&p, text, sizeof(text));
		printf("WRONG: %s, %s, grid %u x %u x %u\n", c->name, text, packet.grid_size_x,
		       packet.grid_size_y, packet.grid_size_z);
		failures++;
	}
	for (int i = 0; i < 4; i++)
		HSA(hsa_amd_memory_pool_free(at[i]));
	HSA(hsa_amd_memory_pool_free(kernarg));
	free(want);
}

/* Two images of one operand more than 4 GiB apart, in VRAM, where nobody touches what is between
 * them. */
static void check_far(hsa_queue_t *q, int far)
{
	struct conv_case c = conv_naive_case(12 * 7, 6); /* ab_nonpacked, forward, NCHW, fp32 */
	uint64_t apart = (1ull << 30) + 1000, va[4] = {0};
	struct conv_problem p;
	struct conv_call a;
	uint16_t workgroup[3];
	uint32_t grid[3];
	void *kernarg = memory(4096), *at[3];
	hsa_kernel_dispatch_packet_t packet;

	c.s = (struct conv_shape){1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1};
	conv_lay_out_all(&c, 0);
	c.stride[far][0] = apart;
	c.alpha = 1;
	c.beta = 0;
	for (int i = 0; i < 3; i++) {
		at[i] = i == far ? NULL : memory(4096);
		if (i == far)
			HSA(hsa_amd_memory_pool_allocate(vram, (apart + 1) * 4, 0, &at[i]));
		va[i] = (uint64_t)(uintptr_t)at[i];
	}
	HSA(hsa_memory_copy(at[WEI], &(float){3}, 4));
	for (uint64_t i = 0; i < 2; i++)
		HSA(hsa_memory_copy((float *)at[IN] + i * c.stride[IN][0], &(float){(float)i + 5},
				    4));
	a = conv_call_of(&c, va);
	if (conv_family__read(conv_family__find(c.name, a.bytes, NULL),
			      &(struct conv_dispatch){.kernarg = a.kernarg, .len = a.bytes}, &p)) {
		printf("WRONG: far: not known\n");
		exit(1);
	}
	memcpy(kernarg, a.kernarg, a.bytes);
	conv_family__grid(NULL, &p, grid, workgroup);
	packet = dispatch_of(kernel_object("rdna1_ab_nonpacked_fwd_nchw_fp32.kd"), kernarg);
	packet.grid_size_x = grid[0];
	packet.workgroup_size_x = workgroup[0];
	run(q, &packet);
	for (uint64_t i = 0; i < 2; i++) {
		float got = 0;

		HSA(hsa_memory_copy(&got, (float *)at[OUT] + i * c.stride[OUT][0], 4));
		if (got != 3 * ((float)i + 5)) {
			printf("WRONG: far, image %d: %g\n", (int)i, (double)got);
			failures++;
		}
	}
	problems++;
	for (int i = 0; i < 3; i++)
		HSA(hsa_amd_memory_pool_free(at[i]));
}

int main(int argc, char **argv)
{
	unsigned int cases = argc > 1 ? (unsigned int)atoi(argv[1]) : 3 * CONV_NAIVE;
	char isa[64] = "";
	size_t vram_bytes;
	hsa_queue_t *q;

	if (argc > 2)
		conv_random_state = strtoull(argv[2], NULL, 0);
	start_hsa();
	load_image(isa);
	HSA(hsa_queue_create(gpu, 64, HSA_QUEUE_TYPE_SINGLE, NULL, NULL, UINT32_MAX, UINT32_MAX,
			     &q));
	for (unsigned int i = 0; i < cases; i++) {
		struct conv_case c = i % 9 == 8	  ? conv_matrix_case(i / 9, 9)
				     : i % 9 == 7 ? conv_product_case(i / 9, 20)
						  : conv_naive_case(i, 7);

		check(q, &c);
	}
	HSA(hsa_amd_agent_iterate_memory_pools(gpu, take_vram_pool, NULL));
	HSA(hsa_amd_memory_pool_get_info(vram, HSA_AMD_MEMORY_POOL_INFO_SIZE, &vram_bytes));
	for (int far = IN; far <= OUT && vram_bytes > 5ull << 30; far += OUT - IN)
		check_far(q, far);
	HSA(hsa_queue_destroy(q));
	if (!failures)
		printf("ok: %u problems, %u kernels, %s\n", problems, num_used, isa);
	return failures != 0;
}
