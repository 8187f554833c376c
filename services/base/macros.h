/* base/macros.h - the few macros that every file may use. */
#ifndef CISTERN_BASE_MACROS_H
#define CISTERN_BASE_MACROS_H

#include <stddef.h>

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#define MUST_CHECK __attribute__((warn_unused_result))
/* For a MUST_CHECK result that is ignored on purpose; say why beside it. (A cast to void does not silence gcc.) */
#define IGNORE_RESULT(call)                                                                                            \
	do {                                                                                                           \
		__typeof__(call) ignored_ = (call);                                                                    \
		(void)ignored_;                                                                                        \
	} while (0)
#define PRINTF_LIKE(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

/* Scoped cleanup: CLEANUP(pg_result) PGresult *rows = NULL; calls cleanup_pg_result(&rows) when the scope ends. */
#define CLEANUP(kind) __attribute__((cleanup(cleanup_##kind)))

/* Hands a scoped pointer over: the scope keeps NULL. */
#define STEAL(pointer)                                                                                                 \
	__extension__({                                                                                                \
		__typeof__(pointer) steal_ = (pointer);                                                                \
		(pointer) = NULL;                                                                                      \
		steal_;                                                                                                \
	})

/* Defines cleanup_<kind>() for a type whose free function takes the pointer and copes with NULL. */
#define DEFINE_CLEANUP(kind, type, free_function)                                                                      \
	static inline void cleanup_##kind(type *held)                                                                  \
	{                                                                                                              \
		if (*held)                                                                                             \
			free_function(*held);                                                                          \
	}

#endif
