#include "http.h"

#include "base/buffer.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ANSWER_MAX_S = 20 };

DEFINE_CLEANUP(curl, CURL *, curl_easy_cleanup)
DEFINE_CLEANUP(curl_url, CURLU *, curl_url_cleanup)
DEFINE_CLEANUP(curl_list, struct curl_slist *, curl_slist_free_all)
DEFINE_CLEANUP(curl_text, char *, curl_free)

/* What libcurl's callbacks fill. */
struct exchange {
	struct http_reply *reply;
	bool chunked, too_long;
};

enum status http_start(struct error *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, STATUS_INTERNAL, "libcurl did not start");
	return STATUS_OK;
}

void http_stop(void)
{
	curl_global_cleanup();
}

static bool is_this_machine(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 || strcmp(host, "[::1]") == 0;
}

static enum status check_base(const char *base, struct error *err)
{
	CLEANUP(curl_url) CURLU *url = curl_url();
	CLEANUP(curl_text) char *scheme = NULL;
	CLEANUP(curl_text) char *host = NULL;

	if (!url || curl_url_set(url, CURLUPART_URL, base, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return error_set(err, STATUS_INVALID, "'%s' is not a URL", base);
	if (strcmp(scheme, "https") != 0 && !(strcmp(scheme, "http") == 0 && is_this_machine(host)))
		return error_set(err, STATUS_INVALID, "'%s': https only, but to this machine", base);
	return STATUS_OK;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *context)
{
	static const char name[] = "transfer-encoding:";
	struct exchange *exchange = context;

	if (n >= sizeof(name) - 1 && strncasecmp(bytes, name, sizeof(name) - 1) == 0)
		exchange->chunked = true;
	return size * n;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
	struct exchange *exchange = context;
	struct http_reply *reply = exchange->reply;

	if (n >= sizeof(reply->body) - reply->body_len) {
		exchange->too_long = true;
		return 0; /* libcurl ends the transfer */
	}
	memcpy(reply->body + reply->body_len, bytes, n);
	reply->body_len += n;
	return size * n;
}

static struct curl_slist *headers_make(const char *token)
{
	CLEANUP(buffer) struct buffer authorization = { 0 };
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");

	if (headers && token) {
		buffer_printf(&authorization, "Authorization: %s", token); /* the bare token, no scheme */
		headers = curl_slist_append(headers, buffer_text(&authorization));
		explicit_bzero(authorization.bytes, authorization.len);
	}
	if (!headers)
		abort();
	return headers;
}

/* True when libcurl took everything. */
static bool set_up(CURL *curl, const char *url, const char *ca_file, const struct curl_slist *headers, const char *json,
		   struct exchange *exchange)
{
	return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK && /* the environment's may not see the token */
	       curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)ANSWER_MAX_S) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange) == CURLE_OK &&
	       (!ca_file || curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file) == CURLE_OK);
}

static enum status judge(CURL *curl, const char *url, CURLcode result, const struct exchange *exchange,
			 struct error *err)
{
	curl_off_t content_length = -1;

	if (exchange->too_long)
		return error_set(err, STATUS_UNAVAILABLE, "%s: the answer has %d bytes or more: too long for a device",
				 url, ANSWER_BYTES_MAX);
	if (result != CURLE_OK)
		return error_set(err, STATUS_UNAVAILABLE, "%s: %s", url, curl_easy_strerror(result));
	if (curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &exchange->reply->code) != CURLE_OK ||
	    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &content_length) != CURLE_OK)
		return error_set(err, STATUS_INTERNAL, "%s: libcurl does not tell the answer's code", url);
	if (exchange->chunked || content_length <= 0)
		return error_set(err, STATUS_UNAVAILABLE, "%s: the answer has no positive Content-Length", url);
	return STATUS_OK;
}

enum status http_post(const char *base, const char *path, const char *ca_file, const char *token, const char *json,
		      struct http_reply *ret_reply, struct error *err)
{
	struct exchange exchange = { .reply = ret_reply };
	CLEANUP(buffer) struct buffer url = { 0 };

	enum status st = check_base(base, err);
	if (st != STATUS_OK)
		return st;
	size_t base_len = strlen(base);
	buffer_put(&url, base, base[base_len - 1] == '/' ? base_len - 1 : base_len);
	buffer_puts(&url, path);
	*ret_reply = (struct http_reply){ 0 };
	CLEANUP(curl_list) struct curl_slist *headers = headers_make(token);
	CLEANUP(curl) CURL *curl = curl_easy_init();
	if (!curl || !set_up(curl, buffer_text(&url), ca_file, headers, json, &exchange))
		return error_set(err, STATUS_INTERNAL, "libcurl does not take the request");
	CURLcode result = curl_easy_perform(curl);
	return judge(curl, buffer_text(&url), result, &exchange, err);
}
