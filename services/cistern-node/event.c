#include "event.h"

#include "base/buffer.h"

#include <stdio.h>

void event_write_fields(const char *event, const char *node_id, const struct log_field *fields, size_t n_fields)
{
	CLEANUP(buffer) struct buffer line = { 0 };

	log_put_time(&line);
	buffer_printf(&line, " event=%s", event);
	if (node_id)
		log_put_field(&line, &F_STR("node", node_id));
	for (size_t i = 0; i < n_fields; i++)
		log_put_field(&line, &fields[i]);
	buffer_putc(&line, '\n');
	(void)fwrite(line.bytes, 1, line.len, stdout); /* a reader that went away is not the node's failure */
}
