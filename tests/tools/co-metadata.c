// SPDX-License-Identifier: MIT
/* co-metadata FILE...: what hsa-tools/isa reads of each code object's metadata, one line for each value. */
#include "../../hsa-tools/isa/metadata.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void text(const char *key, const struct isa_text *t)
{
	if (t->s)
		printf("%s %.*s\n", key, (int)t->len, t->s);
}

static void print_kernel(struct isa_kernel *k)
{
	struct isa_arg a;

	text("name", &k->name);
	text("symbol", &k->symbol);
	printf("kernarg_segment_size %u\nkernarg_segment_align %u\ngroup_segment_fixed_size %u\n"
	       "private_segment_fixed_size %u\nwavefront_size %u\nmax_flat_workgroup_size %u\n"
	       "sgpr_count %u\nvgpr_count %u\nsgpr_spill_count %u\nvgpr_spill_count %u\n",
	       k->kernarg_size, k->kernarg_align, k->lds_bytes, k->scratch_bytes, k->wavefront_size,
	       k->max_workgroup_size, k->sgprs, k->vgprs, k->sgpr_spills, k->vgpr_spills);
	while (isa_kernel__next_arg(k, &a)) {
		printf("arg %u %u %d ", a.offset, a.size, a.kind);
		text(a.kind_name.s ? "" : "?", &a.kind_name);
	}
	if (k->num_args)
		printf("damaged: %u arguments left\n", k->num_args);
}

static int print(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct isa_metadata md;
	struct isa_kernel k;
	struct stat st;
	void *data;

	if (fd < 0 || fstat(fd, &st) || !st.st_size)
		return 1;
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED || !isa_metadata__find(data, (size_t)st.st_size, &md)) {
		fprintf(stderr, "%s: no metadata\n", path);
		return 1;
	}
	printf("version %u %u\n", md.version[0], md.version[1]);
	text("target", &md.target);
	do
		while (isa_metadata__next(&md, &k))
			print_kernel(&k);
	while (!md.num_kernels && isa_metadata__more(&md));
	munmap(data, (size_t)st.st_size);
	return md.num_kernels != 0;
}

int main(int argc, char **argv)
{
	int status = argc < 2;

	for (int i = 1; i < argc; i++)
		status |= print(argv[i]);
	return status;
}
