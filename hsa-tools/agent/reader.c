// SPDX-License-Identifier: MIT
/* Code object readers: where the bytes of a code object are until it has been loaded. */
#include "code.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct reader *readers;
static int readers_lock;

static void add_reader(uint64_t handle, const void *data, size_t size, int fd)
{
	struct reader *r = NULL;

	/* In a forked child the lock may be held by a thread that is not there. */
	if (stream_proc__mine(&agent.proc)) {
		r = calloc(1, sizeof(*r));
		if (!r) /* what its code object says of its kernels */
			stream_proc__lost(&agent.proc, LOSS_no_memory, 1, true);
	}
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

bool reader_find(hsa_code_object_reader_t reader, struct reader *out)
{
	bool found = false;

	spin_lock(&readers_lock);
	for (struct reader *r = readers; r && !found; r = r->next)
		if (r->handle == reader.handle) {
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

	if (!stream_proc__mine(&agent.proc))
		return;
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

const void *reader_bytes(const struct reader *r, size_t *size, bool *mapped)
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

void reader_forget(void)
{
	struct reader *r;

	spin_lock(&readers_lock);
	r = readers;
	readers = NULL;
	spin_unlock(&readers_lock);
	while (r) {
		struct reader *next = r->next;

		free_reader(r);
		r = next;
	}
}

void reader_hook(CoreApiTable *core)
{
	core->hsa_code_object_reader_create_from_memory_fn = reader_from_memory;
	core->hsa_code_object_reader_create_from_file_fn = reader_from_file;
	core->hsa_code_object_reader_destroy_fn = reader_destroy;
}
