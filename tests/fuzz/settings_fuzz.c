/* Any settings file is read or refused with a reason. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stdio.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	int fd = memfd_create("settings", 0);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	char path[32];
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct error err = { .status = STATUS_OK };
	if (config_read(path, &config, &err) != STATUS_OK && err.text[0] == '\0')
		abort();
	close(fd);
	return 0;
}
