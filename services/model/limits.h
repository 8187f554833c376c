/* model/limits.h - sizes that more than one room must agree on. Operators read them in docs/operations.md. */
#ifndef CISTERN_MODEL_LIMITS_H
#define CISTERN_MODEL_LIMITS_H

enum {
	NAME_BYTES_MAX = 64, /* of a device or parameter: a JSON key (threats.md section 4) */
	REQUEST_ID_BYTES_MAX = 40,
	UUID_BYTES = 36,
	USER_NAME_BYTES_MAX = 254, /* RFC 5321 4.5.3.1.3 less the brackets */
	MAPPING_SECRET_BYTES_MAX = 128,
	PARAMS_REMOTE_BYTES_MAX = 8192, /* mqtt.md section 1: stay below 8 KB towards a node */
	ITEMS_PER_PUT_MAX = 100,        /* nodes in one PUT of parameters */
	PAGE_MAX = 100,
	DISPLAY_NAME_CHARACTERS_MAX = 256,
	LOCALE_BYTES_MAX = 35, /* RFC 5646 4.4.1 */
	USER_TAGS_MAX = 32,
	USER_TAG_BYTES_MAX = 128,
	USER_DATA_BYTES_MAX = 408576, /* 399 KB: rest.md section 11 */

	/* keys for machines */
	KEYS_PER_USER_MAX = 25,
	KEY_NAME_BYTES_MAX = 64,
	KEY_LIFETIME_MIN_S = 86400,
	KEY_LIFETIME_MAX_S = 31536000,
	KEY_LIFETIME_DEFAULT_S = 7776000, /* 90 days */

	SHARING_NODES_MAX = 100, /* of an invitation, or of one call that ends shares */
	SHARING_GROUPS_MAX = 25,
	SHARING_USERS_MAX = 100,   /* of a node, of a group */
	SHARING_PENDING_MAX = 100, /* open invitations of a sender */
	SHARING_DAY_MAX = 300,     /* invitations of a sender in a day */
	SHARING_MAILS_MAX = 20,    /* of them told by mail in an hour */
	SHARING_METADATA_BYTES_MAX = 8192,
	METADATA_BYTES_MAX = 8192, /* of a node; as the database writes it */

	GROUPS_PER_USER_MAX = 200, /* that a user is a primary user of */
	NODES_PER_GROUP_MAX = 500,
	GROUP_NAME_BYTES_MAX = 256,
	GROUP_TYPE_BYTES_MAX = 64,
	GROUP_DESCRIPTION_BYTES_MAX = 1024,
	GROUP_DATA_BYTES_MAX = 8192, /* of custom_data and of group_metadata; as the database writes it */
};

enum {
	BROKERS_MAX = 64,
	BROKER_NAME_MAX = 63,
	BROKER_HOST_MAX = 253, /* of a name in the DNS */
};

#endif
