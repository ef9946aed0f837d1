// SPDX-License-Identifier: MIT
/* Names that are replaced, in texts of all kinds; what is not one stays. */
#include "t.h"
#include "../../usr/base/redact.h"

static void expect_text(const char *text, const char *want)
{
	struct redact r = {0};
	char *s = strdup(text);
	size_t len = strlen(s), done;

	redact__learn(&r, REDACT_USER, "kevin");
	redact__learn(&r, REDACT_USER, "root");
	redact__learn(&r, REDACT_HOST, "kevins-box.example.org");
	redact__learn(&r, REDACT_HOST, "kevins-box");
	redact__learn(&r, REDACT_ID, "3d1219c7c4c5404aaa1f6d2a48adfda4");
	redact__learn_paths(&r, text, len);
	done = redact__text(&r, s, len);
	redact__ids(&r, s);
	CHECK_STR(s, want);
	CHECK_EQ(strlen(s), len);
	CHECK_EQ(done != 0, strcmp(text, want) != 0 && !strstr(text, "unique_id"));
	/* again: nothing is left to do */
	CHECK_EQ(redact__text(&r, s, len) + redact__ids(&r, s), 0);
	CHECK_STR(s, want);
	redact__free(&r);
	free(s);
}

static void test_texts(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"", ""},
		{"/home/kevin/Projects/rocm-patch", "/home/USER_/Projects/rocm-patch"},
		{"/home/kevin", "/home/USER_"},
		{"PATH=/home/kevin/bin:/usr/bin:/home/kevin/.local/bin", "PATH=/home/USER_/bin:/usr/bin:/home/USER_/.local/bin"},
		{"/home/al/x", "/home/US/x"},
		{"(in /home/kevin) [/home/kevin]", "(in /home/USER_) [/home/USER_]"},
		{"/home/anna/x /home/jonathan.m/y anna", "/home/USER/x /home/USER3_____/y USER"},
		{"/var/home/root/x", "/var/home/USER/x"},
		{"/Users/kevin", "/Users/USER_"},
		{"/run/media/kevin/disk", "/run/media/USER_/disk"},
		{"owner kevin, kevin@kevins-box: kevins kevin2 _kevin", "owner USER_, USER_@HOST2_____: kevins kevin2 _kevin"},
		{"host kevins-box.example.org", "host HOST__________________"},
		{"/root/.cargo root", "/root/.cargo root"},
		{"/home/ /home// /home/$USER /home/<name>", "/home/ /home// /home/$USER /home/<name>"},
		{"\"/home/kevin\": 'x'", "\"/home/USER_\": 'x'"},
		{"192.168.1.10 10.0.0.1:8080 127.0.0.1 8.8.8.8", "000.000.0.00 00.0.0.0:8080 127.0.0.1 8.8.8.8"},
		{"http://203.0.113.7/x,198.51.100.4.", "http://000.0.000.0/x,000.00.000.0."},
		{"5.2.3.1 libfoo.so.12.13.14.15 12.13.14.15.16 12.13.14 256.1.1.1 v10.2.3.4 10.2.3.4-1",
		 "5.2.3.1 libfoo.so.12.13.14.15 12.13.14.15.16 12.13.14 256.1.1.1 v10.2.3.4 10.2.3.4-1"},
		{"fe80::1ff:fe23:4567:890a 2001:db8:0:1:1:1:1:1 ::1", "0000::000:0000:0000:0000 0000:000:0:0:0:0:0:0 ::1"},
		{"de:ad:be:ef:00:01 0000:0d:00.0 18:46:49 std::string a::b 0000:0b:00.0: amdgpu",
		 "00:00:00:00:00:00 0000:0d:00.0 18:46:49 std::string a::b 0000:0b:00.0: amdgpu"},
		{"id 3d1219c7c4c5404aaa1f6d2a48adfda4 a3d1219c7c4c5404aaa1f6d2a48adfda4",
		 "id 00000000000000000000000000000000 a3d1219c7c4c5404aaa1f6d2a48adfda4"},
		{"{\"unique_id\": 1234567, \"serial\": \"AB-9\", \"node\": 7}",
		 "{\"unique_id\": 1000000, \"serial\": \"00-9\", \"node\": 7}"},
		{"0x7fd7acd08000 conv2d_direct amdgcn-amd-amdhsa--gfx1010", "0x7fd7acd08000 conv2d_direct amdgcn-amd-amdhsa--gfx1010"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect_text(rows[i].text, rows[i].want);
}

static void test_learning(void)
{
	struct redact r = {0};
	char bytes[] = "\x01/home/kevin\x00kevin 192.168.1.10";

	CHECK(redact__learn(&r, REDACT_USER, "kevin"));
	CHECK(redact__learn(&r, REDACT_USER, "kevin"));
	CHECK(!redact__learn(&r, REDACT_USER, "root"));
	CHECK(!redact__learn(&r, REDACT_USER, "al"));
	CHECK(!redact__learn(&r, REDACT_HOST, "vm"));
	CHECK(!redact__learn(&r, REDACT_HOST, "Desktop"));
	CHECK_EQ(r.words.n, 3);
	/* In bytes that are no text, paths only. */
	CHECK_EQ(redact__bytes(&r, bytes, sizeof(bytes) - 1), 1);
	CHECK(!memcmp(bytes, "\x01/home/USER_\x00kevin 192.168.1.10", sizeof(bytes)));
	CHECK_EQ(r.counts[REDACT_USER], 1);
	for (unsigned int k = 0; k < REDACT_KINDS; k++)
		CHECK(redact_kind_name(k));
	redact__free(&r);
}

static void test_any_bytes(void)
{
	static const char words[] = "/home/1.2.3.4::ab:kevin\"serial\": ";
	uint32_t seed = 7;

	for (int round = 0; round < 3000; round++) {
		struct redact r = {0};
		size_t n = (size_t)round % 97;
		char *exact = malloc(n ? n : 1);

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			exact[i] = round % 2 ? words[(seed >> 16) % (sizeof(words) - 1)] : (char)(seed >> 24);
		}
		redact__learn(&r, REDACT_USER, "kevin");
		redact__learn_paths(&r, exact, n);
		redact__text(&r, exact, n);
		CHECK_EQ(redact__text(&r, exact, n), 0);
		redact__bytes(&r, exact, n);
		free(exact);
		redact__free(&r);
	}
}

int main(void)
{
	test_texts();
	test_learning();
	test_any_bytes();
	END_TESTS;
}
