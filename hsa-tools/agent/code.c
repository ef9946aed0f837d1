// SPDX-License-Identifier: MIT
/*
 * Code objects: recorded when they are loaded, with their kernels when they are frozen, and stored
 * by content: all of them, or those of which a kernel is dispatched.
 */
#include "steer.h"

#include "../isa/elf.h"
#include "../isa/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <hsa/hsa_ven_amd_loader.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STORE_MAX = 256 << 20 }; /* bytes: a larger code object is not stored */

/* ---- one for each content, never taken away: kernels point to them ---- */

struct code {
	uint8_t sha256[32];
	uint64_t at; /* its bytes, when it was loaded last; the application may take them away */
	size_t size;
	uint64_t kept; /* atomic: their place in the file of keep() and 1; 0 not there */
	int used;      /* atomic: one of its kernels was dispatched */
	int stored;    /* atomic: enum ev_code_stored, 0 not yet */
	struct code *next;
};
static struct code *codes; /* atomic list */
static int codes_lock;
static int any_used;	 /* atomic: there is one to store */
static uint64_t news_ns; /* atomic */

uint64_t code_news_ns(void)
{
	return __atomic_load_n(&news_ns, __ATOMIC_RELAXED);
}

const uint8_t *code_sha256(const struct code *code)
{
	return code->sha256;
}

void code_used(struct code *code)
{
	if (__atomic_load_n(&code->used, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&code->used, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&any_used, 1, __ATOMIC_RELEASE);
}

void code_hex(const uint8_t *digest, char out[65])
{
	out[0] = 0;
	for (int i = 0; digest && i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* DIR/code-objects/<sha256>.co. 0 or -errno. */
static int store_bytes(const void *data, size_t size, const uint8_t digest[32])
{
	char name[80], text[65];
	int dir, err = 0;

	code_hex(digest, text);
	snprintf(name, sizeof(name), "%s.co", text);
	mkdirat(agent.dir_fd, "code-objects", 0755);
	dir = openat(agent.dir_fd, "code-objects", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	if (faccessat(dir, name, F_OK, 0))
		err = file_store(dir, name, data, size);
	close(dir);
	return err;
}

/*
 * MIOpen frees the bytes of a code object as soon as it is loaded, before a kernel of it is
 * dispatched. They are kept in a file that has no name: it ends with the process. Those that do
 * not fit, or where the file system has no such files, are looked for where they were.
 */
enum { KEPT_MAX = 64 << 20 }; /* bytes, all together */
static struct {
	int fd; /* -1 there is none */
	uint64_t size;
	bool tried;
} kept = {.fd = -1};

/* Returns room for so many bytes in the file, -1 without. */
static int64_t keep_room(size_t size)
{
	struct rlimit rl;
	int64_t at = -1;
	int fd;

	spin_lock(&codes_lock);
	if (!kept.tried) {
		kept.tried = true;
		fd = openat(agent.dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		kept.fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (fd >= 0)
			close(fd);
	}
	/* Writing past the limit would raise SIGXFSZ. */
	if (kept.fd >= 0 && kept.size + size <= KEPT_MAX && !getrlimit(RLIMIT_FSIZE, &rl) &&
	    rl.rlim_cur >= kept.size + size) {
		at = (int64_t)kept.size;
		kept.size += size;
	}
	spin_unlock(&codes_lock);
	return at;
}

static void keep(struct code *c, const void *data)
{
	int64_t at;

	if (__atomic_load_n(&c->kept, __ATOMIC_RELAXED))
		return;
	at = keep_room(c->size);
	if (at >= 0 && pwrite(kept.fd, data, c->size, at) == (ssize_t)c->size)
		__atomic_store_n(&c->kept, (uint64_t)at + 1, __ATOMIC_RELEASE);
}

static bool read_bytes(const struct code *c, void *out)
{
	uint64_t at = __atomic_load_n(&c->kept, __ATOMIC_ACQUIRE);

	if (at && pread(kept.fd, out, c->size, (off_t)at - 1) == (ssize_t)c->size)
		return true;
	return agent_peek(c->at, out, c->size) == c->size;
}

/* What was loaded then, if it still is there as it was. NULL: it is not. Unmap size bytes. */
static void *read_again(const struct code *c)
{
	uint8_t digest[32];
	void *copy =
		mmap(NULL, c->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool whole;

	if (copy == MAP_FAILED)
		return NULL;
	whole = read_bytes(c, copy);
	if (whole)
		sha256(copy, c->size, digest);
	if (whole && !memcmp(digest, c->sha256, sizeof(digest)))
		return copy;
	munmap(copy, c->size);
	return NULL;
}

static void store_one(struct thread *t, struct code *c)
{
	int expected = 0, err = -ESTALE;
	char text[65];
	void *copy;

	if (!__atomic_compare_exchange_n(&c->stored, &expected, CODE_STORED_yes, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	copy = read_again(c);
	if (copy) {
		err = store_bytes(copy, c->size, c->sha256);
		munmap(copy, c->size);
	}
	if (!err)
		return;
	__atomic_store_n(&c->stored, CODE_STORED_failed, __ATOMIC_RELEASE);
	code_hex(c->sha256, text);
	if (t)
		agent_note(t, "code object %s was not stored: %s", text,
			   err == -ESTALE
				   ? "the application took its bytes away before they were read"
				   : strerror(-err));
}

static int storing; /* atomic: threads that are at it */

void code_store_used(struct thread *t)
{
	int before;

	if (!__atomic_load_n(&any_used, __ATOMIC_RELAXED))
		return;
	__atomic_fetch_add(&storing, 1, __ATOMIC_ACQ_REL);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	if (!__atomic_exchange_n(&any_used, 0, __ATOMIC_ACQUIRE))
		goto out;
	for (struct code *c = __atomic_load_n(&codes, __ATOMIC_ACQUIRE); c; c = c->next)
		if (__atomic_load_n(&c->used, __ATOMIC_RELAXED) &&
		    !__atomic_load_n(&c->stored, __ATOMIC_RELAXED))
			store_one(t, c);
out:
	pthread_setcancelstate(before, NULL);
	__atomic_fetch_sub(&storing, 1, __ATOMIC_ACQ_REL);
}

void code_store_last(struct thread *t)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	code_store_used(t);
	/* The watchdog may be in the middle of one, and would end with the process. */
	for (int i = 0; i < 5000 && __atomic_load_n(&storing, __ATOMIC_ACQUIRE); i++)
		nanosleep(&ms, NULL);
}

static struct code *find_code(const uint8_t digest[32])
{
	struct code *c = codes;

	while (c && memcmp(c->sha256, digest, 32))
		c = c->next;
	return c;
}

int code_store(const struct code *c)
{
	void *copy = read_again(c);
	int err = copy ? store_bytes(copy, c->size, c->sha256) : -ESTALE;

	if (copy)
		munmap(copy, c->size);
	return err;
}

/* The entry of a code object whose bytes are at hand, new or known. NULL without memory. */
static struct code *take_code(const struct reader *r, const void *data, size_t size)
{
	struct code *c, *made;
	uint8_t digest[32];

	sha256(data, size, digest);
	made = calloc(1, sizeof(*made));
	spin_lock(&codes_lock);
	c = find_code(digest);
	if (!c && made) {
		c = made;
		made = NULL;
		memcpy(c->sha256, digest, sizeof(digest));
		c->size = size;
		c->next = codes;
		__atomic_store_n(&codes, c, __ATOMIC_RELEASE);
	}
	/* Where it is now: it may be stored later. */
	if (c && !c->stored)
		c->at = r->fd < 0 ? addr_of(data) : 0;
	spin_unlock(&codes_lock);
	free(made);
	return c;
}

/* At load, what can be decided then. */
static void store_now(struct code *c, const void *data)
{
	int stored = 0;

	if (c->stored)
		return;
	if (agent.options.code == CODE_OFF)
		stored = CODE_STORED_off;
	else if (c->size > STORE_MAX)
		stored = CODE_STORED_large;
	else if (agent.options.code == CODE_ALL)
		stored = store_bytes(data, c->size, c->sha256) ? CODE_STORED_failed
							       : CODE_STORED_yes;
	if (!stored) {
		keep(c, data);
		return;
	}
	__atomic_store_n(&c->stored, stored, __ATOMIC_RELEASE);
}

/* ---- loaded code objects: from load to the end of their executable ---- */

struct loaded {
	uint64_t executable, agent;
	hsa_loaded_code_object_t handle; /* 0 not known */
	struct code *code;		 /* NULL: its bytes were not to be had */
	struct kernel_metas metas;	 /* until it is frozen */
	char compiler[256];
	bool frozen;
	uint64_t va, size; /* in the map; 0 not there */
	struct loaded *next;
};
static struct loaded *loaded_list;
static int loaded_lock;

static void add_loaded(const struct loaded *x)
{
	struct loaded *l = malloc(sizeof(*l));

	if (!l) {
		stream_proc__lost(&agent.proc, LOSS_no_memory, 1, true);
		return;
	}
	*l = *x;
	spin_lock(&loaded_lock);
	l->next = loaded_list;
	loaded_list = l;
	spin_unlock(&loaded_lock);
}

/* Take one of an executable off the list; NULL when there is none left. 0: of any. */
static struct loaded *take_loaded(uint64_t executable, bool frozen)
{
	struct loaded *found = NULL;

	spin_lock(&loaded_lock);
	for (struct loaded **p = &loaded_list; *p && !found; p = &(*p)->next)
		if (!executable || ((*p)->executable == executable && (*p)->frozen == frozen)) {
			found = *p;
			*p = found->next;
			break;
		}
	spin_unlock(&loaded_lock);
	return found;
}

static void free_loaded(struct loaded *l)
{
	struct map_range r;

	if (l->size)
		map__remove(l->va, l->size, MEM_KIND_code, agent_now(), &r);
	kernel_metas__free(&l->metas);
	free(l);
}

static void record_code_object(struct thread *t, struct ev_code_object *e, const struct code *c)
{
	const uint16_t len = c ? sizeof(c->sha256) : 0;
	uint8_t *at = fact_reserve(t, EV_code_object, sizeof(*e) + 2u + len);

	if (!at)
		return;
	memcpy(at, e, sizeof(*e));
	stream__put_bytes(at + sizeof(*e), c ? c->sha256 : NULL, len);
	fact_commit(t);
}

/* Texts with a 0 between them, as one. */
static void copy_texts(char *out, size_t room, const char *texts, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 3 < room; i++)
		if (texts[i])
			out[n++] = texts[i];
		else if (n && i + 1 < len && texts[i + 1]) {
			out[n++] = ';';
			out[n++] = ' ';
		}
	out[n] = 0;
}

/* What is to be known of the bytes while they are there. */
static void look_at_uncancelled(struct thread *t, struct loaded *l, struct ev_code_object *e,
				const struct reader *r)
{
	const char *text;
	uint64_t elf_size;
	uint32_t flags;
	size_t size = 0, len;
	bool mapped = false;
	const void *data = reader_bytes(r, &size, &mapped);

	if (!data)
		agent_note(t, "the file of a code object could not be read: its kernels are known "
			      "by name only");
	if (data && isa_elf_header(data, size, &flags, &elf_size)) {
		e->e_flags = flags;
		e->size_bytes = size;
		l->code = take_code(r, data, size);
		if (l->code)
			store_now(l->code, data);
		kernel_metas__read(&l->metas, data, size);
		len = isa_elf_comment(data, size, &text);
		if (len)
			copy_texts(l->compiler, sizeof(l->compiler), text, len);
	}
	if (mapped)
		munmap((void *)(uintptr_t)data, size);
}

static void look_at(struct thread *t, struct loaded *l, struct ev_code_object *e,
		    const struct reader *r)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	look_at_uncancelled(t, l, e, r);
	pthread_setcancelstate(before, NULL);
}

static hsa_status_t load_agent_code_object(hsa_executable_t executable, hsa_agent_t on,
					   hsa_code_object_reader_t reader, const char *options,
					   hsa_loaded_code_object_t *out)
{
	struct thread *t = agent_enter();
	uint64_t begin = t ? agent_now() : 0;
	hsa_loaded_code_object_t handle = {0};
	hsa_status_t status = agent.core.hsa_executable_load_agent_code_object_fn(
		executable, on, reader, options, &handle);
	struct loaded l = {.executable = executable.handle, .agent = on.handle, .handle = handle};
	struct ev_code_object e;
	struct reader r;

	if (out && status == HSA_STATUS_SUCCESS)
		*out = handle;
	if (!t)
		return status;
	e = (struct ev_code_object){
		.begin_dt = agent_since(begin),
		.status = (int32_t)status,
		.executable = executable.handle,
		.agent = on.handle,
	};
	if (reader_find(reader, &r))
		look_at(t, &l, &e, &r);
	record_code_object(t, &e, l.code);
	if (status == HSA_STATUS_SUCCESS)
		add_loaded(&l);
	else
		kernel_metas__free(&l.metas);
	__atomic_store_n(&news_ns, agent_now(), __ATOMIC_RELAXED);
	agent_leave(t);
	return status;
}

/* ---- frozen ---- */

/* Where the runtime put it; the extension is not in the tables. */
static void find_place(struct loaded *l)
{
	hsa_ven_amd_loader_1_01_pfn_t loader;
	uint64_t base = 0, size = 0;

	if (!l->handle.handle || !agent.core.hsa_system_get_major_extension_table_fn)
		return;
	memset(&loader, 0, sizeof(loader));
	if (agent.core.hsa_system_get_major_extension_table_fn(HSA_EXTENSION_AMD_LOADER, 1,
							       sizeof(loader), &loader) ||
	    !loader.hsa_ven_amd_loader_loaded_code_object_get_info)
		return;
	if (loader.hsa_ven_amd_loader_loaded_code_object_get_info(
		    l->handle, HSA_VEN_AMD_LOADER_LOADED_CODE_OBJECT_INFO_LOAD_BASE, &base) ||
	    loader.hsa_ven_amd_loader_loaded_code_object_get_info(
		    l->handle, HSA_VEN_AMD_LOADER_LOADED_CODE_OBJECT_INFO_LOAD_SIZE, &size))
		return;
	if (base && size &&
	    map__add(&(struct map_range){
		    .lo = base, .size = size, .made_ns = agent_now(), .kind = MEM_KIND_code})) {
		l->va = base;
		l->size = size;
	}
}

static void record_info(struct thread *t, const struct loaded *l)
{
	struct ev_code_object_info e = {
		.executable = l->executable,
		.agent = l->agent,
		.va = l->va,
		.size_bytes = l->size,
		.version_major = l->metas.version[0],
		.version_minor = l->metas.version[1],
		.kernels = l->metas.n,
	};
	const size_t target = strlen(l->metas.target), compiler = strlen(l->compiler);
	const uint16_t sha = l->code ? sizeof(l->code->sha256) : 0;
	int stored =
		l->code ? __atomic_load_n(&l->code->stored, __ATOMIC_RELAXED) : CODE_STORED_failed;
	uint8_t *at;

	e.stored = stored ? (uint8_t)stored : CODE_STORED_used;
	at = fact_reserve(t, EV_code_object_info,
			  sizeof(e) + 2u + sha + (target ?: 1) + 1 + (compiler ?: 1) + 1);
	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	at = stream__put_bytes(at + sizeof(e), l->code ? l->code->sha256 : NULL, sha);
	at = stream__put_text(at, l->metas.target, target);
	stream__put_text(at, l->compiler, compiler);
	fact_commit(t);
}

/* Whether its agent has another of the same executable, whose kernels come up in one walk. */
static bool has_company(const struct loaded *l)
{
	bool found = false;

	spin_lock(&loaded_lock);
	for (const struct loaded *x = loaded_list; x && !found; x = x->next)
		found = x != l && x->executable == l->executable && x->agent == l->agent;
	spin_unlock(&loaded_lock);
	return found;
}

static void frozen(struct thread *t, struct loaded *l)
{
	struct kernel_walk walk = {
		.several = has_company(l),
		.t = t,
		.executable = {l->executable},
		.on = {l->agent},
		.code = l->code,
		.sha256 = l->code ? l->code->sha256 : NULL,
		.metas = &l->metas,
	};

	find_place(l);
	record_info(t, l);
	if (agent.steering)
		steer_ready(t, walk.on, &l->metas, l->code);
	kernel_record_all(&walk);
	kernel_metas__free(&l->metas);
	l->frozen = true;
}

static hsa_status_t freeze(hsa_executable_t executable, const char *options)
{
	struct thread *t = agent_enter();
	hsa_status_t status = agent.core.hsa_executable_freeze_fn(executable, options);
	struct loaded *l;

	if (!t)
		return status;
	module_libraries(t);
	while (status == HSA_STATUS_SUCCESS && (l = take_loaded(executable.handle, false))) {
		frozen(t, l);
		spin_lock(&loaded_lock);
		l->next = loaded_list;
		loaded_list = l;
		spin_unlock(&loaded_lock);
	}
	agent_leave(t);
	return status;
}

static hsa_status_t executable_destroy(hsa_executable_t executable)
{
	struct thread *t = agent_enter();
	struct loaded *l;

	if (t) {
		code_store_used(t);
		while ((l = take_loaded(executable.handle, true)) ||
		       (l = take_loaded(executable.handle, false)))
			free_loaded(l);
		agent_leave(t);
	}
	return agent.core.hsa_executable_destroy_fn(executable);
}

void code_forget(void)
{
	struct loaded *l;

	while ((l = take_loaded(0, false)))
		free_loaded(l);
	reader_forget();
}

void code_hook(CoreApiTable *core)
{
	reader_hook(core);
	core->hsa_executable_load_agent_code_object_fn = load_agent_code_object;
	core->hsa_executable_freeze_fn = freeze;
	core->hsa_executable_destroy_fn = executable_destroy;
}
