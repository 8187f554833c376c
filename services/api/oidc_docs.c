/* Signing in with an OpenID Connect provider. The verifier of the examples and its challenge are those of RFC 7636, appendix B. */
#include "api/route_docs.h"

#include <stddef.h>

#define VERIFIER  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

#define PARAMS_OF_THE_APP                                                                                              \
	{ "state", "string", false, "comes back unchanged; up to 128 unreserved characters" },                         \
		{ "code_challenge", "string", false, "binds the code to the app's verifier (RFC 7636)" },              \
	{                                                                                                              \
		"code_challenge_method", "string", false, "S256, with a code_challenge"                                \
	}

const struct route_doc doc_oidc_start_get = {
	.tag = "Accounts",
	.summary = "Sign in with a provider: to the provider's page",
	.text = "The app opens this in the system's browser, and gets the browser back at return_url with code (good "
		"once, two minutes), or with error.",
	.params = (const struct doc_param[]){ { "return_url", "string", true,
						"where the app wants the browser back: one of the allowed list" },
					      PARAMS_OF_THE_APP,
					      { .name = NULL } },
	.query = "return_url=https://app.example.org/signed-in&state=s1&code_challenge=" CHALLENGE
		 "&code_challenge_method=S256",
	.redirects = true,
};

const struct route_doc doc_oidc_callback_get = {
	.tag = "Accounts",
	.summary = "Where the provider sends the browser back to: on to the app",
	.text = "Only in the browser that began, which has a cookie of ours, within 10 minutes, once.",
	.params = (const struct doc_param[]){ { "state", "string", true, "of the sign-in, as the provider got it" },
					      { "code", "string", false, "of the provider" },
					      { "error", "string", false, "in place of the code" },
					      { .name = NULL } },
	.query = "state=PROVIDER_STATE&code=PROVIDER_CODE",
	.redirects = true,
};

const struct route_doc doc_oidc_token_post = {
	.tag = "Accounts",
	.summary = "Tokens for the code that the app got back",
	.text = "As after a sign-in with a password. code_verifier is needed if the sign-in began with a "
		"code_challenge, and must be left out if it did not.",
	.request = JSON({ "code" : "SIGN_IN_CODE", "code_verifier" : "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" }),
	.answer = JSON({
		"status" : "success",
		"description" : "Login successful",
		"idtoken" : "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIifQ.c2ln",
		"accesstoken" : "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIifQ.c2ln",
		"refreshtoken" : "q8P0m2fYxHkW4eVbN6tRzLcA1sDgJ7uKi3oE5yXpTnM"
	}),
};

const struct route_doc doc_oidc_authorize_get = {
	.tag = "Accounts",
	.summary = "Sign in with a provider, in the words of OAuth 2.0",
	.text = "As /v1/oidc/start. client_id and identity_provider are not looked at: who may sign in is the list of "
		"addresses, and there is one provider.",
	.params = (const struct doc_param[]){ { "redirect_uri", "string", true,
						"where the app wants the browser back: one of the allowed list" },
					      { "response_type", "string", true, "CODE" },
					      PARAMS_OF_THE_APP,
					      { .name = NULL } },
	.query = "response_type=CODE&redirect_uri=https://app.example.org/signed-in&state=s1",
	.redirects = true,
};

const struct route_doc doc_oidc_oauth_token_post = {
	.tag = "Accounts",
	.summary = "Tokens for the code that the app got back, in the words of OAuth 2.0",
	.text = "As /v1/oidc/token. The refresh token is used with /v1/login2.",
	.request_type = "application/x-www-form-urlencoded",
	.request = "grant_type=authorization_code&code=SIGN_IN_CODE&redirect_uri=https://app.example.org/signed-in"
		   "&code_verifier=" VERIFIER,
	.answer = JSON({
		"id_token" : "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIifQ.c2ln",
		"access_token" : "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIifQ.c2ln",
		"refresh_token" : "q8P0m2fYxHkW4eVbN6tRzLcA1sDgJ7uKi3oE5yXpTnM",
		"expires_in" : 3600,
		"token_type" : "Bearer"
	}),
};
