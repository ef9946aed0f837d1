// SPDX-License-Identifier: MIT
/* Copies in every direction, memset, and a kernel between them; each result is verified. */
#include "hip_check.h"

#include <cstring>
#include <vector>

extern "C" __global__ void vector_add(const float *a, const float *b, float *c, int n)
{
	int i = blockIdx.x * blockDim.x + threadIdx.x;

	if (i < n)
		c[i] = a[i] + b[i];
}

static int failures;

static void expect(const char *what, bool ok)
{
	std::printf("%-32s %s\n", what, ok ? "ok" : "WRONG");
	failures += !ok;
}

/* A size that is no multiple of anything, and one over the runtime's staging chunk. */
static void round_trip(size_t n)
{
	std::vector<float> a(n), b(n), c(n);
	float *da = device_floats("a", n), *db = device_floats("b", n), *dc = device_floats("c", n);
	char name[64];
	bool same = true;

	fill_random(a.data(), n, 3);
	fill_random(b.data(), n, 4);
	HIP(hipMemcpy(da, a.data(), n * sizeof(float), hipMemcpyHostToDevice));
	HIP(hipMemcpy(db, b.data(), n * sizeof(float), hipMemcpyHostToDevice));
	vector_add<<<(unsigned)((n + 255) / 256), 256>>>(da, db, dc, (int)n);
	HIP(hipGetLastError());
	HIP(hipMemcpy(c.data(), dc, n * sizeof(float), hipMemcpyDeviceToHost));
	for (size_t i = 0; i < n; i++)
		same &= c[i] == a[i] + b[i];
	std::snprintf(name, sizeof(name), "add %zu", n);
	expect(name, same);

	HIP(hipMemcpy(dc, da, n * sizeof(float), hipMemcpyDeviceToDevice));
	HIP(hipMemcpy(c.data(), dc, n * sizeof(float), hipMemcpyDeviceToHost));
	std::snprintf(name, sizeof(name), "device to device %zu", n);
	expect(name, !std::memcmp(c.data(), a.data(), n * sizeof(float)));

	HIP(hipMemset(dc, 0x5a, n * sizeof(float)));
	HIP(hipMemcpy(c.data(), dc, n * sizeof(float), hipMemcpyDeviceToHost));
	same = true;
	for (size_t i = 0; i < n * sizeof(float); i++)
		same &= ((unsigned char *)c.data())[i] == 0x5a;
	std::snprintf(name, sizeof(name), "memset %zu", n);
	expect(name, same);
	device_free("a", da);
	device_free("b", db);
	device_free("c", dc);
}

int main(int argc, char **)
{
	if (argc > 1) {
		std::fprintf(stderr, "usage: vector\n");
		return 2;
	}
	round_trip(1000);
	round_trip(999983);
	round_trip(3 << 20);
	std::printf(failures ? "WRONG: %d results\n" : "ok: all results right\n", failures);
	return failures != 0;
}
