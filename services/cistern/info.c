#include <stdio.h>
#include <string.h>

#include "cistern/command.h"
#include "store/store.h"

#define CISTERN_VERSION "0.1.0"

enum status version_run(const struct call *call, struct output *output, struct error *err)
{
	(void)call, (void)err;
	const struct cell cells[] = { CELL_OF_TEXT("version", CISTERN_VERSION),
				      CELL_OF_NUMBER("schema_version", STORE_SCHEMA_VERSION) };
	output_record(output, cells, ARRAY_LEN(cells));
	return STATUS_OK;
}

/* --- help: for people in paragraphs, for programs a list of the rows --- */

static void put_paragraph(struct output *output, const struct command *command)
{
	output_puts(output, "  cistern ");
	output_puts(output, command->words);
	output_puts(output, *command->synopsis ? " " : "");
	output_puts(output, command->synopsis);
	output_puts(output, "\n      ");
	output_puts(output, command->help);
	output_puts(output, "\n");
}

static void put_commands(struct output *output, const struct command *rows, size_t n_rows)
{
	static const char *const columns[] = { "command", "synopsis", "help" };
	if (output->format == OUTPUT_TEXT) {
		for (size_t i = 0; i < n_rows; i++)
			put_paragraph(output, &rows[i]);
		return;
	}
	output_list_begin(output, "commands", columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < n_rows; i++) {
		const struct cell cells[] = { CELL_OF_TEXT(NULL, rows[i].words), CELL_OF_TEXT(NULL, rows[i].synopsis),
					      CELL_OF_TEXT(NULL, rows[i].help) };
		output_list_row(output, cells);
	}
	output_list_end(output);
}

static enum status help_one(const struct call *call, struct output *output, struct error *err)
{
	/* `help node add`, and `help "node add"` as it is made of `node add --help` */
	char words[64];
	(void)snprintf(words, sizeof(words), "%s%s%s", call->operands[0], call->n_operands > 1 ? " " : "",
		       call->n_operands > 1 ? call->operands[1] : "");
	for (size_t i = 0; i < command_table()->n_rows; i++) {
		const struct command *row = &command_table()->rows[i];
		if (strcmp(row->words, words) == 0) {
			put_commands(output, row, 1);
			return STATUS_OK;
		}
	}
	return error_set(err, STATUS_NOT_FOUND, "no command '%s'", words);
}

enum status help_run(const struct call *call, struct output *output, struct error *err)
{
	if (call->n_operands == 1 && strcmp(call->operands[0], "settings") == 0) {
		config_print(); /* text only; straight to standard output */
		return STATUS_OK;
	}
	if (call->n_operands > 0)
		return help_one(call, output, err);
	if (output->format == OUTPUT_TEXT)
		output_puts(output, "usage: cistern [--config FILE] [--output text|json] COMMAND\n\n"
				    "  --config FILE   settings; default $CISTERN_CONFIG\n"
				    "  --output        text for people (default), or one JSON document\n"
				    "  --              what follows is no option: a node id may begin with a dash\n\n"
				    "Exit status: 0 done, 1 failed, 2 not such a command line.\n\n");
	put_commands(output, command_table()->rows, command_table()->n_rows);
	return STATUS_OK;
}
