// SPDX-License-Identifier: MIT
#include "image.h"

#include "../conv/conv.h"
#include "../isa/bundle.h"
#include "../isa/elf.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct image {
	hsa_agent_t on;
	const char *file; /* as the rule has it: lasting; NULL: the built-in one */
	const char *why;  /* it is of no use */
	void *elf;	  /* our copy: the runtime may look at it as long as it is loaded */
	size_t size;
	hsa_executable_t executable;
	struct kernel_metas metas;
	struct image *next;
};
static struct image *images;
static int images_lock;

/* ---- bytes ---- */

/* The part of a bundle that is for the chip: exactly, or for any of its settings. */
static bool from_bundle(const void *data, size_t len, const char *chip, const uint8_t **elf,
			size_t *size)
{
	struct bundle_entry e;
	struct bundle b;

	if (!bundle__open(&b, data, len))
		return false;
	while (bundle__next(&b, &e)) {
		const char *at = memmem(e.id, e.id_len, chip, strlen(chip));
		const char *end = at ? at + strlen(chip) : NULL;

		if (!at || (end < e.id + e.id_len && *end != ':'))
			continue;
		*elf = e.data;
		*size = e.size;
		return true;
	}
	return false;
}

/* A copy of what of the data is for the chip; NULL: nothing is. */
static const char *copy_code(struct image *im, const void *data, size_t len, const char *chip)
{
	const uint8_t *elf = data;
	size_t size = len;
	uint32_t flags;
	uint64_t end;

	if (!isa_elf_header(data, len, &flags, &end) && !from_bundle(data, len, chip, &elf, &size))
		return "it holds no code object for this device's chip";
	im->elf = malloc(size);
	if (!im->elf)
		return "no memory";
	memcpy(im->elf, elf, size);
	im->size = size;
	return NULL;
}

static const char *read_file(struct image *im, const char *chip)
{
	const char *why = "the file cannot be read";
	int fd = open(im->file, O_RDONLY | O_CLOEXEC);
	struct statx st;
	void *map;

	if (fd < 0)
		return why;
	if (!statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &st) && st.stx_size) {
		map = mmap(NULL, st.stx_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (map != MAP_FAILED) {
			why = copy_code(im, map, st.stx_size, chip);
			munmap(map, st.stx_size);
		}
	}
	close(fd);
	return why;
}

/* "gfx1010" of "amdgcn-amd-amdhsa--gfx1010:xnack-" */
static void isa_chip(const char *isa, char *out, size_t size)
{
	const char *dash = strstr(isa, "--");

	snprintf(out, size, "%.*s", dash ? (int)strcspn(dash + 2, ":") : 0, dash ? dash + 2 : "");
}

/* gfx1011 and gfx1012 execute all of gfx1010's code (LLVM, AMDGPU.td: FeatureISAVersion10_1_1,
 * _1_2). */
static bool runs_gfx1010(const char *chip)
{
	return !strcmp(chip, "gfx1010") || !strcmp(chip, "gfx1011") || !strcmp(chip, "gfx1012");
}

/* The bytes, and that they are for the chip there is; told to be for the one the runtime believes
 * in. */
static const char *prepare(struct image *im)
{
	const char *chip = device_chip(im->on), *isa = device_isa(im->on), *of, *why;
	char believed[16];
	const void *built_in;
	size_t size;

	if (!chip[0] || !isa[0])
		return "which chip this device is cannot be found out";
	isa_chip(isa, believed, sizeof(believed));
	if (im->file) {
		why = read_file(im, chip);
		/* Where the runtime has been told another chip, a file may have been made for that.
		 */
		if (why && strcmp(chip, believed))
			why = read_file(im, believed) ? why : NULL;
	} else {
		if (!runs_gfx1010(chip))
			return "the built-in kernels are for gfx1010, gfx1011 and gfx1012; this "
			       "device is none of "
			       "them";
		built_in = conv_image(&size);
		why = built_in ? copy_code(im, built_in, size, "gfx1010")
			       : "there are no built-in kernels";
	}
	if (why)
		return why;
	of = conv_image__chip(im->elf, im->size);
	if (!of)
		return "its code is for a chip that is not known here";
	if (strcmp(of, chip) && strcmp(of, believed) &&
	    !(runs_gfx1010(chip) && !strcmp(of, "gfx1010")))
		return "its code is for another chip than this device's";
	if (strcmp(of, believed) && conv_image__label(im->elf, im->size, isa))
		return "it cannot be made to say that it is for the chip that the runtime believes "
		       "in";
	return NULL;
}

/* ---- loading ---- */

static const char *load(struct image *im)
{
	hsa_code_object_reader_t reader;
	hsa_status_t status;

	if (agent.core.hsa_code_object_reader_create_from_memory_fn(im->elf, im->size, &reader))
		return "the runtime does not read it";
	status = agent.core.hsa_executable_create_alt_fn(
		HSA_PROFILE_FULL, HSA_DEFAULT_FLOAT_ROUNDING_MODE_DEFAULT, NULL, &im->executable);
	if (!status) {
		status = agent.core.hsa_executable_load_agent_code_object_fn(im->executable, im->on,
									     reader, NULL, NULL);
		if (!status)
			status = agent.core.hsa_executable_freeze_fn(im->executable, NULL);
		if (status) {
			agent.core.hsa_executable_destroy_fn(im->executable);
			im->executable.handle = 0;
		}
	}
	agent.core.hsa_code_object_reader_destroy_fn(reader);
	return status ? "the runtime refuses to load it" : NULL;
}

/* Its kernels by name, for evidence, the emulated device's faults and the report. */
static void record(struct thread *t, struct image *im)
{
	struct kernel_walk walk = {.t = t,
				   .executable = im->executable,
				   .on = im->on,
				   .metas = &im->metas,
				   .ours = true};

	kernel_record_all(&walk);
}

static struct image *make(struct thread *t, hsa_agent_t on, const char *file)
{
	struct image *im = calloc(1, sizeof(*im));

	if (!im)
		return NULL;
	im->on = on;
	im->file = file;
	im->why = prepare(im);
	if (!im->why)
		im->why = load(im);
	if (!im->why) {
		kernel_metas__read(&im->metas, im->elf, im->size);
		record(t, im);
	}
	return im;
}

static struct image *find(hsa_agent_t on, const char *file)
{
	struct image *im = images;

	while (im && (im->on.handle != on.handle || im->file != file))
		im = im->next;
	return im;
}

const struct image *image_get(struct thread *t, hsa_agent_t on, const char *file, const char **why)
{
	struct image *im, *made;

	spin_lock(&images_lock);
	im = find(on, file);
	spin_unlock(&images_lock);
	if (!im) {
		device_learn(on);
		made = make(t, on, file);
		/* Of two threads at once the second's goes unused. */
		spin_lock(&images_lock);
		im = find(on, file);
		if (!im && made) {
			made->next = images;
			images = made;
			im = made;
		}
		spin_unlock(&images_lock);
	}
	*why = im ? im->why : "no memory";
	return im && !im->why ? im : NULL;
}

static hsa_status_t count_kernel(hsa_executable_t executable, hsa_agent_t on,
				 hsa_executable_symbol_t symbol, void *data)
{
	hsa_symbol_kind_t kind = HSA_SYMBOL_KIND_VARIABLE;
	struct only {
		uint32_t n;
		hsa_executable_symbol_t symbol;
	} *only = data;

	(void)executable;
	(void)on;
	agent.core.hsa_executable_symbol_get_info_fn(symbol, HSA_EXECUTABLE_SYMBOL_INFO_TYPE,
						     &kind);
	if (kind == HSA_SYMBOL_KIND_KERNEL) {
		only->n++;
		only->symbol = symbol;
	}
	return HSA_STATUS_SUCCESS;
}

static bool find_symbol(const struct image *im, const char *name, hsa_executable_symbol_t *symbol)
{
	struct {
		uint32_t n;
		hsa_executable_symbol_t symbol;
	} only = {0};

	if (name)
		return !agent.core.hsa_executable_get_symbol_by_name_fn(im->executable, name,
									&im->on, symbol);
	agent.core.hsa_executable_iterate_agent_symbols_fn(im->executable, im->on, count_kernel,
							   &only);
	*symbol = only.symbol;
	return only.n == 1;
}

bool image_kernel(const struct image *im, const char *name, struct image_kernel *out)
{
	__typeof__(agent.core.hsa_executable_symbol_get_info_fn) get =
		agent.core.hsa_executable_symbol_get_info_fn;
	hsa_symbol_kind_t kind = HSA_SYMBOL_KIND_VARIABLE;
	hsa_executable_symbol_t symbol;
	char own[1040] = "";
	uint32_t len = 0;

	memset(out, 0, sizeof(*out));
	if (!find_symbol(im, name, &symbol))
		return false;
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_TYPE, &kind);
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_NAME_LENGTH, &len);
	if (kind != HSA_SYMBOL_KIND_KERNEL || len >= sizeof(own))
		return false;
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_NAME, own);
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_OBJECT, &out->object);
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_GROUP_SEGMENT_SIZE, &out->group_bytes);
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_PRIVATE_SEGMENT_SIZE, &out->private_bytes);
	out->meta = kernel_metas__find(&im->metas, own);
	return out->object != 0;
}

void image_forget(void)
{
	struct image *im = images, *next;

	images = NULL;
	for (; im; im = next) {
		next = im->next;
		if (im->executable.handle)
			agent.core.hsa_executable_destroy_fn(im->executable);
		kernel_metas__free(&im->metas);
		free(im->elf);
		free(im);
	}
}
