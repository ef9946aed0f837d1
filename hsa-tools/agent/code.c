// SPDX-License-Identifier: MIT
/* Code objects and the kernels in them. Each code object is stored once, by content. */
#include "agent.h"
#include "../isa/elf.h"
#include "../isa/sha256.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- readers: where a code object's bytes are ---- */

struct reader {
	uint64_t handle;
	const void *data; /* NULL: in the file */
	size_t size;
	int fd; /* ours, -1 when the bytes are in memory */
	struct reader *next;
};
static struct reader *readers;
static int readers_lock;

static void add_reader(uint64_t handle, const void *data, size_t size, int fd)
{
	struct reader *r = calloc(1, sizeof(*r));

	if (!r) {
		if (fd >= 0)
			close(fd);
		return;
	}
	*r = (struct reader){.handle = handle, .data = data, .size = size, .fd = fd};
	spin_lock(&readers_lock);
	r->next = readers;
	readers = r;
	spin_unlock(&readers_lock);
}

static bool find_reader(uint64_t handle, struct reader *out)
{
	bool found = false;

	spin_lock(&readers_lock);
	for (struct reader *r = readers; r && !found; r = r->next)
		if (r->handle == handle) {
			*out = *r;
			found = true;
		}
	spin_unlock(&readers_lock);
	return found;
}

static void free_reader(struct reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

static void drop_reader(uint64_t handle)
{
	struct reader *gone = NULL;

	spin_lock(&readers_lock);
	for (struct reader **p = &readers; *p; p = &(*p)->next)
		if ((*p)->handle == handle) {
			gone = *p;
			*p = gone->next;
			break;
		}
	spin_unlock(&readers_lock);
	if (gone)
		free_reader(gone);
}

static hsa_status_t reader_from_memory(const void *code, size_t size,
				       hsa_code_object_reader_t *reader)
{
	hsa_status_t status =
		agent.core.hsa_code_object_reader_create_from_memory_fn(code, size, reader);

	if (status == HSA_STATUS_SUCCESS)
		add_reader(reader->handle, code, size, -1);
	return status;
}

static hsa_status_t reader_from_file(hsa_file_t file, hsa_code_object_reader_t *reader)
{
	int fd = fcntl(file, F_DUPFD_CLOEXEC, 3); /* the application may close its own at once */
	hsa_status_t status = agent.core.hsa_code_object_reader_create_from_file_fn(file, reader);

	if (status == HSA_STATUS_SUCCESS)
		add_reader(reader->handle, NULL, 0, fd);
	else if (fd >= 0)
		close(fd);
	return status;
}

static hsa_status_t reader_destroy(hsa_code_object_reader_t reader)
{
	drop_reader(reader.handle);
	return agent.core.hsa_code_object_reader_destroy_fn(reader);
}

/* ---- storing ---- */

static void hex(const uint8_t digest[32], char out[65])
{
	for (int i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* DIR/code-objects/<sha256>.co */
static void store(const void *data, size_t size, const uint8_t digest[32])
{
	char name[80], text[65];
	int dir;

	hex(digest, text);
	snprintf(name, sizeof(name), "%s.co", text);
	mkdirat(agent.dir_fd, "code-objects", 0755);
	dir = openat(agent.dir_fd, "code-objects", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return;
	if (faccessat(dir, name, F_OK, 0))
		file_store(dir, name, data, size);
	close(dir);
}

/* The bytes of a reader, mapped if they are in a file. *mapped: unmap them afterwards. */
static const void *reader_bytes(const struct reader *r, size_t *size, bool *mapped)
{
	struct statx st;
	void *map;

	*mapped = false;
	*size = r->size;
	if (r->fd < 0)
		return r->data;
	if (statx(r->fd, "", AT_EMPTY_PATH, STATX_SIZE, &st) || !st.stx_size)
		return NULL;
	map = mmap(NULL, st.stx_size, PROT_READ, MAP_PRIVATE, r->fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	*mapped = true;
	*size = st.stx_size;
	return map;
}

static void record_code_object(struct thread *t, struct ev_code_object *e, const struct reader *r)
{
	uint8_t digest[32], *at;
	uint16_t digest_len = 0;
	const void *data;
	size_t size = 0;
	uint64_t elf_size;
	uint32_t flags;
	bool mapped = false;

	data = r ? reader_bytes(r, &size, &mapped) : NULL;
	if (data && isa_elf_header(data, size, &flags, &elf_size)) {
		e->e_flags = flags;
		e->size_bytes = size;
		sha256(data, size, digest);
		digest_len = sizeof(digest);
		store(data, size, digest);
	}
	if (mapped)
		munmap((void *)(uintptr_t)data, size);
	at = agent_reserve(t, EV_code_object, sizeof(*e) + 2u + digest_len);
	if (!at)
		return;
	memcpy(at, e, sizeof(*e));
	stream__put_bytes(at + sizeof(*e), digest, digest_len);
	agent_commit(t);
}

/* ---- executables: which agents they were loaded for ---- */

#define MAX_LOADED 256
static struct {
	uint64_t executable, agent;
} loaded[MAX_LOADED]; /* under the lock; a full table only costs kernel names */

static void add_loaded(uint64_t executable, uint64_t on)
{
	spin_lock(&readers_lock);
	for (int i = 0; i < MAX_LOADED; i++)
		if (!loaded[i].executable ||
		    (loaded[i].executable == executable && loaded[i].agent == on)) {
			loaded[i].executable = executable;
			loaded[i].agent = on;
			break;
		}
	spin_unlock(&readers_lock);
}

/* Take one agent off the list; 0 when there is none left. */
static uint64_t take_loaded(uint64_t executable)
{
	uint64_t on = 0;

	spin_lock(&readers_lock);
	for (int i = 0; i < MAX_LOADED && !on; i++)
		if (loaded[i].executable == executable) {
			on = loaded[i].agent;
			loaded[i].executable = 0;
		}
	spin_unlock(&readers_lock);
	return on;
}

static hsa_status_t load_agent_code_object(hsa_executable_t executable, hsa_agent_t on,
					   hsa_code_object_reader_t reader, const char *options,
					   hsa_loaded_code_object_t *out)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_status_t status = agent.core.hsa_executable_load_agent_code_object_fn(
		executable, on, reader, options, out);
	struct ev_code_object e;
	struct reader r;

	if (!t)
		return status;
	e = (struct ev_code_object){
		.begin_dt = agent_since(begin),
		.status = (int32_t)status,
		.executable = executable.handle,
		.agent = on.handle,
	};
	record_code_object(t, &e, find_reader(reader.handle, &r) ? &r : NULL);
	if (status == HSA_STATUS_SUCCESS)
		add_loaded(executable.handle, on.handle);
	agent_leave(t);
	return status;
}

/* ---- kernels ---- */

/*
 * kernel_object -> kernarg size, read at every doorbell: open addressing, entries are written once.
 * A bigger table replaces a full one; the old one stays for those who still look.
 */
struct kernel {
	uint64_t object; /* atomic key, 0 free */
	uint32_t kernarg_bytes;
};
struct kernel_table {
	uint32_t size, used; /* size is a power of two */
	struct kernel at[];
};
static struct kernel_table *kernels; /* atomic */
static int kernels_lock;

static uint32_t hash(uint64_t object)
{
	return (uint32_t)((object >> 6) * 0x9e3779b97f4a7c15ull >> 32);
}

int64_t kernel_kernarg_bytes(uint64_t object)
{
	const struct kernel_table *t = __atomic_load_n(&kernels, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; t && i < t->size; i++) {
		const struct kernel *k = &t->at[(hash(object) + i) & (t->size - 1)];
		uint64_t key = __atomic_load_n(&k->object, __ATOMIC_ACQUIRE);

		if (key == object)
			return __atomic_load_n(&k->kernarg_bytes, __ATOMIC_RELAXED);
		if (!key)
			break;
	}
	return -1;
}

static void put(struct kernel_table *t, uint64_t object, uint32_t bytes)
{
	for (uint32_t i = 0;; i++) {
		struct kernel *k = &t->at[(hash(object) + i) & (t->size - 1)];

		if (k->object && k->object != object)
			continue;
		t->used += !k->object;
		/* Code is reloaded at the same address: the newest size counts. */
		__atomic_store_n(&k->kernarg_bytes, bytes, __ATOMIC_RELAXED);
		__atomic_store_n(&k->object, object, __ATOMIC_RELEASE);
		return;
	}
}

static void add_kernel(uint64_t object, uint32_t bytes)
{
	struct kernel_table *t, *bigger;
	uint32_t size;

	spin_lock(&kernels_lock);
	t = kernels;
	if (!t || t->used * 2 >= t->size) {
		size = t ? t->size * 2 : 1024;
		bigger = calloc(1, sizeof(*bigger) + size * sizeof(bigger->at[0]));
		if (!bigger)
			goto out;
		bigger->size = size;
		for (uint32_t i = 0; t && i < t->size; i++)
			if (t->at[i].object)
				put(bigger, t->at[i].object, t->at[i].kernarg_bytes);
		__atomic_store_n(&kernels, bigger, __ATOMIC_RELEASE);
		t = bigger;
	}
	put(t, object, bytes);
out:
	spin_unlock(&kernels_lock);
}

static void record_symbol(struct thread *t, struct ev_kernel_symbol *e, const char *name,
			  size_t len)
{
	uint8_t *at;

	if (len > 3 && !memcmp(name + len - 3, ".kd", 3))
		len -= 3;
	at = agent_reserve(t, EV_kernel_symbol, sizeof(*e) + (len ? len : 1) + 1);
	if (!at)
		return;
	memcpy(at, e, sizeof(*e));
	stream__put_text(at + sizeof(*e), name, len);
	agent_commit(t);
}

static hsa_status_t one_symbol(hsa_executable_t executable, hsa_agent_t on,
			       hsa_executable_symbol_t symbol, void *data)
{
	__typeof__(agent.core.hsa_executable_symbol_get_info_fn) get =
		agent.core.hsa_executable_symbol_get_info_fn;
	struct ev_kernel_symbol e = {.executable = executable.handle, .agent = on.handle};
	hsa_symbol_kind_t kind = HSA_SYMBOL_KIND_VARIABLE;
	uint64_t object = 0;
	uint32_t len = 0, kernarg = 0, group = 0, private = 0;
	char *name;

	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_TYPE, &kind);
	if (kind != HSA_SYMBOL_KIND_KERNEL)
		return HSA_STATUS_SUCCESS;
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_NAME_LENGTH, &len);
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_OBJECT, &object);
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_KERNARG_SEGMENT_SIZE, &kernarg);
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_GROUP_SEGMENT_SIZE, &group);
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_KERNEL_PRIVATE_SEGMENT_SIZE, &private);
	if (len > 32768)
		return HSA_STATUS_SUCCESS;
	name = calloc(1, len + 1);
	if (!name)
		return HSA_STATUS_SUCCESS;
	get(symbol, HSA_EXECUTABLE_SYMBOL_INFO_NAME, name);
	e.kernel_object = object;
	e.kernarg_bytes = kernarg;
	e.group_bytes = group;
	e.private_bytes = private;
	add_kernel(object, kernarg);
	record_symbol(data, &e, name, len);
	free(name);
	return HSA_STATUS_SUCCESS;
}

static hsa_status_t freeze(hsa_executable_t executable, const char *options)
{
	struct thread *t = agent_enter();
	hsa_status_t status = agent.core.hsa_executable_freeze_fn(executable, options);
	uint64_t on;

	if (!t)
		return status;
	while ((on = take_loaded(executable.handle)))
		if (status == HSA_STATUS_SUCCESS)
			agent.core.hsa_executable_iterate_agent_symbols_fn(
				executable, (hsa_agent_t){on}, one_symbol, t);
	agent_leave(t);
	return status;
}

static hsa_status_t executable_destroy(hsa_executable_t executable)
{
	while (take_loaded(executable.handle)) /* it was never frozen */
		;
	return agent.core.hsa_executable_destroy_fn(executable);
}

void code_forget(void)
{
	struct reader *r;

	spin_lock(&readers_lock);
	memset(loaded, 0, sizeof(loaded));
	r = readers;
	readers = NULL;
	spin_unlock(&readers_lock);
	while (r) {
		struct reader *next = r->next;

		free_reader(r);
		r = next;
	}
}

void code_hook(CoreApiTable *core)
{
	core->hsa_code_object_reader_create_from_memory_fn = reader_from_memory;
	core->hsa_code_object_reader_create_from_file_fn = reader_from_file;
	core->hsa_code_object_reader_destroy_fn = reader_destroy;
	core->hsa_executable_load_agent_code_object_fn = load_agent_code_object;
	core->hsa_executable_freeze_fn = freeze;
	core->hsa_executable_destroy_fn = executable_destroy;
}
