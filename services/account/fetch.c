#include "account/fetch.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>

/* Less than `size * n` taken ends the transfer (CURLE_WRITE_ERROR). */
static size_t take(char *bytes, size_t size, size_t n, void *context)
{
	struct buffer *body = context;
	size_t len = size * n;
	if (len > FETCH_BYTES_MAX - body->len)
		return 0;
	buffer_put(body, bytes, len);
	return len;
}

/* Called at least once a second. */
static int stop_transfer(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	const atomic_bool *stopping = context;
	return stopping && atomic_load(stopping);
}

static void set_transport(CURL *curl, const struct fetch *fetch)
{
	/* a failed option fails the transfer */
	(void)curl_easy_setopt(curl, CURLOPT_URL, fetch->url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)FETCH_CONNECT_S);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)FETCH_TIMEOUT_S);
	if (fetch->ca_file && *fetch->ca_file) {
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO, fetch->ca_file);
		(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* that CA and no other */
	}
	(void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_transfer);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, fetch->stopping);
}

static void set_request(CURL *curl, const struct fetch *fetch, struct buffer *body)
{
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	if (fetch->form)
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, fetch->form);
	if (fetch->basic) {
		(void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		(void)curl_easy_setopt(curl, CURLOPT_USERPWD, fetch->basic);
	}
}

static enum status status_of(CURL *curl, CURLcode result, struct error *err)
{
	long http = 0;
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http); /* 0 when there was none */
	if (result != CURLE_OK)
		return error_set(err, STATUS_UNAVAILABLE, "the provider: %s", curl_easy_strerror(result));
	if (http == 200)
		return STATUS_OK;
	return error_set(err, http >= 400 && http < 500 ? STATUS_DENIED : STATUS_UNAVAILABLE,
			 "the provider answered %ld", http);
}

enum status fetch_run(const struct fetch *fetch, struct buffer *ret_body, struct error *err)
{
	CURL *curl = curl_easy_init();
	if (!curl)
		abort();
	struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
	if (!headers)
		abort();
	set_transport(curl, fetch);
	set_request(curl, fetch, ret_body);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	CURLcode result = curl_easy_perform(curl);
	enum status st = status_of(curl, result, err);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return st;
}
