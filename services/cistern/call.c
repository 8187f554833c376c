#include <stdlib.h>
#include <string.h>

#include "cistern/command.h"

/* Where the parser is in argv. */
struct cursor {
	char *const *at;
	char *const *end;
};

/* Does `text` begin with the words of a command, and are they all there is? */
static bool words_match(const char *words, const char *const *given, size_t n_given)
{
	for (size_t i = 0; i < n_given; i++) {
		size_t len = strcspn(words, " ");
		if (strlen(given[i]) != len || memcmp(words, given[i], len) != 0)
			return false;
		words += len;
		words += strspn(words, " ");
	}
	return *words == '\0';
}

const struct command *command_find(const struct command_table *table, const char *const *words, size_t n_words)
{
	for (size_t i = 0; i < table->n_rows; i++) {
		if (words_match(table->rows[i].words, words, n_words))
			return &table->rows[i];
	}
	return NULL;
}

/* `--name VALUE` or `--name=VALUE`. Moves behind it. NULL: it is not this option. */
static enum status take_option(struct cursor *cursor, const char *name, enum option_kind kind, const char **value,
			       bool *ret_taken, struct error *err)
{
	const char *text = *cursor->at;
	size_t len = strlen(name);
	*ret_taken = strncmp(text, name, len) == 0 && (text[len] == '\0' || text[len] == '=');
	if (!*ret_taken)
		return STATUS_OK;
	if (*value)
		return error_set(err, STATUS_INVALID, "%s is given twice", name);
	bool wants_value = kind != OPTION_FLAG;
	if (text[len] == '=' && !wants_value)
		return error_set(err, STATUS_INVALID, "%s takes no value", name);
	cursor->at++;
	if (!wants_value || text[len] == '=') {
		*value = wants_value ? text + len + 1 : "";
		return STATUS_OK;
	}
	if (cursor->at == cursor->end)
		return error_set(err, STATUS_INVALID, "%s needs a value", name);
	*value = *cursor->at++;
	return STATUS_OK;
}

struct global_values {
	const char *config, *output, *help;
};

static enum status take_global(struct cursor *cursor, struct global_values *values, bool *ret_taken, struct error *err)
{
	const struct {
		const char *name;
		enum option_kind kind;
		const char **value;
	} globals[] = {
		{ "--config", OPTION_VALUE, &values->config },
		{ "--output", OPTION_VALUE, &values->output },
		{ "--help", OPTION_FLAG, &values->help },
		{ "-h", OPTION_FLAG, &values->help },
	};
	enum status st = STATUS_OK;
	*ret_taken = false;
	for (size_t i = 0; i < ARRAY_LEN(globals) && st == STATUS_OK && !*ret_taken; i++)
		st = take_option(cursor, globals[i].name, globals[i].kind, globals[i].value, ret_taken, err);
	return st;
}

static enum status take_any_option(struct cursor *cursor, struct global_values *globals, struct call *call,
				   struct error *err)
{
	const struct command_option *options = call->command->options;
	const char *text = *cursor->at;
	bool taken = false;
	enum status st = take_global(cursor, globals, &taken, err);
	for (size_t i = 0; i < COMMAND_OPTIONS_MAX && options[i].kind != OPTION_END && st == STATUS_OK && !taken; i++)
		st = take_option(cursor, options[i].name, options[i].kind, &call->values[i], &taken, err);
	if (st == STATUS_OK && !taken)
		return error_set(err, STATUS_INVALID, "unknown option '%s'", text);
	return st;
}

static enum status take_leading_globals(struct cursor *cursor, struct global_values *globals, struct error *err)
{
	while (cursor->at < cursor->end && (*cursor->at)[0] == '-') {
		bool taken = false;
		const char *text = *cursor->at;
		enum status st = take_global(cursor, globals, &taken, err);
		if (st != STATUS_OK)
			return st;
		if (!taken)
			return error_set(err, STATUS_INVALID, "unknown option '%s'", text);
	}
	return STATUS_OK;
}

/* Two words go before one, so that `node add` is not taken for `node` with an operand. */
static enum status take_words(const struct command_table *table, struct cursor *cursor, struct call *call,
			      struct error *err)
{
	size_t n_left = (size_t)(cursor->end - cursor->at);
	for (size_t n_words = n_left < 2 ? n_left : 2; n_words > 0; n_words--) {
		const char *words[2] = { cursor->at[0], n_words > 1 ? cursor->at[1] : NULL };
		call->command = command_find(table, words, n_words);
		if (call->command) {
			cursor->at += n_words;
			return STATUS_OK;
		}
	}
	if (n_left == 0)
		return STATUS_OK; /* fine with --help, and else told by check_complete() */
	return error_set(err, STATUS_INVALID, "unknown command '%s%s%s'", cursor->at[0], n_left > 1 ? " " : "",
			 n_left > 1 ? cursor->at[1] : "");
}

static enum status take_rest(struct cursor *cursor, struct global_values *globals, struct call *call, struct error *err)
{
	bool only_operands = false; /* behind "--": a node id may begin with a dash */
	while (cursor->at < cursor->end) {
		const char *text = *cursor->at;
		if (!only_operands && strcmp(text, "--") == 0) {
			only_operands = true;
			cursor->at++;
		} else if (!only_operands && text[0] == '-') {
			enum status st = take_any_option(cursor, globals, call, err);
			if (st != STATUS_OK)
				return st;
		} else if (call->n_operands == call->command->operands_max) {
			return error_set(err, STATUS_INVALID, "'%s' is too much", text);
		} else {
			call->operands[call->n_operands++] = text;
			cursor->at++;
		}
	}
	return STATUS_OK;
}

static enum status check_complete(const struct call *call, struct error *err)
{
	const struct command *command = call->command;
	if (!command)
		return error_set(err, STATUS_INVALID, "no command is given");
	if (call->n_operands < command->operands_min)
		return error_set(err, STATUS_INVALID, "something is missing");
	for (size_t i = 0; i < COMMAND_OPTIONS_MAX; i++) {
		if (command->options[i].kind == OPTION_REQUIRED && !call->values[i])
			return error_set(err, STATUS_INVALID, "%s is missing", command->options[i].name);
	}
	return STATUS_OK;
}

static enum status choose_format(const char *name, enum output_format *ret_format, struct error *err)
{
	if (!name || strcmp(name, "text") == 0)
		*ret_format = OUTPUT_TEXT;
	else if (strcmp(name, "json") == 0)
		*ret_format = OUTPUT_JSON;
	else
		return error_set(err, STATUS_INVALID, "--output is text or json, not '%s'", name);
	return STATUS_OK;
}

/* What `cistern node add --help` means: `cistern help node add`, whatever else is on the line. */
static enum status turn_into_help(const struct command_table *table, struct call *call, struct error *err)
{
	static const char *const help[] = { "help" };
	struct call turned = { .command = command_find(table, help, 1), .format = call->format };
	if (!turned.command)
		return error_set(err, STATUS_INTERNAL, "there is no help");
	if (call->command)
		turned.operands[turned.n_operands++] = call->command->words;
	*call = turned;
	return STATUS_OK;
}

enum status call_parse(const struct command_table *table, int argc, char *const *argv, struct call *ret_call,
		       struct error *err)
{
	struct cursor cursor = { .at = argv + (argc > 0 ? 1 : 0), .end = argv + argc };
	struct global_values globals = { .config = NULL };
	struct call call = { .command = NULL };
	enum status st = take_leading_globals(&cursor, &globals, err);
	if (st == STATUS_OK)
		st = take_words(table, &cursor, &call, err);
	if (st == STATUS_OK && call.command)
		st = take_rest(&cursor, &globals, &call, err);
	if (st == STATUS_OK)
		st = choose_format(globals.output, &call.format, err);
	if (st == STATUS_OK)
		st = globals.help ? turn_into_help(table, &call, err) : check_complete(&call, err);
	if (st != STATUS_OK) {
		ret_call->command = call.command; /* for the usage line */
		return st;
	}
	call.config_path = globals.config;
	*ret_call = call;
	return STATUS_OK;
}

const char *call_option(const struct call *call, const char *name)
{
	const struct command_option *options = call->command->options;
	for (size_t i = 0; i < COMMAND_OPTIONS_MAX && options[i].kind != OPTION_END; i++) {
		if (strcmp(options[i].name, name) == 0)
			return call->values[i];
	}
	abort(); /* an option that the row has not: a mistake here */
}
