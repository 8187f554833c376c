/* cistern - the operator's command line: the schema, users, nodes and their certificates. It works on the database and the node CA
 * directly and needs no daemon. main() reads the line, the settings, runs the row's function and tells the result.
 *
 * Exit status: 0 done; 1 failed, one line on standard error says why; 2 not such a command line; 3 a part of the work failed, which the
 * result tells.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cistern/command.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* libpq's texts have several lines; an error is one. */
static void tell(const char *text)
{
	CLEANUP(buffer) struct buffer line = { 0 };
	char flat[ERROR_TEXT_MAX + 1];
	size_t len = 0;
	for (; *text && len < sizeof(flat) - 1; text++)
		flat[len++] = *text == '\n' || *text == '\t' ? ' ' : *text;
	while (len > 0 && flat[len - 1] == ' ')
		len--;
	flat[len] = '\0';
	buffer_puts(&line, "cistern: ");
	output_put_shown(&line, flat);
	buffer_putc(&line, '\n');
	(void)fwrite(line.bytes, 1, line.len, stderr); /* nobody is left to be told when standard error is gone */
}

static int tell_usage(const struct command *command, const struct error *err)
{
	tell(err->text);
	if (command)
		(void)fprintf(stderr, "usage: cistern %s%s%s\n", command->words, *command->synopsis ? " " : "",
			      command->synopsis);
	else
		(void)fprintf(stderr,
			      "usage: cistern [--config FILE] [--output text|json] COMMAND; see 'cistern help'\n");
	return EXIT_USAGE;
}

static enum status run(struct call *call, struct config *config, struct output *output, struct error *err)
{
	if (call->command->needs_config) {
		const char *path = call->config_path ? call->config_path : getenv("CISTERN_CONFIG");
		enum status st = config_read(path, config, err);
		if (st != STATUS_OK)
			return st;
		call->config = config;
	}
	enum status st = call->command->run(call, output, err);
	return st == STATUS_OK ? output_finish(output, err) : st;
}

int main(int argc, char **argv)
{
	umask(077); /* whatever is made here is the operator's alone, unless said otherwise */
	struct call call = { .command = NULL };
	struct error err = { .text = "" };
	if (call_parse(command_table(), argc, argv, &call, &err) != STATUS_OK)
		return tell_usage(call.command, &err);
	struct config config = { 0 };
	CLEANUP(output) struct output output = { .format = call.format };
	if (run(&call, &config, &output, &err) != STATUS_OK) {
		tell(err.text);
		return EXIT_FAILED;
	}
	return output.exit_status ? output.exit_status : EXIT_DONE;
}
