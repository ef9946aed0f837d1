// SPDX-License-Identifier: MIT
/*
 * isa_metadata__find, __next and isa_kernel__next_arg over everything in a code object. An input that is no ELF
 * file is taken for the metadata of one, so that the fuzzer need not find its way there each time.
 */
#include "fuzz.h"
#include "../../hsa-tools/isa/metadata.h"

#include <elf.h>

static bool same_text(const struct isa_text *a, const struct isa_text *b)
{
	return a->s == b->s && a->len == b->len;
}

static void check_text(const struct input *in, const struct isa_text *t)
{
	REQUIRE(t->s ? within(in, t->s, t->len) : !t->len);
}

static void check_pack(const struct input *in, const struct msgpack *m)
{
	REQUIRE(!m->at == !m->end);
	REQUIRE(!m->at || (m->end >= m->at && within(in, m->at, (size_t)(m->end - m->at))));
}

static void check_args(const struct input *in, struct isa_kernel *k)
{
	const struct input list = {k->args.at, (size_t)(k->args.end - k->args.at)};
	struct isa_kernel twice = *k;
	uint32_t num = k->num_args, n = 0;
	struct isa_arg a, b;

	while (isa_kernel__next_arg(k, &a)) {
		REQUIRE(isa_kernel__next_arg(&twice, &b));
		REQUIRE(a.offset == b.offset && a.size == b.size && a.kind == b.kind);
		REQUIRE(same_text(&a.name, &b.name) && same_text(&a.kind_name, &b.kind_name));
		REQUIRE(a.kind >= ISA_ARG_VALUE && a.kind <= ISA_ARG_OTHER);
		check_text(&list, &a.name);
		check_text(&list, &a.kind_name);
		check_pack(in, &k->args);
		REQUIRE(++n <= list.size && k->num_args == num - n);
	}
	REQUIRE(!isa_kernel__next_arg(&twice, &b));
}

static void check_kernels(const struct input *in, struct isa_metadata md)
{
	const struct input list = {md.kernels.at, (size_t)(md.kernels.end - md.kernels.at)};
	struct isa_metadata twice = md;
	struct isa_kernel k, again;
	uint32_t num = md.num_kernels, n = 0;

	while (isa_metadata__next(&md, &k)) {
		REQUIRE(isa_metadata__next(&twice, &again));
		REQUIRE(same_text(&k.name, &again.name) && same_text(&k.symbol, &again.symbol));
		REQUIRE(k.kernarg_size == again.kernarg_size && k.num_args == again.num_args);
		check_text(&list, &k.name);
		check_text(&list, &k.symbol);
		check_pack(&list, &k.args);
		check_pack(in, &md.kernels);
		check_args(&list, &k);
		REQUIRE(++n <= list.size && md.num_kernels == num - n);
	}
	REQUIRE(!isa_metadata__next(&twice, &again));
}

static void read_elf(const uint8_t *data, size_t size)
{
	const struct input in = {data, size};
	struct isa_metadata md, again;

	if (!isa_metadata__find(data, size, &md)) {
		REQUIRE(!isa_metadata__find(data, size, &again));
		return;
	}
	REQUIRE(isa_metadata__find(data, size, &again));
	REQUIRE(md.num_kernels == again.num_kernels && md.kernels.at == again.kernels.at &&
		same_text(&md.target, &again.target));
	do {
		const uint8_t *rest = md.rest.at;

		check_pack(&in, &md.kernels);
		check_pack(&in, &md.rest);
		check_text(&in, &md.target);
		check_kernels(&in, md);
		if (!isa_metadata__more(&md))
			break;
		REQUIRE(md.rest.at > rest);
	} while (true);
}

struct file {
	Elf64_Ehdr e;
	Elf64_Phdr p;
	Elf64_Nhdr n;
	char owner[8];
} __attribute__((packed));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct file head = {
		.e = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		      .e_machine = 224, /* EM_AMDGPU */
		      .e_phoff = offsetof(struct file, p),
		      .e_phentsize = sizeof(Elf64_Phdr),
		      .e_phnum = 1},
		.p = {.p_type = PT_NOTE,
		      .p_offset = offsetof(struct file, n),
		      .p_filesz = sizeof(head) - offsetof(struct file, n) + size},
		.n = {.n_namesz = 7, .n_descsz = (uint32_t)size, .n_type = 32},
		.owner = "AMDGPU",
	};
	uint8_t *file;

	if (size >= SELFMAG && !memcmp(data, ELFMAG, SELFMAG)) {
		read_elf(data, size);
		return 0;
	}
	file = malloc(sizeof(head) + size);
	if (!file)
		return 0;
	memcpy(file, &head, sizeof(head));
	if (size)
		memcpy(file + sizeof(head), data, size);
	read_elf(file, sizeof(head) + size);
	free(file);
	return 0;
}
