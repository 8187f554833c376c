#include "model/node_id.h"

/* Not isalnum(): that one asks the locale. */
static bool in_alphabet(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool node_id_valid(const char *id, size_t id_len)
{
	if (id_len < 1 || id_len > NODE_ID_MAX)
		return false;
	for (size_t i = 0; i < id_len; i++) {
		if (!in_alphabet(id[i]))
			return false;
	}
	return true;
}
