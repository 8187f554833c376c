#include "consumer.h"

#include "model/access.h"

#include <stdio.h>

static uint64_t plain_bit(size_t row)
{
	return UINT64_C(1) << (2 * row);
}

static uint64_t alias_bit(size_t row)
{
	return UINT64_C(2) << (2 * row);
}

void consumer_init(struct consumer *consumer)
{
	const struct access_row *row;

	*consumer = (struct consumer){ .missing = 0 };
	for (size_t i = 0; (row = access_row_at(i)); i++) {
		if (!row->kept)
			continue;
		consumer->missing |= plain_bit(i);
		if (row->rule)
			consumer->missing |= alias_bit(i);
	}
}

/* The filter that matches the row's topics of all nodes. */
static size_t write_plain(const struct access_row *row, char out[TOPIC_MAX])
{
	return (size_t)snprintf(out, TOPIC_MAX, "node/+/%s%s", row->suffix.at, row->grouped ? "/+" : "");
}

static size_t write_alias(const struct access_row *row, char out[TOPIC_MAX])
{
	return (size_t)snprintf(out, TOPIC_MAX, "$aws/rules/%s/node/+/%s", row->rule, row->suffix.at);
}

void consumer_on_subscribe(struct consumer *consumer, const char *filter, size_t filter_len)
{
	const struct access_row *row;
	char topics[TOPIC_MAX];

	for (size_t i = 0; consumer->missing && (row = access_row_at(i)); i++) {
		if (topic_filter_covers(filter, filter_len, topics, write_plain(row, topics)))
			consumer->missing &= ~plain_bit(i);
		if (row->rule && topic_filter_covers(filter, filter_len, topics, write_alias(row, topics)))
			consumer->missing &= ~alias_bit(i);
	}
}

bool consumer_present(const struct consumer *consumer)
{
	return consumer->missing == 0;
}
