/* Any request target. A path that is let through is safe to match: one slash at a time, no dot segment, printable, bounded; and
 * reading it again changes nothing, so nothing in it was decoded halfway. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/path.h"
#include "api/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	path_text path, again;
	struct error err = { .status = STATUS_OK };
	unsigned methods = 0;
	if (path_read((const char *)data, size, path, &err) != STATUS_OK) {
		must(err.text[0] != '\0');
		return 0;
	}
	must(path[0] == '/' && strlen(path) <= PATH_BYTES_MAX && strlen(path) <= size);
	must(!strstr(path, "//") && !strstr(path, "/../") && !strstr(path, "/./") && !strchr(path, '%'));
	for (const char *at = path; *at; at++)
		must(*at > 0x20 && *at < 0x7f);
	must(path_read(path, strlen(path), again, &err) == STATUS_OK && strcmp(path, again) == 0);
	(void)route_find(path, METHOD_GET, &methods);
	return 0;
}
