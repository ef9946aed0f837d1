// SPDX-License-Identifier: MIT
/* Decoder tables against the headers they were written from, and what they print. */
#include "t.h"
#include "../../usr/decode/kfd.h"
#include "../../usr/caps/caps.h"
#include "../../bpf/events.h"

#include <linux/kfd_ioctl.h>
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>
#include <stddef.h>

static void check_cmd(unsigned int cmd, const char *name, size_t size)
{
	const struct kfd_cmd *c = kfd_cmd__find(cmd);

	CHECK(c);
	if (!c)
		return;
	CHECK_STR(c->name, name);
	CHECK_EQ(c->size, size);
	CHECK_EQ(c->nr, KFD_IOC_NR(cmd));
}

static void check_field(unsigned int cmd, const char *field, size_t offset, size_t size)
{
	const struct kfd_cmd *c = kfd_cmd__find(cmd);

	for (const struct kfd_field *f = c ? c->fields : NULL; f && f->name; f++)
		if (!strcmp(f->name, field)) {
			CHECK_EQ(f->offset, offset);
			CHECK_EQ(f->size, size);
			return;
		}
	printf("%s.%s\n", c ? c->name : "?", field);
	CHECK(!"field is in the table");
}

#define CMD(ioc, str) check_cmd(AMDKFD_IOC_##ioc, #ioc, sizeof(struct str))
#define FIELD(ioc, str, field)                                                                     \
	check_field(AMDKFD_IOC_##ioc, #field, offsetof(struct str, field),                         \
		    sizeof(((struct str *)0)->field))

static void test_kfd_rows(void)
{
	CMD(GET_VERSION, kfd_ioctl_get_version_args);
	CMD(CREATE_QUEUE, kfd_ioctl_create_queue_args);
	CMD(DESTROY_QUEUE, kfd_ioctl_destroy_queue_args);
	CMD(SET_MEMORY_POLICY, kfd_ioctl_set_memory_policy_args);
	CMD(GET_CLOCK_COUNTERS, kfd_ioctl_get_clock_counters_args);
	CMD(GET_PROCESS_APERTURES, kfd_ioctl_get_process_apertures_args);
	CMD(UPDATE_QUEUE, kfd_ioctl_update_queue_args);
	CMD(CREATE_EVENT, kfd_ioctl_create_event_args);
	CMD(DESTROY_EVENT, kfd_ioctl_destroy_event_args);
	CMD(SET_EVENT, kfd_ioctl_set_event_args);
	CMD(RESET_EVENT, kfd_ioctl_reset_event_args);
	CMD(WAIT_EVENTS, kfd_ioctl_wait_events_args);
	CMD(SET_SCRATCH_BACKING_VA, kfd_ioctl_set_scratch_backing_va_args);
	CMD(GET_TILE_CONFIG, kfd_ioctl_get_tile_config_args);
	CMD(SET_TRAP_HANDLER, kfd_ioctl_set_trap_handler_args);
	CMD(GET_PROCESS_APERTURES_NEW, kfd_ioctl_get_process_apertures_new_args);
	CMD(ACQUIRE_VM, kfd_ioctl_acquire_vm_args);
	CMD(ALLOC_MEMORY_OF_GPU, kfd_ioctl_alloc_memory_of_gpu_args);
	CMD(FREE_MEMORY_OF_GPU, kfd_ioctl_free_memory_of_gpu_args);
	CMD(MAP_MEMORY_TO_GPU, kfd_ioctl_map_memory_to_gpu_args);
	CMD(UNMAP_MEMORY_FROM_GPU, kfd_ioctl_unmap_memory_from_gpu_args);
	CMD(SET_CU_MASK, kfd_ioctl_set_cu_mask_args);
	CMD(GET_QUEUE_WAVE_STATE, kfd_ioctl_get_queue_wave_state_args);
	CMD(GET_DMABUF_INFO, kfd_ioctl_get_dmabuf_info_args);
	CMD(IMPORT_DMABUF, kfd_ioctl_import_dmabuf_args);
	CMD(ALLOC_QUEUE_GWS, kfd_ioctl_alloc_queue_gws_args);
	CMD(SMI_EVENTS, kfd_ioctl_smi_events_args);
	CMD(SVM, kfd_ioctl_svm_args);
	CMD(SET_XNACK_MODE, kfd_ioctl_set_xnack_mode_args);
	CMD(CRIU_OP, kfd_ioctl_criu_args);
	CMD(AVAILABLE_MEMORY, kfd_ioctl_get_available_memory_args);

	FIELD(CREATE_QUEUE, kfd_ioctl_create_queue_args, doorbell_offset);
	FIELD(CREATE_QUEUE, kfd_ioctl_create_queue_args, queue_id);
	FIELD(CREATE_QUEUE, kfd_ioctl_create_queue_args, ctl_stack_size);
	FIELD(UPDATE_QUEUE, kfd_ioctl_update_queue_args, queue_priority);
	FIELD(CREATE_EVENT, kfd_ioctl_create_event_args, event_slot_index);
	FIELD(WAIT_EVENTS, kfd_ioctl_wait_events_args, wait_result);
	FIELD(ALLOC_MEMORY_OF_GPU, kfd_ioctl_alloc_memory_of_gpu_args, flags);
	FIELD(ALLOC_MEMORY_OF_GPU, kfd_ioctl_alloc_memory_of_gpu_args, mmap_offset);
	FIELD(MAP_MEMORY_TO_GPU, kfd_ioctl_map_memory_to_gpu_args, n_success);
	FIELD(GET_CLOCK_COUNTERS, kfd_ioctl_get_clock_counters_args, system_clock_freq);
	FIELD(GET_TILE_CONFIG, kfd_ioctl_get_tile_config_args, num_ranks);
	FIELD(SVM, kfd_ioctl_svm_args, nattr);
	FIELD(GET_DMABUF_INFO, kfd_ioctl_get_dmabuf_info_args, dmabuf_fd);
	FIELD(SET_MEMORY_POLICY, kfd_ioctl_set_memory_policy_args, alternate_policy);
	FIELD(CRIU_OP, kfd_ioctl_criu_args, op);

	CHECK_EQ(kfd_cmd__find(AMDKFD_IOC_WAIT_EVENTS)->array[0].elem, sizeof(struct kfd_event_data));
	CHECK_EQ(kfd_cmd__find(AMDKFD_IOC_GET_PROCESS_APERTURES_NEW)->array[0].elem,
		 sizeof(struct kfd_process_device_apertures));
	CHECK(!kfd_cmd__find(0xc0285482)); /* another type byte */
	CHECK(!kfd_cmd__find(0xc0284b82)); /* a number nobody uses upstream */
}

static void test_hsa_values(void)
{
#define HSA_STATUS_ROW(name, value) CHECK_EQ(HSA_STATUS_##name, value);
#define HSA_DEVICE_ROW(name, value) CHECK_EQ(HSA_DEVICE_TYPE_##name, value);
#define HSA_SEGMENT_ROW(name, value) CHECK_EQ(HSA_AMD_SEGMENT_##name, value);
#define HSA_POOL_FLAG_ROW(name, value) CHECK_EQ(HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_##name, value);
#define HSA_FAULT_ROW(name, value) CHECK_EQ((uint32_t)HSA_AMD_MEMORY_FAULT_##name, value);
#include "../../usr/decode/hsa_values.def"
}

static void expect(enum print_kind kind, uint64_t value, bool is_signed, const char *want)
{
	struct buf b = {0};

	print_value(&b, kind, value, is_signed);
	CHECK_STR(buf__str(&b), want);
	buf__free(&b);
}

static void test_print(void)
{
	struct buf b = {0};
	struct kfd_ioctl_alloc_memory_of_gpu_args a = {
		.va_addr = 0x7f0000200000, .size = 2 << 20, .handle = 3, .gpu_id = 0x1234,
		.flags = 0xd0000001};
	struct kfd_event_data ev[2] = {{.event_id = 4}, {.event_id = 5}};
	uint64_t value;

	expect(PRINT_KFD_ALLOC_FLAGS, 0xd0000001, false,
	       "VRAM|NO_SUBSTITUTE|EXECUTABLE|WRITABLE (0xd0000001)");
	expect(PRINT_KFD_ALLOC_FLAGS, 0x401, false, "VRAM|0x400 (0x401)");
	expect(PRINT_KFD_ALLOC_FLAGS, 0, false, "0");
	expect(PRINT_ERRNO, (uint64_t)-22, true, "-22 (EINVAL)");
	expect(PRINT_ERRNO, (uint64_t)-512, true, "-512 (ERESTARTSYS)");
	expect(PRINT_ERRNO, 5, true, "5");
	expect(PRINT_HSA_STATUS, 0x29, false, "HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION (0x29)");
	expect(PRINT_HSA_STATUS, 0x77, false, "0x77");
	expect(PRINT_AMDGPU_EFLAGS, 0x133, false, "gfx1010 (0x133)");
	expect(PRINT_AMDGPU_EFLAGS, 0x36, false, "gfx1030 (0x36)");
	expect(PRINT_PTE_GFX10, 3ull << 48 | 0x77, false,
	       "UC|VALID|SYSTEM|SNOOPED|EXECUTABLE|READABLE|WRITEABLE (0x3000000000077)");
	expect(PRINT_SIZE, 2 << 20, false, "2097152 (2 MiB)");
	expect(PRINT_SIZE, 1000, false, "1000");
	expect(PRINT_NS, 12345, false, "12345 (12.3us)");
	expect(PRINT_STATUS, 0x0600, true, "exited with 6 (0x600)");
	expect(PRINT_STATUS, 6, true, "killed by signal 6 (0x6)");
	expect(PRINT_POOL_FLAGS, 6, false, "FINE_GRAINED|COARSE_GRAINED (0x6)");
	expect(PRINT_CAUSE, LOSS_ring_full, false, "ring full (1)");

	kfd_print_arg(&b, AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, (uint8_t *)&a, sizeof(a));
	CHECK_STR(buf__str(&b),
		  "{va_addr=0x7f0000200000, size=2097152 (2 MiB), handle=0x3, mmap_offset=0, "
		  "gpu_id=0x1234, flags=VRAM|NO_SUBSTITUTE|EXECUTABLE|WRITABLE (0xd0000001)}");
	/* an older, shorter struct: the tail is absent; a newer, longer one: the rest is raw */
	buf__reset(&b);
	kfd_print_arg(&b, AMDKFD_IOC_FREE_MEMORY_OF_GPU, (uint8_t[]){1, 0, 0, 0}, 4);
	CHECK_STR(buf__str(&b), "{}");
	buf__reset(&b);
	kfd_print_arg(&b, AMDKFD_IOC_SET_XNACK_MODE, (uint8_t[]){255, 255, 255, 255, 0xab}, 5);
	CHECK_STR(buf__str(&b), "{xnack_enabled=-1, +ab}");
	buf__reset(&b);
	kfd_print_array(&b, AMDKFD_IOC_WAIT_EVENTS, 0, (uint8_t *)ev, sizeof(ev));
	CHECK_STR(buf__str(&b), "[{event_id=4}, {event_id=5}]");
	buf__reset(&b);
	kfd_print_cmd(&b, 0xc0284b82);
	CHECK_STR(buf__str(&b), "AMDKFD_IOC_DBG_TRAP");
	buf__reset(&b);
	kfd_print_cmd(&b, 0xc0284bf2);
	CHECK_STR(buf__str(&b), "_IOC(0x4b, 0xf2, 40)");
	CHECK(kfd_arg_get(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, (uint8_t *)&a, sizeof(a), "size", &value));
	CHECK_EQ(value, 2 << 20);
	CHECK(!kfd_arg_get(AMDKFD_IOC_ALLOC_MEMORY_OF_GPU, (uint8_t *)&a, 8, "size", &value));
	buf__free(&b);
}

static void test_buf(void)
{
	struct buf b = {0};

	buf__json(&b, "a\"\\\n\x01\xff\xc3\xa9", 8);
	CHECK_STR(buf__str(&b), "\"a\\\"\\\\\\n\\u0001\\ufffd\xc3\xa9\"");
	buf__reset(&b);
	buf__shell(&b, "it's");
	buf__putc(&b, ' ');
	buf__shell(&b, "plain-1.2");
	buf__putc(&b, ' ');
	buf__shell(&b, "");
	CHECK_STR(buf__str(&b), "'it'\\''s' plain-1.2 ''");
	buf__free(&b);
}

int main(void)
{
	test_kfd_rows();
	test_hsa_values();
	test_print();
	test_buf();
	END_TESTS;
}
