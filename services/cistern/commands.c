#include "cistern/command.h"

static const struct command rows[] = {
	{ .words = "migrate",
	  .synopsis = "",
	  .help = "bring the database to this program's schema; as its owner (database_owner_url)",
	  .needs_config = true,
	  .run = migrate_run },
	{ .words = "user add",
	  .synopsis = "NAME [--admin] [--password-file FILE] [--if-missing]",
	  .help = "make a confirmed account; asks for the password unless a file's first line has it",
	  .operands_min = 1,
	  .operands_max = 1,
	  .options = { { "--admin", OPTION_FLAG },
		       { "--password-file", OPTION_VALUE },
		       { "--if-missing", OPTION_FLAG } },
	  .needs_config = true,
	  .run = user_add_run },
	{ .words = "user list", .synopsis = "", .help = "all accounts", .needs_config = true, .run = user_list_run },
	{ .words = "node add",
	  .synopsis = "NODE_ID --out DIR [--if-missing]",
	  .help = "register a node; writes node.crt, node.key and ca.crt into DIR",
	  .operands_min = 1,
	  .operands_max = 1,
	  .options = { { "--out", OPTION_REQUIRED }, { "--if-missing", OPTION_FLAG } },
	  .needs_config = true,
	  .run = node_add_run },
	{ .words = "node list", .synopsis = "", .help = "all nodes", .needs_config = true, .run = node_list_run },
	{ .words = "node show",
	  .synopsis = "NODE_ID [--params]",
	  .help = "one node: presence, configuration, certificate, users; with --params the last reported values",
	  .operands_min = 1,
	  .operands_max = 1,
	  .options = { { "--params", OPTION_FLAG } },
	  .needs_config = true,
	  .run = node_show_run },
	{ .words = "version", .synopsis = "", .help = "version of the program and of its schema", .run = version_run },
	{ .words = "help",
	  .synopsis = "[COMMAND|settings]",
	  .help = "this text, one command's, or every setting",
	  .operands_max = 2,
	  .run = help_run },
};

const struct command_table *command_table(void)
{
	static const struct command_table table = { rows, ARRAY_LEN(rows) };
	return &table;
}
