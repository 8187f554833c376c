/* Signing in with an OpenID Connect provider. What happens when: account/oidc.h. */
#include <string.h>

#include "account/oidc.h"
#include "api/body.h"
#include "api/cookie.h"
#include "api/dispatch.h"
#include "api/handlers.h"
#include "store/audit.h"

/* Only over TLS, only to this host, no script sees it, and it comes along when the provider sends the browser back (a plain link). */
#define COOKIE_NAME       "__Host-cistern-sign-in"
#define COOKIE_ATTRIBUTES "; Path=/; Secure; HttpOnly; SameSite=Lax"

/* Carried to the slow half; texts in the arena. */
struct start {
	struct oidc_app app;
};

struct finish {
	const char *state, *browser, *code; /* code NULL: the provider sent an error */
};

static enum status need_oidc(struct request *request, struct error *err)
{
	return request->options->oidc ? STATUS_OK : reply_fail(&request->reply, FAILURE_OIDC_OFF, err);
}

static enum status too_much(struct error *err)
{
	return error_set(err, STATUS_TOO_LARGE, "request needs too much memory");
}

/* Whatever came of it, the address says who is signing in: no reply of ours lets it go on in a Referer or stay in a
 * cache (api/response.c). */
static enum status redirect(struct request *request, struct buffer *url, const char *cookie, struct error *err)
{
	struct reply *reply = &request->reply;
	reply->location = arena_copy(request->arena, buffer_text(url), url->len);
	reply->cookie = cookie;
	if (!reply->location || !cookie)
		return too_much(err);
	reply->http = 302;
	return STATUS_OK;
}

static const char *put_cookie(struct request *request, const char *value, int64_t age_s)
{
	CLEANUP(buffer) struct buffer text = { .bytes = NULL };
	buffer_printf(&text, COOKIE_NAME "=%s; Max-Age=%lld" COOKIE_ATTRIBUTES, value, (long long)age_s);
	return arena_copy(request->arena, buffer_text(&text), text.len);
}

static enum status read_cookie(struct request *request, const char **ret_value, struct error *err)
{
	size_t len = 0;
	const char *value = cookie_find(request->cookie, COOKIE_NAME, &len);
	*ret_value = value ? arena_copy(request->arena, value, len) : NULL;
	return *ret_value || !value ? STATUS_OK : too_much(err);
}

/* A sign-in that went wrong behind its form is a security event. Whose it was to be is not known. */
static enum status refuse(struct request *request, enum failure failure, const char *reason, struct error *err)
{
	const struct audit_note note = { .kind = "security",
					 .action = "sign_in.refused",
					 .object_kind = "route",
					 .object_id = request->route->path,
					 .reason = reason };
	dispatch_note(request, &note);
	return reply_fail(&request->reply, failure, err);
}

/* --- there --- */

/* A parameter within its form, or absent ("" then). */
static bool take_param(const struct request *request, const char *name, bool (*is_valid)(const char *text),
		       char *ret_text, size_t size)
{
	const char *text = params_query_text(&request->query, name);
	ret_text[0] = '\0';
	if (!text)
		return true;
	size_t len = strlen(text);
	if (!is_valid(text) || len >= size)
		return false;
	memcpy(ret_text, text, len + 1);
	return true;
}

static bool is_named(const struct request *request, const char *name, const char *wanted)
{
	const char *text = params_query_text(&request->query, name);
	return text && strcmp(text, wanted) == 0;
}

static enum status read_app(struct request *request, const char *return_url, struct oidc_app *ret_app,
			    struct error *err)
{
	if (!return_url || !oidc_is_return_url(request->options->oidc, return_url))
		return reply_fail(&request->reply, FAILURE_OIDC_RETURN_URL, err);
	memcpy(ret_app->return_url, return_url, strlen(return_url) + 1); /* one of the list: not too long */
	bool valid =
		take_param(request, "code_challenge", oidc_is_secret, ret_app->challenge, sizeof(ret_app->challenge)) &&
		take_param(request, "state", oidc_is_app_state, ret_app->state, sizeof(ret_app->state));
	/* `plain`, the default of RFC 7636, would put the verifier itself into the address */
	if (!valid || (ret_app->challenge[0] && !is_named(request, "code_challenge_method", "S256")))
		return reply_fail(&request->reply, FAILURE_OIDC_FIELD, err);
	return STATUS_OK;
}

static enum status start_with(struct request *request, const char *return_url, struct error *err)
{
	struct start *start = arena_alloc(request->arena, sizeof(*start));
	if (!start)
		return too_much(err);
	enum status st = read_app(request, return_url, &start->app, err);
	return st == STATUS_OK ? request_go_on(request, start) : st;
}

enum status oidc_start_get(struct request *request, struct error *err)
{
	enum status st = need_oidc(request, err);
	if (st != STATUS_OK)
		return st;
	return start_with(request, params_query_text(&request->query, "return_url"), err);
}

/* As clients of the contract say it (rest.md 3.1). Who they are is the list of addresses; client_id and identity_provider are theirs. */
enum status oidc_authorize_get(struct request *request, struct error *err)
{
	enum status st = need_oidc(request, err);
	if (st != STATUS_OK)
		return st;
	if (!is_named(request, "response_type", "CODE") && !is_named(request, "response_type", "code"))
		return reply_fail(&request->reply, FAILURE_OIDC_FIELD, err);
	return start_with(request, params_query_text(&request->query, "redirect_uri"), err);
}

enum status oidc_start_slow(struct request *request, struct error *err)
{
	const struct start *start = request->carried;
	CLEANUP(buffer) struct buffer url = { .bytes = NULL };
	oidc_secret browser;
	enum status st = oidc_start(request->options->oidc, request->store, &start->app, browser, &url, err);
	if (st == STATUS_UNAVAILABLE)
		return reply_fail(&request->reply, FAILURE_OIDC_AWAY, err);
	if (st != STATUS_OK)
		return st;
	return redirect(request, &url, put_cookie(request, browser, OIDC_STATE_S), err);
}

/* --- and back --- */

enum status oidc_callback_get(struct request *request, struct error *err)
{
	struct finish *finish = arena_alloc(request->arena, sizeof(*finish));
	if (!finish)
		return too_much(err);
	enum status st = need_oidc(request, err);
	if (st == STATUS_OK)
		st = read_cookie(request, &finish->browser, err);
	if (st != STATUS_OK)
		return st;
	finish->state = params_query_text(&request->query, "state");
	finish->code = params_query_text(&request->query, "code");
	bool has_error = params_query_text(&request->query, "error") != NULL;
	if (!finish->state || !oidc_is_secret(finish->state) || !finish->browser || !oidc_is_secret(finish->browser))
		return reply_fail(&request->reply, FAILURE_OIDC_STATE, err);
	if ((finish->code != NULL) == has_error || (finish->code && !oidc_is_code(finish->code)))
		return reply_fail(&request->reply, FAILURE_OIDC_FIELD, err);
	return request_go_on(request, finish);
}

static enum status fail_finish(struct request *request, enum status st, struct error *err)
{
	switch (st) {
	case STATUS_NOT_FOUND: return refuse(request, FAILURE_OIDC_STATE, "state", err);
	case STATUS_DENIED: return refuse(request, FAILURE_OIDC_ANSWER, "answer", err);
	case STATUS_INVALID: return refuse(request, FAILURE_OIDC_EMAIL, "email", err);
	case STATUS_CONFLICT: return refuse(request, FAILURE_OIDC_TAKEN, "taken", err);
	case STATUS_UNAVAILABLE: return reply_fail(&request->reply, FAILURE_OIDC_AWAY, err);
	case STATUS_OK:
	case STATUS_TOO_LARGE:
	case STATUS_UNAUTHENTICATED:
	case STATUS_LIMIT:
	case STATUS_TIMEOUT:
	case STATUS_INTERNAL: break;
	}
	return st;
}

enum status oidc_callback_slow(struct request *request, struct error *err)
{
	const struct finish *finish = request->carried;
	CLEANUP(buffer) struct buffer url = { .bytes = NULL };
	enum status st = oidc_finish(request->options->oidc, request->store, finish->state, finish->browser,
				     finish->code, &url, err);
	if (st != STATUS_OK)
		return fail_finish(request, st, err);
	return redirect(request, &url, put_cookie(request, "", 0), err);
}

/* --- tokens for the app --- */

static enum status redeem(struct request *request, const char *code, const char *verifier, const char *return_url,
			  struct account_tokens *ret_tokens, struct error *err)
{
	char client[SESSION_CLIENT_BYTES_MAX + 1];
	if (!code || !oidc_is_secret(code) || (verifier && !oidc_is_verifier(verifier)))
		return reply_fail(&request->reply, FAILURE_OIDC_CODE, err);
	user_copy_client(request, client);
	const struct oidc_redemption redemption = { .code = code,
						    .verifier = verifier,
						    .return_url = return_url,
						    .source = user_source(request),
						    .client = client };
	enum status st = oidc_redeem(request->options->oidc, request->store, &redemption, ret_tokens, err);
	return st == STATUS_NOT_FOUND ? refuse(request, FAILURE_OIDC_CODE, "code", err) : st;
}

enum status oidc_token_post(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	CLEANUP(account_tokens) struct account_tokens tokens = { .refresh = "" };
	const char *code = NULL, *verifier = NULL;
	enum status st = need_oidc(request, err);
	if (st == STATUS_OK)
		st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "code", &code, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "code_verifier", &verifier, err);
	if (st == STATUS_OK)
		st = redeem(request, code, verifier, NULL, &tokens, err);
	if (st == STATUS_OK)
		user_put_tokens(&request->reply, "Login successful", &tokens);
	return st;
}

static void put_oauth_tokens(struct request *request, struct account_tokens *tokens)
{
	struct buffer *body = &request->reply.body;
	buffer_putc(body, '{');
	reply_put_member(body, "id_token", buffer_text(&tokens->id));
	reply_put_member(body, "access_token", buffer_text(&tokens->access));
	reply_put_member(body, "refresh_token", tokens->refresh);
	buffer_printf(body, ",\"expires_in\":%lld", (long long)account_token_lifetime_s(request->options->account));
	reply_put_member(body, "token_type", "Bearer");
	buffer_putc(body, '}');
}

/* The contract's form: application/x-www-form-urlencoded, which is a query by another name (rest.md 3.1); the JavaScript SDK puts it into
 * the query itself and sends no body. */
enum status oidc_oauth_token_post(struct request *request, struct error *err)
{
	CLEANUP(account_tokens) struct account_tokens tokens = { .refresh = "" };
	struct params_query form = request->query;
	enum status st = need_oidc(request, err);
	if (st != STATUS_OK)
		return st;
	if (request->body.len > 0 &&
	    params_query_read(buffer_text(&request->body), request->body.len, request->arena, &form, err) != STATUS_OK)
		return reply_fail(&request->reply, FAILURE_BODY, err);
	const char *grant = params_query_text(&form, "grant_type");
	if (!grant || strcmp(grant, "authorization_code") != 0)
		return reply_fail(&request->reply, FAILURE_OIDC_FIELD, err);
	st = redeem(request, params_query_text(&form, "code"), params_query_text(&form, "code_verifier"),
		    params_query_text(&form, "redirect_uri"), &tokens, err);
	if (st == STATUS_OK)
		put_oauth_tokens(request, &tokens);
	return st;
}
