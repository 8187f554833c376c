/* What everybody and every user asks: service, claiming, accounts, nodes. */
#include "api/route_docs.h"

#include <stddef.h>

const struct route_doc doc_root_versions = {
	.tag = "Service",
	.summary = "Which versions of the API are served",
	.answer = JSON({ "supported_versions" : ["v1"] }),
};

const struct route_doc doc_root_mqtt_host = {
	.tag = "Service",
	.summary = "Where nodes and apps find the broker",
	.answer = JSON({ "mqtt_host" : "mqtt.example.org", "mqtt_cred_host" : "mqtt.example.org" }),
};

const struct route_doc doc_root_alive = {
	.tag = "Service",
	.summary = "The process answers",
	.text = "Says nothing about its surroundings.",
	.answer = JSON({ "status" : "ok" }),
};

const struct route_doc doc_root_ready = {
	.tag = "Service",
	.summary = "Whether all parts that are needed are there",
	.text = "503 with the same members when one is away; status is then not ready.",
	.answer = JSON({ "status" : "ready", "database" : "ok", "broker" : "ok", "ingest" : "ok" }),
};

const struct route_doc doc_documents_openapi = {
	.tag = "Service",
	.summary = "This API as an OpenAPI 3.1 document",
	.answer_type = "application/json",
};

const struct route_doc doc_documents_page = {
	.tag = "Service",
	.summary = "This API as a page for people",
	.answer_type = "text/html",
};

const struct route_doc doc_documents_style = {
	.tag = "Service",
	.summary = "The style sheet of that page",
	.answer_type = "text/css",
};

const struct route_doc doc_ca_crl = {
	.tag = "Claiming",
	.summary = "The newest revocation list of a node CA",
	.text = "DER (RFC 5280).",
	.params =
		(const struct doc_param[]){
			{ "ca", "string", false,
			  "key id of the CA, 40 hexadecimal digits; without it the CA that issues now" },
			{ .name = NULL } },
	.answer_type = "application/pkix-crl",
};

const struct route_doc doc_ca_node_certificates = {
	.tag = "Claiming",
	.summary = "The certificates of the node CAs, the issuing one first",
	.answer_type = "application/x-pem-file",
};

const struct route_doc doc_claim_initiate_post = {
	.tag = "Claiming",
	.summary = "Begin to claim a device",
	.text = "With a user's token: a node id for the device. Without a token the device claims by itself, if that "
		"is enabled, and gets a challenge.",
	.request = JSON({ "mac_addr" : "AABBCC112233", "platform" : "esp32c3" }),
	.answer = JSON({ "node_id" : "GK5aVZ2mXq7pRtW81bYc3D" }),
};

const struct route_doc doc_claim_verify_post = {
	.tag = "Claiming",
	.summary = "A certificate for the node id of a claim",
	.text = "The request's subject is CN=<node id> and nothing else.",
	.request = JSON({ "csr" : "CSR" }),
	.answer = JSON({
		"certificate" : "-----BEGIN CERTIFICATE-----\nMIIB...\n-----END CERTIFICATE-----\n",
		"mqtt_host" : "mqtt.example.org"
	}),
};

const struct route_doc doc_user_sign_up_or_confirm = {
	.tag = "Accounts",
	.summary = "Sign up, or confirm with the code that was mailed",
	.text = "Answers alike whether there is such an account or not.",
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
	.answer = JSON({
		"user_id" : "6f1d0c1e-0000-4000-8000-000000000001",
		"user_name" : "ann@example.org",
		"email" : "ann@example.org",
		"phone_number" : "",
		"name" : "Ann",
		"super_admin" : false,
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
	.request = "{\"user_name\":\"ann@example.org\"}",
	.answer = "{\"status\":\"success\",\"description\":\"If there is such an account, a verification code has been "
		  "sent\"}",
};

const struct route_doc doc_user_change_password = {
	.tag = "Accounts",
	.summary = "Change the password; the other sessions end",
};

const struct route_doc doc_user_put = {
	.tag = "Accounts",
	.summary = "Change name, locale or tags",
	.request = "{\"name\":\"Ann\"}",
	.answer = "{\"status\":\"success\",\"description\":\"Saved\"}",
};

static const struct doc_param user_delete_params[] = {
	{ "request", "boolean", false, "true: send a code" },
	{ "verification_code", "string", false, "delete now" },
	{ .name = NULL },
};

const struct route_doc doc_user_delete = {
	.tag = "Accounts",
	.summary = "Have a code for the deletion sent, or delete the account with the code",
	.params = user_delete_params,
};

const struct route_doc doc_custom_data_get = {
	.tag = "Accounts",
	.summary = "What apps keep for their user",
};

const struct route_doc doc_custom_data_put = {
	.tag = "Accounts",
	.summary = "Merge into it; null deletes",
	.request = "{\"timeZone\":{\"value\":\"Europe/Paris\"}}",
	.answer = "{\"status\":\"success\",\"description\":\"Saved\"}",
};

static const struct doc_param sessions_list_params[] = {
	{ "num_records", "integer", false, "25, 100 at most" },
	{ "start_id", "string", false, "next_id of the page before" },
	{ .name = NULL },
};

const struct route_doc doc_sessions_list = {
	.tag = "Accounts",
	.summary = "The sessions that live, newest first",
	.params = sessions_list_params,
};

static const struct doc_param sessions_end_params[] = {
	{ "session_id", "string", true, "which" },
	{ .name = NULL },
};

const struct route_doc doc_sessions_end = {
	.tag = "Accounts",
	.summary = "End one of them",
	.params = sessions_end_params,
};

const struct route_doc doc_nodes_list = {
	.tag = "Nodes",
	.summary = "The user's nodes: their ids, or with details",
	.text = "Details come with node_details=true, or with node_id alone.",
	.params =
		(const struct doc_param[]){
			{ "node_id", "string", false, "this node alone" },
			{ "node_details", "boolean", false, "with details" },
			{ "config", "boolean", false, "leave the configuration out of the details with false" },
			{ "status", "boolean", false, "likewise" },
			{ "params", "boolean", false, "likewise" },
			{ "num_records", "integer", false, "how many at most; over 100 counts as 100" },
			{ "start_id", "string", false, "the next_id of the page before" },
			{ .name = NULL } },
	.answer = JSON({ "nodes" : ["lamp1"], "total" : 1 }),
	.others =
		(const struct doc_example
			 []){ { "details", "node_details=true", NULL, JSON({
					"nodes" : ["lamp1"],
					"node_details" : [ {
						"id" : "lamp1",
						"node_id" : "lamp1",
						"role" : "primary",
						"primary" : true,
						"status" : {
							"connectivity" :
								{ "connected" : true, "timestamp" : 1767225600123 }
						},
						"config" : {
							"node_id" : "lamp1",
							"config_version" : "2020-03-20",
							"info" : {
								"name" : "Hall lamp",
								"fw_version" : "1.2.0",
								"type" : "Lightbulb",
								"model" :
									"lamp_one"
							},
							"devices" : [ {
								"name" : "Light",
								"type" : "esp.device.lightbulb",
								"primary" : "Power",
								"params" : [ {
									"name" : "Power",
									"type" : "esp.param.power",
									"data_type" : "bool",
									"properties" : [ "read", "write" ]
								} ]
							} ]
						},
						"params" : { "Light" : { "Power" : true } },
						"tags" : [],
						"metadata" : {},
						"mapping_timestamp" : 1767220000,
						"is_matter" : false
					} ],
					"total" : 1
				}) },
			      { .name = NULL } },
};

const struct route_doc doc_node_config = {
	.tag = "Nodes",
	.summary = "The configuration as the node sent it",
	.text = "An empty object before it has.",
	.params = (const struct doc_param[]){ { "node_id", "string", true, "the node; nodeid is understood too" },
					      { .name = NULL } },
	.query = "node_id=lamp1",
	.answer = JSON({
		"node_id" : "lamp1",
		"config_version" : "2020-03-20",
		"info" : { "name" : "Hall lamp", "fw_version" : "1.2.0", "type" : "Lightbulb", "model" : "lamp_one" },
		"devices" : [ {
			"name" : "Light",
			"type" : "esp.device.lightbulb",
			"primary" : "Power",
			"params" : [ {
				"name" : "Power",
				"type" : "esp.param.power",
				"data_type" : "bool",
				"properties" : [ "read", "write" ]
			} ]
		} ]
	}),
};

const struct route_doc doc_node_status = {
	.tag = "Nodes",
	.summary = "Connected or not, and since when, in milliseconds",
	.params = (const struct doc_param[]){ { "node_id", "string", true, "the node; nodeid is understood too" },
					      { .name = NULL } },
	.query = "node_id=lamp1",
	.answer = JSON({ "connectivity" : { "connected" : true, "timestamp" : 1767225600123 } }),
};

const struct route_doc doc_node_params = {
	.tag = "Nodes",
	.summary = "The values that the node reported last",
	.text = "Numbers keep the node's own form.",
	.params = (const struct doc_param[]){ { "node_id", "string", true, "the node; nodeid is understood too" },
					      { .name = NULL } },
	.query = "node_id=lamp1",
	.answer = JSON({ "Light" : { "Power" : true } }),
};

const struct route_doc doc_params_put = {
	.tag = "Nodes",
	.summary = "Set parameters of one node, or of up to 100",
	.text = "An array is answered item by item. Success means that the broker has the message.",
	.params = (const struct doc_param[]){ { "node_id", "string", false, "with an object as body: the node" },
					      { .name = NULL } },
	.request = JSON([ { "node_id" : "lamp1", "payload" : { "Light" : { "Power" : false } } } ]),
	.answer = JSON([ { "node_id" : "lamp1", "status" : "success", "description" : "Success" } ]),
	.others = (const struct doc_example[]){ { "one node", "node_id=lamp1", JSON({ "Light" : { "Power" : true } }),
						  JSON({ "status" : "success", "description" : "Success" }) },
						{ .name = NULL } },
};

const struct route_doc doc_mapping_put = {
	.tag = "Nodes",
	.summary = "Add a node to the user, or remove it",
	.text = "Adding needs the node's own message with the same secret within a minute; ask for the state of the "
		"request.",
	.request = JSON({ "node_id" : "lamp3", "secret_key" : "q8Zr0aK5", "operation" : "add" }),
	.answer = JSON({ "status" : "success", "description" : "Mapping requested", "request_id" : "MAPPING_ID" }),
	.others = (const struct doc_example[]){ { "remove", NULL, JSON({ "node_id" : "lamp2", "operation" : "remove" }),
						  JSON({ "status" : "success", "description" : "Mapping removed" }) },
						{ .name = NULL } },
};

const struct route_doc doc_mapping_get = {
	.tag = "Nodes",
	.summary = "What became of a request to add a node",
	.params = (const struct doc_param[]){ { "request_id", "string", true, "of the request" },
					      { "user_request", "boolean", false,
						"is sent by clients, and has no effect" },
					      { .name = NULL } },
	.query = "request_id=MAPPING_ID",
	.answer = JSON({ "request_status" : "confirmed" }),
};

const struct route_doc doc_key_post = {
	.tag = "Accounts",
	.summary = "Make a key for a machine: {\"name\",\"scopes\",\"expires_in_s\"}; it is shown this once",
};

const struct route_doc doc_key_list = {
	.tag = "Accounts",
	.summary = "The account's keys, without the keys themselves",
};

const struct route_doc doc_key_delete = {
	.tag = "Accounts",
	.summary = "?key_id=: revoke a key; it is refused from the next request on",
};

const struct route_doc doc_admin_users_list = {
	.tag = "Administration",
	.summary = "Accounts, in order of their names",
};

const struct route_doc doc_admin_user_put = {
	.tag = "Administration",
	.summary = "{\"user_name\",\"role\"}: user, viewer, operator or admin; ends the sessions",
};

const struct route_doc doc_admin_user_delete = {
	.tag = "Administration",
	.summary = "?user_name=: delete the account with all that hangs on it",
};

const struct route_doc doc_admin_user_nodes_list = {
	.tag = "Administration",
	.summary = "?user_name=: the nodes that the user sees",
};

const struct route_doc doc_audit_list = {
	.tag = "Administration",
	.summary = "Who did what to which object, newest first",
};
