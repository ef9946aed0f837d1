// SPDX-License-Identifier: MIT
#include "comgr.h"

#include <amd_comgr.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

struct comgr_isa {
	struct comgr_isa *next;
	struct comgr *comgr;
	amd_comgr_disassembly_info_t info;
	char name[32];
};

struct comgr {
	void *lib;
	struct comgr_isa *isas;
	__typeof__(&amd_comgr_create_disassembly_info) create;
	__typeof__(&amd_comgr_destroy_disassembly_info) destroy;
	__typeof__(&amd_comgr_disassemble_instruction) disassemble;
};

/* The bytes that an instruction is read from, and where its text goes; comgr passes a pointer to it around. */
struct window {
	const uint8_t *code;
	size_t len;
	char *text;
};

static uint64_t read_memory(uint64_t from, char *to, uint64_t size, void *ctx)
{
	const struct window *w = ctx;

	if (from >= w->len)
		return 0;
	if (size > w->len - from)
		size = w->len - from;
	memcpy(to, w->code + from, size);
	return size;
}

static void take_text(const char *text, void *ctx)
{
	struct window *w = ctx;
	size_t len;

	text += strspn(text, " \t");
	len = strcspn(text, "\n");
	if (len > COMGR_TEXT - 1)
		len = COMGR_TEXT - 1;
	memcpy(w->text, text, len);
	w->text[len] = 0;
}

static void take_address(uint64_t address, void *ctx)
{
	(void)address;
	(void)ctx;
}

struct comgr *comgr__open(const char **why)
{
	struct comgr *c = calloc(1, sizeof(*c));

	if (!c) {
		*why = "out of memory";
		return NULL;
	}
	c->lib = dlopen("libamd_comgr.so.2", RTLD_NOW | RTLD_LOCAL);
	if (!c->lib)
		c->lib = dlopen("libamd_comgr.so.3", RTLD_NOW | RTLD_LOCAL);
	if (!c->lib) {
		*why = "libamd_comgr.so.2, which reads the GPU's instructions, is not installed: "
		       "apt-get install libamd-comgr2";
		goto out;
	}
	c->create = (__typeof__(c->create))dlsym(c->lib, "amd_comgr_create_disassembly_info");
	c->destroy = (__typeof__(c->destroy))dlsym(c->lib, "amd_comgr_destroy_disassembly_info");
	c->disassemble = (__typeof__(c->disassemble))dlsym(c->lib, "amd_comgr_disassemble_instruction");
	if (c->create && c->destroy && c->disassemble)
		return c;
	*why = "this libamd_comgr cannot disassemble single instructions: it must be of ROCm 4.2 or later";
out:
	comgr__close(c);
	return NULL;
}

void comgr__version(const struct comgr *c, size_t *major, size_t *minor)
{
	__typeof__(&amd_comgr_get_version) get =
		(__typeof__(get))dlsym(c->lib, "amd_comgr_get_version");

	*major = *minor = 0;
	if (get)
		get(major, minor);
}

void comgr__close(struct comgr *c)
{
	if (!c)
		return;
	while (c->isas) {
		struct comgr_isa *isa = c->isas;

		c->isas = isa->next;
		c->destroy(isa->info);
		free(isa);
	}
	/* The library stays: LLVM in it does not like to be unloaded. */
	free(c);
}

struct comgr_isa *comgr__isa(struct comgr *c, const char *name)
{
	static const char prefix[] = "amdgcn-amd-amdhsa--";
	char full[sizeof(prefix) + sizeof(c->isas->name)];
	struct comgr_isa *isa;

	for (isa = c->isas; isa; isa = isa->next)
		if (!strcmp(isa->name, name))
			return isa;
	/* LLVM ends the process where it is asked to disassemble for the chips before gfx8. */
	if (strlen(name) >= sizeof(isa->name) || !strncmp(name, "gfx6", 4) || !strncmp(name, "gfx7", 4))
		return NULL;
	isa = calloc(1, sizeof(*isa));
	if (!isa)
		return NULL;
	strcpy(isa->name, name);
	strcpy(stpcpy(full, prefix), name);
	if (c->create(full, read_memory, take_text, take_address, &isa->info) != AMD_COMGR_STATUS_SUCCESS) {
		free(isa);
		return NULL;
	}
	isa->comgr = c;
	isa->next = c->isas;
	c->isas = isa;
	return isa;
}

size_t comgr__disassemble(struct comgr_isa *isa, const uint8_t *code, size_t len, char text[COMGR_TEXT])
{
	struct window w = {.code = code, .len = len, .text = text};
	uint64_t size = 0;

	text[0] = 0;
	if (isa->comgr->disassemble(isa->info, 0, &w, &size) != AMD_COMGR_STATUS_SUCCESS || !text[0] ||
	    size > len)
		return 0;
	return size;
}
