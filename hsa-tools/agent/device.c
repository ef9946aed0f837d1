// SPDX-License-Identifier: MIT
/* What a device is: by its driver, which knows the chip, and by the runtime, which may be told
 * otherwise. */
#include "image.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_DEVICES = 64 };
static struct device {
	uint64_t handle; /* atomic; 0 free */
	char chip[16], isa[64];
} devices[MAX_DEVICES];
static int devices_lock;

/* Set by the emulated device's library where there is one (hsa-tools/emu/emu.h). */
extern uint64_t rdna1_emu_ns_per_1k_insns __attribute__((weak));

bool agent_emulated(void)
{
	return &rdna1_emu_ns_per_1k_insns != NULL;
}

/*
 * gfx_target_version of KFD's topology: major * 10000 + minor * 100 + stepping (kfd_topology.c),
 * which HSA_OVERRIDE_GFX_VERSION does not change.
 */
static void read_chip(hsa_agent_t on, char *out, size_t size)
{
	static const char key[] = "gfx_target_version ";
	char path[80], text[4096];
	uint32_t node = UINT32_MAX;
	unsigned long version;
	const char *at;
	ssize_t n;
	int fd;

	if (agent.core.hsa_agent_get_info_fn(
		    on, (hsa_agent_info_t)HSA_AMD_AGENT_INFO_DRIVER_NODE_ID, &node))
		return;
	snprintf(path, sizeof(path), "/sys/class/kfd/kfd/topology/nodes/%u/properties", node);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	at = strstr(text, key);
	version = at ? strtoul(at + sizeof(key) - 1, NULL, 10) : 0;
	if (version)
		snprintf(out, size, "gfx%lu%lx%lx", version / 10000 % 100, version / 100 % 100,
			 version % 100);
}

static hsa_status_t first_isa(hsa_isa_t isa, void *data)
{
	char *out = data;
	uint32_t len = 0;

	if (!agent.core.hsa_isa_get_info_alt_fn(isa, HSA_ISA_INFO_NAME_LENGTH, &len) &&
	    len < sizeof(devices[0].isa))
		agent.core.hsa_isa_get_info_alt_fn(isa, HSA_ISA_INFO_NAME, out);
	return HSA_STATUS_INFO_BREAK;
}

static struct device *find(uint64_t handle)
{
	for (int i = 0; i < MAX_DEVICES; i++)
		if (__atomic_load_n(&devices[i].handle, __ATOMIC_ACQUIRE) == handle)
			return &devices[i];
	return NULL;
}

void device_learn(hsa_agent_t on)
{
	struct device d = {.handle = on.handle};

	if (!on.handle || find(on.handle))
		return;
	read_chip(on, d.chip, sizeof(d.chip));
	agent.core.hsa_agent_iterate_isas_fn(on, first_isa, d.isa);
	spin_lock(&devices_lock);
	for (int i = 0; i < MAX_DEVICES && !find(on.handle); i++)
		if (!devices[i].handle) {
			memcpy(devices[i].chip, d.chip, sizeof(d.chip));
			memcpy(devices[i].isa, d.isa, sizeof(d.isa));
			__atomic_store_n(&devices[i].handle, on.handle, __ATOMIC_RELEASE);
		}
	spin_unlock(&devices_lock);
}

const char *device_chip(hsa_agent_t on)
{
	const struct device *d = find(on.handle);

	return d ? d->chip : "";
}

const char *device_isa(hsa_agent_t on)
{
	const struct device *d = find(on.handle);

	return d ? d->isa : "";
}

void device_forget(void)
{
	memset(devices, 0, sizeof(devices));
}
