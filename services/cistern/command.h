/* cistern/command.h - a command of the operator's command line is one row: words, what follows them, help, function.
 *
 * To add one: a row in commands.c, its function, its line in docs/cli.md, a case in tests/scenario/test_cli.py.
 */
#ifndef CISTERN_CISTERN_COMMAND_H
#define CISTERN_CISTERN_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/macros.h"
#include "cistern/output.h"
#include "config/config.h"

enum { COMMAND_OPTIONS_MAX = 8, COMMAND_OPERANDS_MAX = 2 };

enum option_kind { OPTION_END, OPTION_FLAG, OPTION_VALUE, OPTION_REQUIRED };

struct command_option {
	const char *name; /* with its dashes */
	enum option_kind kind;
};

struct call;

/* Writes its result to `out`; main() prints it when the command succeeded, or one line on standard error. */
typedef enum status command_run(const struct call *call, struct output *out, struct error *err);

struct command {
	const char *words, *synopsis, *help;
	size_t operands_min, operands_max;
	struct command_option options[COMMAND_OPTIONS_MAX];
	bool needs_config;
	command_run *run;
};

/* One call of a command. Texts are borrowed from argv. */
struct call {
	const struct command *command;
	const char *config_path; /* NULL: not given */
	enum output_format format;
	const char *operands[COMMAND_OPERANDS_MAX];
	size_t n_operands;
	const char *values[COMMAND_OPTIONS_MAX]; /* of the command's options; NULL: not given; a flag's is "" */
	const struct config *config;             /* NULL unless the row says needs_config */
};

struct command_table {
	const struct command *rows;
	size_t n_rows;
};

/* cistern [--config FILE] [--output text|json] WORDS [OPERANDS AND OPTIONS]. INVALID: not such a line; the text says why. */
MUST_CHECK enum status call_parse(const struct command_table *table, int argc, char *const *argv, struct call *ret_call,
				  struct error *err);
/* The value of an option of the command's row: NULL when it was not given. */
const char *call_option(const struct call *call, const char *name);

/* NULL: no such command. */
const struct command *command_find(const struct command_table *table, const char *const *words, size_t n_words);
const struct command_table *command_table(void);

/* The functions of the rows. */
command_run migrate_run, user_add_run, user_list_run, node_add_run, node_list_run, node_show_run, version_run, help_run;
command_run node_suspend_run, node_resume_run, node_revoke_run, node_renew_run, node_delete_run, node_transfer_run;
command_run node_import_run;
command_run self_claim_import_run, self_claim_list_run, self_claim_remove_run;
command_run user_role_run, user_delete_run, user_nodes_run;
command_run audit_run, audit_prune_run;
command_run broker_add_run, broker_list_run, broker_drain_run, broker_remove_run;
command_run ca_init_run, ca_show_run, ca_rollover_run;

#endif
