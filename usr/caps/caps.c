// SPDX-License-Identifier: MIT
#include "caps.h"
#include "pci_ids.h"

#include <stddef.h>

const struct caps_pte *caps_pte__find(unsigned int gfx_target_version)
{
	for (size_t i = 0; i < CAPS_NUM_PTES; i++)
		if (gfx_target_version >= caps_ptes[i].first &&
		    gfx_target_version <= caps_ptes[i].last)
			return &caps_ptes[i];
	return NULL;
}

const struct caps_iv *caps_iv__find(unsigned int gfx_target_version)
{
	for (size_t i = 0; i < CAPS_NUM_IVS; i++)
		if (gfx_target_version >= caps_ivs[i].first &&
		    gfx_target_version <= caps_ivs[i].last)
			return &caps_ivs[i];
	return NULL;
}

const struct caps_pci *caps_pci__find(unsigned int device_id, unsigned int rev)
{
	for (size_t i = 0; i < CAPS_NUM_PCIS; i++)
		if (caps_pcis[i].device_id == device_id &&
		    (caps_pcis[i].rev == rev || caps_pcis[i].rev == CAPS_ANY_REV))
			return &caps_pcis[i];
	return NULL;
}
