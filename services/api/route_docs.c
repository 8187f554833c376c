/* Docs of what anybody asks: the service itself, and claiming. */
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
	.params =
		(const struct doc_param[]){ { "node_id", "string", false,
					      "the broker of this node, where there are several; else the first one" },
					    { .name = NULL } },
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

const struct route_doc doc_metrics_get = {
	.tag = "Service",
	.summary = "What is counted, in Prometheus text form 0.0.4",
	.text = "Meant for a key with the scope fleet:read.",
	.answer_type = "text/plain",
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
	.text = "With a user's token: a node id for the device. Without a token the device claims by itself, if "
		"that is enabled, and gets a challenge.",
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
