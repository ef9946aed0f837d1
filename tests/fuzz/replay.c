// SPDX-License-Identifier: MIT
/* replay FILE|DIRECTORY...: a harness without libFuzzer, over inputs that are there. */
#include "fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

static unsigned int inputs;

static bool read_input(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *data = NULL;
	bool ok = false;

	/* Of its exact size: the sanitizer sees what is read beyond. */
	if (f && !fstat(fileno(f), &st))
		data = malloc((size_t)st.st_size);
	if (data && fread(data, 1, (size_t)st.st_size, f) == (size_t)st.st_size) {
		LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
		inputs++;
		ok = true;
	} else {
		perror(path);
	}
	free(data);
	if (f)
		fclose(f);
	return ok;
}

static bool read_directory(DIR *d, const char *path)
{
	const struct dirent *e;
	bool ok = true;

	while ((e = readdir(d))) {
		char file[PATH_MAX];

		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		ok &= read_input(file);
	}
	closedir(d);
	return ok;
}

int main(int argc, char **argv)
{
	bool ok = argc > 1;

	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);

		ok &= d ? read_directory(d, argv[i]) : read_input(argv[i]);
	}
	printf("%u inputs\n", inputs);
	return !ok || !inputs;
}
