/* Docs of what a user asks about the own account: signing up and in, profile, sessions, keys. */
#include "api/route_docs.h"

#include <stddef.h>

const struct route_doc doc_user_sign_up_or_confirm = {
	.tag = "Accounts",
	.summary = "Sign up, or confirm with the code that was mailed",
	.text = "Answers alike whether there is such an account or not. A sign-up may have a locale.",
	.request = JSON({ "user_name" : "eve@example.org", "password" : "Correct-Horse-7" }),
	.answer = JSON({ "status" : "success", "description" : "A verification code has been sent" }),
	.others =
		(const struct doc_example[]){
			{ "confirm", NULL,
			  JSON({ "user_name" : "eve@example.org", "verification_code" : "VERIFICATION_CODE" }),
			  JSON({ "status" : "success", "description" : "User confirmed" }) },
			{ .name = NULL } },
};

const struct route_doc doc_user_login = {
	.tag = "Accounts",
	.summary = "Sign in with a password, or refresh",
	.text = "A refresh answers without a refreshtoken: the former stays good until the session ends.",
	.request = JSON({ "user_name" : "ann@example.org", "password" : "Correct-Horse-7" }),
	.answer = JSON({
		"status" : "success",
		"description" : "Login successful",
		"idtoken" : "eyJ0eXAi...",
		"accesstoken" : "eyJ0eXAi...",
		"refreshtoken" : "REFRESH_TOKEN"
	}),
	.others = (const struct doc_example[]){ { "refresh", NULL, JSON({ "refreshtoken" : "REFRESH_TOKEN" }), JSON({
							  "status" : "success",
							  "description" : "Token refreshed",
							  "idtoken" : "eyJ0eXAi...",
							  "accesstoken" : "eyJ0eXAi..."
						  }) },
						{ .name = NULL } },
};

const struct route_doc doc_user_logout = {
	.tag = "Accounts",
	.summary = "End this session, or all of the user's",
	.params = (const struct doc_param[]){ { "logout_all", "boolean", false,
						"all of them; may also stand in the body" },
					      { .name = NULL } },
	.query = "logout_all=false",
	.answer = JSON({ "status" : "success", "description" : "Logged out" }),
};

const struct route_doc doc_user_get = {
	.tag = "Accounts",
	.summary = "Who is signed in",
	.text = "user_roles has the account's one role.",
	.params = (const struct doc_param[]){ { "custom_data", "boolean", false,
						"with what apps keep for the user; {} otherwise" },
					      { .name = NULL } },
	.answer = JSON({
		"user_id" : "6f1d0c1e-0000-4000-8000-000000000001",
		"user_name" : "ann@example.org",
		"email" : "ann@example.org",
		"phone_number" : "",
		"name" : "Ann",
		"locale" : "en_GB",
		"super_admin" : false,
		"user_roles" : ["user"],
		"mfa" : false,
		"quota" : 100,
		"picture_url" : "",
		"tags" : [],
		"custom_data" : {}
	}),
};

const struct route_doc doc_user_forgot_password = {
	.tag = "Accounts",
	.summary = "Have a code for a new password sent, or set it with the code",
	.text = "Answers alike whether there is such an account or not. With the new password every session "
		"ends.",
	.request = JSON({ "user_name" : "ann@example.org" }),
	.answer = JSON({
		"status" : "success",
		"description" : "If there is such an account, a verification code has been sent"
	}),
	.others = (const struct doc_example[]){ { "set", NULL, JSON({
							  "user_name" : "ann@example.org",
							  "password" : "Correct-Horse-7",
							  "verification_code" : "VERIFICATION_CODE"
						  }),
						  JSON({
							  "status" : "success",
							  "description" : "The password has been set; sign in with it"
						  }) },
						{ .name = NULL } },
};

const struct route_doc doc_user_change_password = {
	.tag = "Accounts",
	.summary = "Change the password",
	.text = "This session stays, the account's others end.",
	.request = JSON({ "password" : "Correct-Horse-7", "newpassword" : "Battery-Staple-8" }),
	.answer = JSON(
		{ "status" : "success", "description" : "The password has been changed; other sessions have ended" }),
};

const struct route_doc doc_user_put = {
	.tag = "Accounts",
	.summary = "Change name, locale or tags",
	.text = "All of a body is taken or nothing. An account has one user name for good, and no second "
		"factor.",
	.request = JSON({ "name" : "Ann", "locale" : "en_GB" }),
	.answer = JSON({ "status" : "success", "description" : "Saved" }),
	.others = (const struct doc_example[]){ { "tags", NULL, JSON({ "operation" : "add", "tags" : ["tester"] }),
						  JSON({ "status" : "success", "description" : "Saved" }) },
						{ .name = NULL } },
};

const struct route_doc doc_user_delete = {
	.tag = "Accounts",
	.summary = "Have a code for the deletion sent, or delete the account with the code",
	.text = "Mappings, groups, shares, sessions, keys and data go with it, at once.",
	.params = (const struct doc_param[]){ { "request", "boolean", false, "true sends a code" },
					      { "verification_code", "string", false, "deletes the account" },
					      { .name = NULL } },
	.query = "request=true",
	.answer = JSON({ "status" : "success", "description" : "A verification code has been sent" }),
	.others =
		(const struct doc_example[]){
			{ "delete", "verification_code=VERIFICATION_CODE", NULL,
			  JSON({ "status" : "success", "description" : "The account has been deleted" }) },
			{ .name = NULL } },
};

const struct route_doc doc_custom_data_get = {
	.tag = "Accounts",
	.summary = "What apps keep for their user",
	.answer = JSON({ "timeZone" : { "value" : "Europe/Paris" } }),
};

const struct route_doc doc_custom_data_put = {
	.tag = "Accounts",
	.summary = "Merge into what apps keep for their user",
	.text = "An entry that is an object is merged into the one of its name; null deletes.",
	.request = JSON({ "timeZone" : { "value" : "Europe/Paris" } }),
	.answer = JSON({ "status" : "success", "description" : "Saved" }),
	.others = (const struct doc_example[]){ { "delete", NULL, JSON({ "timeZone" : null }),
						  JSON({ "status" : "success", "description" : "Saved" }) },
						{ .name = NULL } },
};

const struct route_doc doc_sessions_list = {
	.tag = "Accounts",
	.summary = "The sessions that live, newest first",
	.text = "Times are seconds; last_used_timestamp is the last refresh. client is what the program called "
		"itself at the sign-in.",
	.params = (const struct doc_param[]){ { "num_records", "integer", false,
						"how many at most, 25 unless told; over 100 counts as 100" },
					      { "start_id", "string", false, "the next_id of the page before" },
					      { .name = NULL } },
	.answer = JSON({
		"sessions" : [ {
			"session_id" : "0b6f2c5e-0000-4000-8000-000000000002",
			"created_timestamp" : 1767220000,
			"last_used_timestamp" : 1767223600,
			"expires_timestamp" : 1774996000,
			"source" : "192.0.2.7",
			"client" : "okhttp/4.9.0",
			"current" : true
		} ]
	}),
};

const struct route_doc doc_sessions_end = {
	.tag = "Accounts",
	.summary = "End one of the account's sessions",
	.params = (const struct doc_param[]){ { "session_id", "string", true, "which" }, { .name = NULL } },
	.query = "session_id=SESSION_ID",
	.answer = JSON({ "status" : "success", "description" : "The session has ended" }),
};

const struct route_doc doc_key_post = {
	.tag = "Keys",
	.summary = "Make a key for a machine",
	.text = "It is shown this once, and may what its scopes name: user:read, user:write, fleet:read, "
		"fleet:write, admin:read, admin:write, as far as the account's role goes. expires_in_s: one day to "
		"one year, 90 days unless told.",
	.request = JSON({ "name" : "dashboard", "scopes" : ["user:read"], "expires_in_s" : 2592000 }),
	.answer = JSON({
		"status" : "success",
		"description" : "Key made; it is not shown again",
		"key_id" : "5c1d7e1a-0000-4000-8000-000000000003",
		"key" : "ck_...",
		"name" : "dashboard",
		"scopes" : ["user:read"],
		"expires_at" : 1769817600
	}),
};

const struct route_doc doc_key_list = {
	.tag = "Keys",
	.summary = "The account's keys, without the keys themselves",
	.text = "Times are seconds; last_used_at is null before the first use.",
	.params = (const struct doc_param[]){ { "num_records", "integer", false,
						"how many at most, 25 unless told; over 100 counts as 100" },
					      { "start_id", "string", false, "the next_id of the page before" },
					      { .name = NULL } },
	.answer = JSON({
		"keys" : [ {
			"key_id" : "5c1d7e1a-0000-4000-8000-000000000003",
			"name" : "dashboard",
			"scopes" : ["user:read"],
			"created_at" : 1767225600,
			"expires_at" : 1769817600,
			"last_used_at" : null,
			"expired" : false
		} ]
	}),
};

const struct route_doc doc_key_delete = {
	.tag = "Keys",
	.summary = "Revoke a key",
	.text = "It is refused from the next request on.",
	.params = (const struct doc_param[]){ { "key_id", "string", true, "which" }, { .name = NULL } },
	.query = "key_id=KEY_ID",
	.answer = JSON({ "status" : "success", "description" : "Key revoked" }),
};
