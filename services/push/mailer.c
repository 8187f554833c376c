#include "push/mailer.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "push/message.h"

enum { TO_BYTES_MAX = 254, CODE_BYTES_MAX = 16, VALUES_MAX = 8 };

static const int64_t retry_after_us[MAILER_TRIES - 1] = { 2000000, 10000000, 60000000 };

struct queued {
	struct queued *next;
	int n_tries;
	int64_t due_at_us; /* monotonic */
	bool has_code;
	char to[TO_BYTES_MAX + 1], code[CODE_BYTES_MAX + 1];
	enum mail_template template;
	struct buffer message; /* the same bytes at each try */
};

struct mailer {
	struct mailer_options options;
	struct secret password;
	struct mail_templates *templates;
	pthread_t thread;
	atomic_bool stopping;
	pthread_mutex_t mutex; /* guards the queue */
	pthread_cond_t changed;
	struct queued *queue; /* oldest first */
	size_t n_queued;
	struct metric_series *queued; /* shows n_queued */
};

static void wipe(struct buffer *buffer)
{
	if (buffer->bytes)
		explicit_bzero(buffer->bytes, buffer->capacity);
	buffer_done(buffer);
}

/* Wiped: a mail may hold a code. */
static void queued_free(struct queued *queued)
{
	if (!queued)
		return;
	wipe(&queued->message);
	explicit_bzero(queued, sizeof(*queued));
	free(queued);
}

DEFINE_CLEANUP(queued, struct queued *, queued_free)

/* --- SMTP, by libcurl --- */

struct upload {
	const struct buffer *message;
	size_t at;
};

static size_t read_message(char *to, size_t size, size_t n, void *context)
{
	struct upload *upload = context;
	size_t len = upload->message->len - upload->at;
	if (len > size * n)
		len = size * n;
	memcpy(to, upload->message->bytes + upload->at, len);
	upload->at += len;
	return len;
}

/* Called at least once a second: a transfer must not hold up the end of the process. */
static int stop_transfer(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	const struct mailer *mailer = context;
	return atomic_load(&mailer->stopping);
}

static bool is_set(const char *option)
{
	return option && *option;
}

static void set_options(CURL *curl, struct mailer *mailer, struct upload *upload)
{
	const struct mailer_options *options = &mailer->options;
	bool has_login = is_set(options->smtp_user);
	bool must_tls = has_login || is_set(options->ca_file);
	(void)curl_easy_setopt(curl, CURLOPT_URL, options->smtp_url); /* a failed option fails the transfer */
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)MAILER_TIMEOUT_S);
	(void)curl_easy_setopt(curl, CURLOPT_MAIL_FROM, options->smtp_from);
	/* a password never goes out in clear, and who names a CA wants it asked, whatever is offered or stripped on the way */
	(void)curl_easy_setopt(curl, CURLOPT_USE_SSL, must_tls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
	if (has_login) {
		(void)curl_easy_setopt(curl, CURLOPT_USERNAME, options->smtp_user);
		(void)curl_easy_setopt(curl, CURLOPT_PASSWORD, mailer->password.bytes);
	}
	if (is_set(options->ca_file)) {
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
		(void)curl_easy_setopt(curl, CURLOPT_CAPATH,
				       NULL); /* that CA and no other: the system's folder would count too */
	}
	(void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_message);
	(void)curl_easy_setopt(curl, CURLOPT_READDATA, upload);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_transfer);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, mailer);
}

/* What the server said last, when that is what failed us. 5yz: "the same request will not succeed" (RFC 5321 4.2.1). */
static enum status status_of_reply(CURL *curl, CURLcode result, struct error *err)
{
	long reply = 0;
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply); /* 0 when it said nothing */
	if (reply < 400)
		return error_set(err, STATUS_UNAVAILABLE, "%s", curl_easy_strerror(result));
	return error_set(err, reply < 500 ? STATUS_UNAVAILABLE : STATUS_DENIED, "the server answered %ld: %s", reply,
			 curl_easy_strerror(result));
}

/* DENIED: not to be tried again. */
static enum status transfer(struct mailer *mailer, const struct queued *queued, struct error *err)
{
	struct upload upload = { .message = &queued->message };
	CURL *curl = curl_easy_init();
	struct curl_slist *to = curl_slist_append(NULL, queued->to);
	if (!curl || !to)
		abort();
	set_options(curl, mailer, &upload);
	(void)curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
	CURLcode result = curl_easy_perform(curl);
	enum status st = result == CURLE_OK ? STATUS_OK : status_of_reply(curl, result, err);
	curl_slist_free_all(to);
	curl_easy_cleanup(curl);
	return st;
}

static const char *why_not_smtp(const struct mailer *mailer, const char *to)
{
	if (!is_set(mailer->options.smtp_url))
		return "no smtp_url";
	return strchr(to, '@') ? NULL : "not an e-mail address";
}

/* True when the mail is done with, one way or the other. */
static bool deliver(struct mailer *mailer, struct queued *queued)
{
	const char *why = why_not_smtp(mailer, queued->to), *template = mail_template_name(queued->template);
	if (why) {
		log_info("mail.logged", F_STR("reason", why), F_STR("to", queued->to), F_STR("template", template),
			 F_STR("code", queued->has_code ? queued->code : NULL));
		return true;
	}
	struct error err;
	enum status st = transfer(mailer, queued, &err);
	if (st == STATUS_OK) {
		log_info("mail.sent", F_STR("to", queued->to), F_STR("template", template));
		return true;
	}
	queued->n_tries++;
	if (st == STATUS_DENIED || queued->n_tries == MAILER_TRIES) {
		log_error("mail.failed", F_STR("to", queued->to), F_STR("template", template),
			  F_STR("reason", err.text), F_I64("tries", queued->n_tries));
		return true;
	}
	log_warn("mail.retry", F_STR("to", queued->to), F_STR("reason", err.text), F_I64("tries", queued->n_tries));
	queued->due_at_us = clock_monotonic_us() + retry_after_us[queued->n_tries - 1];
	return false;
}

/* --- the queue --- */

/* The oldest mail that is due, unlinked; else NULL and the time of the next one, INT64_MAX for none. */
static struct queued *take_due(struct mailer *mailer, int64_t *ret_next_us)
{
	int64_t now_us = clock_monotonic_us();
	*ret_next_us = INT64_MAX;
	for (struct queued **at = &mailer->queue; *at; at = &(*at)->next) {
		struct queued *queued = *at;
		if (queued->due_at_us <= now_us) {
			*at = queued->next;
			queued->next = NULL;
			return queued;
		}
		if (queued->due_at_us < *ret_next_us)
			*ret_next_us = queued->due_at_us;
	}
	return NULL;
}

static void append(struct mailer *mailer, struct queued *queued)
{
	struct queued **at = &mailer->queue;
	while (*at)
		at = &(*at)->next;
	*at = queued;
}

static void wait_until(struct mailer *mailer, int64_t time_us)
{
	if (time_us == INT64_MAX) {
		pthread_cond_wait(&mailer->changed, &mailer->mutex);
		return;
	}
	struct timespec until = { .tv_sec = time_us / 1000000, .tv_nsec = time_us % 1000000 * 1000 };
	(void)pthread_cond_timedwait(&mailer->changed, &mailer->mutex, &until); /* the loop looks again either way */
}

/* A mail in hand still counts in n_queued: the bound holds for retries too. */
static void *run(void *context)
{
	struct mailer *mailer = context;
	pthread_mutex_lock(&mailer->mutex);
	while (!atomic_load(&mailer->stopping)) {
		int64_t next_us = 0;
		CLEANUP(queued) struct queued *queued = take_due(mailer, &next_us);
		if (!queued) {
			wait_until(mailer, next_us);
			continue;
		}
		pthread_mutex_unlock(&mailer->mutex);
		bool done = deliver(mailer, queued);
		pthread_mutex_lock(&mailer->mutex);
		if (done)
			metric_set(mailer->queued, (int64_t)--mailer->n_queued);
		else
			append(mailer, STEAL(queued));
	}
	pthread_mutex_unlock(&mailer->mutex);
	return NULL;
}

static bool copy_text(char *to, size_t size, const char *text)
{
	size_t len = strnlen(text, size);
	if (len == size)
		return false;
	memcpy(to, text, len + 1);
	return true;
}

/* The sender's values and those that go without saying. */
static enum status render(const struct mailer *mailer, const struct mail *mail, struct buffer *ret_subject,
			  struct buffer *ret_text, struct error *err)
{
	struct mail_value values[VALUES_MAX + 3];
	size_t n_values = 0;
	if (mail->n_values > VALUES_MAX)
		return error_set(err, STATUS_INTERNAL, "a mail has too many values");
	values[n_values++] = (struct mail_value){ "app", mailer->options.app_name ? mailer->options.app_name : "" };
	values[n_values++] = (struct mail_value){ "name", mail->to };
	if (mail->code)
		values[n_values++] = (struct mail_value){ "code", mail->code };
	for (size_t i = 0; i < mail->n_values; i++)
		values[n_values++] = mail->values[i];
	return mail_templates_render(mailer->templates, mail->template, values, n_values, ret_subject, ret_text, err);
}

static enum status put_message(const struct mailer *mailer, const struct mail *mail, struct buffer *ret_message,
			       struct error *err)
{
	struct buffer subject = { .bytes = NULL }, text = { .bytes = NULL };
	enum status st = render(mailer, mail, &subject, &text, err);
	if (st == STATUS_OK) {
		const struct message message = { .from = mailer->options.smtp_from,
						 .to = mail->to,
						 .subject = buffer_text(&subject),
						 .text = buffer_text(&text) };
		message_put(ret_message, &message);
	}
	wipe(&subject);
	wipe(&text);
	return st;
}

static enum status queued_new(const struct mailer *mailer, const struct mail *mail, struct queued **ret_queued,
			      struct error *err)
{
	if (!message_address_valid(mail->to))
		return error_set(err, STATUS_INVALID, "a mail's address could be two");
	CLEANUP(queued) struct queued *queued = calloc(1, sizeof(*queued));
	if (!queued)
		abort();
	queued->has_code = mail->code != NULL;
	queued->template = mail->template;
	if (!copy_text(queued->to, sizeof(queued->to), mail->to) ||
	    !copy_text(queued->code, sizeof(queued->code), mail->code ? mail->code : ""))
		return error_set(err, STATUS_TOO_LARGE, "a field of a mail is too long");
	enum status st = put_message(mailer, mail, &queued->message, err);
	if (st == STATUS_OK)
		*ret_queued = STEAL(queued);
	return st;
}

enum status mailer_send(struct mailer *mailer, const struct mail *mail, struct error *err)
{
	CLEANUP(queued) struct queued *queued = NULL;
	enum status st = queued_new(mailer, mail, &queued, err);
	if (st != STATUS_OK)
		return st;
	pthread_mutex_lock(&mailer->mutex);
	bool full = mailer->n_queued >= mailer->options.queue_max;
	if (!full) {
		append(mailer, STEAL(queued));
		metric_set(mailer->queued, (int64_t)++mailer->n_queued);
		pthread_cond_signal(&mailer->changed);
	}
	pthread_mutex_unlock(&mailer->mutex);
	if (full)
		return error_set(err, STATUS_LIMIT, "the mail queue is full");
	return STATUS_OK;
}

/* --- start and stop --- */

static void mailer_free(struct mailer *mailer)
{
	size_t n_dropped = 0;
	while (mailer->queue) {
		struct queued *queued = mailer->queue;
		mailer->queue = queued->next;
		queued_free(queued);
		n_dropped++;
	}
	if (n_dropped > 0)
		log_warn("mail.dropped", F_U64("mails", n_dropped));
	secret_done(&mailer->password);
	mail_templates_close(mailer->templates);
	pthread_cond_destroy(&mailer->changed);
	pthread_mutex_destroy(&mailer->mutex);
	free(mailer);
}

static struct mailer *mailer_new(const struct mailer_options *options)
{
	struct mailer *mailer = calloc(1, sizeof(*mailer));
	pthread_condattr_t monotonic;
	if (!mailer || pthread_condattr_init(&monotonic) != 0 ||
	    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) != 0 ||
	    pthread_mutex_init(&mailer->mutex, NULL) != 0 || pthread_cond_init(&mailer->changed, &monotonic) != 0)
		abort();
	pthread_condattr_destroy(&monotonic);
	mailer->options = *options;
	mailer->queued = metrics_series(options->metrics, METRIC_MAIL_QUEUED, METRIC_NO_LABELS);
	return mailer;
}

enum status mailer_start(const struct mailer_options *options, struct mailer **ret_mailer, struct error *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return error_set(err, STATUS_INTERNAL, "libcurl does not start");
	if (!message_address_valid(options->smtp_from))
		return error_set(err, STATUS_INVALID, "smtp_from is not one address");
	if (options->app_name && !utf8_valid(options->app_name, strlen(options->app_name)))
		return error_set(err, STATUS_INVALID, "mail_app_name is not UTF-8");
	struct mailer *mailer = mailer_new(options);
	enum status st = mail_templates_open(options->template_dir, &mailer->templates, err);
	if (st == STATUS_OK && is_set(options->smtp_password_file))
		st = secret_read(&mailer->password, options->smtp_password_file, err);
	if (st == STATUS_OK && pthread_create(&mailer->thread, NULL, run, mailer) != 0)
		st = error_set(err, STATUS_UNAVAILABLE, "no thread for mail");
	if (st != STATUS_OK) {
		mailer_free(mailer);
		return st;
	}
	*ret_mailer = mailer;
	return STATUS_OK;
}

void mailer_stop(struct mailer *mailer)
{
	if (!mailer)
		return;
	pthread_mutex_lock(&mailer->mutex);
	atomic_store(&mailer->stopping, true);
	pthread_cond_signal(&mailer->changed);
	pthread_mutex_unlock(&mailer->mutex);
	(void)pthread_join(mailer->thread, NULL); /* fails only for a thread that is not ours */
	mailer_free(mailer);
}
