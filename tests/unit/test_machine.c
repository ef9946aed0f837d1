// SPDX-License-Identifier: MIT
/* struct machine out of session.json: a recorder's, an agent's, any value being anything. */
#include "t.h"
#include "../../usr/base/buf.h"
#include "../../usr/cmd_machine.h"

#include <jansson.h>

static const char text[] =
	"{'writer': 'recorder', 'kernel': '6.8.0-45-generic',"
	" 'environment': {'HSA_OVERRIDE_GFX_VERSION': '10.3.0', 'PATH': '/usr/bin'}, 'environment_names': ['HOME'],"
	" 'facts': {"
	"  'host': {'kernel': {'release': '6.8.0-45-generic'}, 'hypervisor': false,"
	"   'amdgpu': {'loaded': true, 'out_of_tree': false, 'btf': true, 'parameters': {'noretry': '-1', 'mtype_local': null}},"
	"   'tracing': {'vmlinux_btf': true, 'may_load': false, 'bpf_jit_enable': 0, 'lockdown': 'none'},"
	"   'limits': {'memlock': {'soft': 'unlimited', 'hard': 'unlimited'}, 'nofile': {'soft': 1024}}},"
	"  'device': {'emulated': false, 'kfd': {'present': true, 'openable': true, 'group': 'render', 'member': true,"
	"    'version': {'major': 1, 'minor': 14}},"
	"   'nodes': [{'node': 0, 'simd_count': 0}, {'node': 1, 'simd_count': 72, 'compute_units': 36, 'gfx_target_version': 100100,"
	"     'vendor_id': 4098, 'device_id': 29471, 'drm_render_minor': 128, 'fw_version': 144,"
	"     'mem_banks': [{'size_in_bytes': 6425673728}], 'io_links': [{'flags': 5}]}],"
	"   'cards': [{'drm_render_minor': 128, 'vendor_id': 4098, 'device_id': 29471, 'revision': 202, 'driver': 'amdgpu', 'accessible': true},"
	"     {'drm_render_minor': 129, 'vendor_id': 4098, 'device_id': 29504, 'revision': 197, 'driver': 'vfio-pci', 'accessible': false}]},"
	"  'software': {'libraries': [{'name': 'amdhip64', 'path': '/a', 'rocm': '5.2.3', 'from': 'ld cache', 'first': true}],"
	"   'databases': [], 'python': {'version': '3.10.19', 'torch': '1.13.1+rocm5.2'}}}}";

static json_t *parse(const char *s)
{
	char *copy = xstrdup(s);
	json_t *j;

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	j = json_loads(copy, 0, NULL);
	free(copy);
	return j;
}

static void test_whole(const json_t *s)
{
	struct machine *m = machine__from((const struct json_t *)s);
	const struct machine_gpu *g = machine__gpu(m);
	const char *name;

	CHECK_EQ(m->num_gpus, 2);
	CHECK_STR(g->name, "AMD Radeon RX 5600 XT");
	CHECK(g->node == 1 && g->gfx_target_version == 100100 && g->compute_units == 36 && g->mec_firmware == 144);
	CHECK(g->atomics32 == KNOWN_NO && g->atomics64 == KNOWN_YES && g->openable == KNOWN_YES && g->in_kfd == KNOWN_YES);
	CHECK_EQ(g->vram_bytes, 6425673728ll);
	CHECK(m->gpus[1].in_kfd == KNOWN_NO && m->gpus[1].openable == KNOWN_NO && machine__gfx(&m->gpus[1]) == 100102);
	CHECK_STR(m->gpus[1].name, "AMD Radeon RX 5500 XT");
	CHECK(m->kfd.major == 1 && m->kfd.minor == 14 && m->kfd.member == KNOWN_YES);
	CHECK_STR(machine__override(m, g, &name), "10.3.0");
	CHECK_STR(name, "HSA_OVERRIDE_GFX_VERSION");
	CHECK(m->num_variables == 3 && !machine__variable(m, "HOME") && m->environment_known == KNOWN_YES);
	CHECK_STR(machine__parameter(m, "noretry")->value, "-1");
	CHECK(!machine__parameter(m, "mtype_local")->value);
	CHECK(m->memlock.unlimited && m->nofile.n == 1024 && m->fsize.known == NOT_KNOWN);
	CHECK(m->tracing.jit.known == KNOWN_YES && !m->tracing.jit.n && m->tracing.may_load == KNOWN_NO);
	CHECK(m->emulated == KNOWN_NO && m->driver_loaded == KNOWN_YES && m->container == NOT_KNOWN);
	CHECK_STR(m->rocm, "5.2.3");
	CHECK_STR(machine__library(m, "amdhip64")->path, "/a");
	CHECK(m->python.has_torch == KNOWN_YES && m->python.has_numpy == KNOWN_NO && m->databases_known == KNOWN_YES);
	machine__free(m);
}

/* Every place with values of other kinds: read or left out. */
static void spoil(json_t *whole, json_t *at, unsigned int depth)
{
	json_t *other[] = {json_null(), json_integer(-1), json_string("x"), json_array(), json_true(), json_object()};
	const char *key;
	json_t *value;
	void *tmp;

	json_object_foreach_safe(at, tmp, key, value) {
		char *name = xstrdup(key);

		json_incref(value);
		for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
			struct machine *m;

			json_object_set(at, name, other[i]);
			m = machine__from((const struct json_t *)whole);
			CHECK(m);
			machine__gpu(m);
			machine__free(m);
		}
		json_object_set(at, name, value);
		if (json_is_object(value) && depth < 6)
			spoil(whole, value, depth + 1);
		for (size_t i = 0; i < json_array_size(value); i++)
			spoil(whole, json_array_get(value, i), depth + 1);
		json_decref(value);
		free(name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		json_decref(other[i]);
}

int main(void)
{
	json_t *s = parse(text), *agents = parse("{'writer': 'agent', 'environment': {'HSA_XNACK': '1'}}");
	struct machine *m;

	CHECK(s && agents);
	test_whole(s);
	spoil(s, s, 0);
	m = machine__from((const struct json_t *)agents);
	CHECK(!m->num_gpus && m->emulated == NOT_KNOWN && m->databases_known == NOT_KNOWN && m->python.has_torch == NOT_KNOWN);
	CHECK_STR(machine__variable(m, "HSA_XNACK"), "1");
	machine__free(m);
	m = machine__from(NULL);
	CHECK(!machine__gpu(m) && !machine__gfx(NULL));
	machine__free(m);
	json_decref(s);
	json_decref(agents);
	END_TESTS;
}
