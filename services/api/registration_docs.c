/* Docs of what a factory asks: node ids, certificates by the file, devices that claim by themselves. */
#include "api/route_docs.h"

#include <stddef.h>

const struct route_doc doc_registration_order_node_ids = {
	.tag = "Manufacturing",
	.summary = "Order node ids",
	.request = JSON({ "node_count" : 2 }),
	.answer = JSON({ "status" : "success", "request_id" : "NODE_IDS_ID" }),
};

const struct route_doc doc_registration_node_ids = {
	.tag = "Manufacturing",
	.summary = "Where the ordered node ids are",
	.params = (const struct doc_param[]){ { "request_id", "string", true, "of the order" }, { .name = NULL } },
	.query = "request_id=NODE_IDS_ID",
	.answer = JSON({
		"status" : "success",
		"description" : "",
		"rows_done" : 2,
		"url" : "https://api.example.org/v1/admin/node_certificates/file?..."
	}),
};

const struct route_doc doc_registration_address_or_state = {
	.tag = "Manufacturing",
	.summary = "Where to upload certificates; or what became of an upload",
	.params = (const struct doc_param[]){ { "file_name", "string", false, "of the file to upload" },
					      { "request_id", "string", false, "of an upload" },
					      { .name = NULL } },
	.query = "file_name=nodes.csv",
	.answer = JSON(
		{ "url" : "https://api.example.org/v1/admin/node_certificates/file?...", "request_id" : "UPLOAD_ID" }),
	.others =
		(const struct doc_example[]){ { "state", "request_id=UPLOAD_ID", NULL,
						JSON({ "status" : "uploaded", "description" : "", "rows_done" : 0 }) },
					      { .name = NULL } },
};

const struct route_doc doc_registration_start = {
	.tag = "Manufacturing",
	.summary = "Register what was uploaded",
	.request = JSON({ "file_name" : "nodes.csv", "file_md5" : "FILE_MD5", "request_id" : "UPLOAD_ID" }),
	.answer = JSON({ "status" : "success", "request_id" : "UPLOAD_ID" }),
};

const struct route_doc doc_registration_upload = {
	.tag = "Manufacturing",
	.summary = "The upload itself, to the address that was given",
	.params = (const struct doc_param[]){ { "request_id", "string", true, "in the address" },
					      { "secret", "string", true, "in the address" },
					      { .name = NULL } },
	.query = "request_id=UPLOAD_ID&secret=ADDRESS_SECRET",
	.request = "node_id,certs\n",
	.answer = JSON({ "status" : "success", "description" : "File taken" }),
	.request_type = "text/csv",
};

const struct route_doc doc_registration_download = {
	.tag = "Manufacturing",
	.summary = "Node ids, or the rows that failed",
	.params = (const struct doc_param[]){ { "request_id", "string", true, "in the address" },
					      { "secret", "string", true, "in the address" },
					      { .name = NULL } },
	.query = "request_id=NODE_IDS_ID&secret=ADDRESS_SECRET",
	.answer_type = "text/csv",
};

const struct route_doc doc_registration_node_group = {
	.tag = "Manufacturing",
	.summary = "Groups to register into: there are none",
	.text = "The public admin command line asks before it registers.",
	.answer = JSON([]),
};

const struct route_doc doc_registration_deployment = {
	.tag = "Manufacturing",
	.summary = "What the public admin command line asks before it registers",
	.answer = JSON(
		{ "pre_requisite_details" : { "is_super_admin_ses_verified" : true, "is_ses_in_production" : true } }),
};

const struct route_doc doc_self_claim_get = {
	.tag = "Self-claiming",
	.summary = "Devices that may claim by themselves",
	.params = (const struct doc_param[]){ { "num_records", "integer", false,
						"how many at most; over 100 counts as 100" },
					      { "start_id", "string", false, "the next_id of the page before" },
					      { .name = NULL } },
	.answer = JSON({ "devices" : [ { "mac_addr" : "AABBCC112244", "added_at" : 1767220000 } ] }),
};

const struct route_doc doc_self_claim_put = {
	.tag = "Self-claiming",
	.summary = "Put devices on the list",
	.text = "Secrets are kept encrypted and never told. All or none, 400 at most.",
	.request = JSON(
		{ "devices" : [ { "mac_addr" : "AABBCC112244", "secret" : "00112233445566778899aabbccddeeff" } ] }),
	.answer = JSON({ "status" : "success", "description" : "Devices listed" }),
};

const struct route_doc doc_self_claim_delete = {
	.tag = "Self-claiming",
	.summary = "Take a device off the list",
	.params = (const struct doc_param[]){ { "mac_addr", "string", true, "of the device" }, { .name = NULL } },
	.query = "mac_addr=AABBCC112244",
	.answer = JSON({ "status" : "success", "description" : "Device removed from the list" }),
};
