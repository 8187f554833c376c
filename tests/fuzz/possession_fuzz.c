/* A node's answer to a challenge: any text in place of the digits, and any bytes in place of the signature, against a key of each kind. Whatever
 * they are, they are read in bounds, and no answer but the node's is right: nobody here has its key, so none may be. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "claim/possession.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char p256_pem[] = "-----BEGIN CERTIFICATE-----\n"
			       "MIIBEzCBuqADAgECAggRIjNEVWZ3iDAKBggqhkjOPQQDAjAQMQ4wDAYDVQQDDAVu\n"
			       "b2RlMTAeFw0yNjAxMDEwMDAwMDBaFw00NjAxMDEwMDAwMDBaMBAxDjAMBgNVBAMM\n"
			       "BW5vZGUxMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaIvOGhlg6BE53r6fo1ki\n"
			       "UbJvjVTD0ucC/JjFdz15pbYEcPng9VVpFUoBtTUSAX88T/AzrImb2Hfh4NDJvlSV\n"
			       "6zAKBggqhkjOPQQDAgNIADBFAiEAvE3C0m84u9vhbBPADOJTAmyGRLTI8t5zBvFs\n"
			       "NRm+TnMCIBqOsCscgzQUJFykj6IHO4BWAsnThzWNn295iunerhwW\n"
			       "-----END CERTIFICATE-----\n";

static const char p384_pem[] = "-----BEGIN CERTIFICATE-----\n"
			       "MIIBUTCB16ADAgECAggRIjNEVWZ3iDAKBggqhkjOPQQDAjAQMQ4wDAYDVQQDDAVu\n"
			       "b2RlMTAeFw0yNjAxMDEwMDAwMDBaFw00NjAxMDEwMDAwMDBaMBAxDjAMBgNVBAMM\n"
			       "BW5vZGUxMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEfabAhLU7YcOOogot+KCj4vCv\n"
			       "Q4k0vH6GLhAWP80IG8KfcTpBUwd4tW9ogwv6lKCHa9VXVMZD65RTiodIpAb3Du7h\n"
			       "nTIL2Jxa7L6fQlpRNc/l275gTthDDZF4lHPJ1kBdMAoGCCqGSM49BAMCA2kAMGYC\n"
			       "MQCxnat31crURwXqEO56jknqQXilcS8h6cklL12VwJSoqQWWopQ+5HYdMWYO70zC\n"
			       "hykCMQDjqzRzCYNKPOIGkBKUxQfoCrlrHr0YI7GyYK0o+49/DQ/eFAPhgydMD7Ch\n"
			       "q3V5BDI=\n"
			       "-----END CERTIFICATE-----\n";

static const char rsa_pem[] = "-----BEGIN CERTIFICATE-----\n"
			      "MIICoDCCAYigAwIBAgIIESIzRFVmd4gwDQYJKoZIhvcNAQELBQAwEDEOMAwGA1UE\n"
			      "AwwFbm9kZTEwHhcNMjYwMTAxMDAwMDAwWhcNNDYwMTAxMDAwMDAwWjAQMQ4wDAYD\n"
			      "VQQDDAVub2RlMTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAMz6CUj4\n"
			      "F/SrbUvJVokvVPBa5dM/WQ3nK6dWQM8ejk5FvF3WIe7CXoQSc2AQWbA4rA+1cnMg\n"
			      "gNeeC2xZV7zUvss2oSuft9F8+k78leB7BhlqMazG6BT/uCmcWaL1SFdSs/Kl+TsH\n"
			      "g9caZ/CNMidbDWpsjQwycmiyIjZvht485RuKePSDd25DOajE60co26m7zKc99+em\n"
			      "4DddG/Aho65ozvPHV9DezDPn3BnqELKIqmu3BjYhRXfGKBsySHCcbX/ymd/I/zE9\n"
			      "NJNQuZcOKdgKowxutdtyosbcg2C3E5SzAEW75gHuZGoefmrYy5DEG3z9Zl1jIIVG\n"
			      "a2Tp8Tj7FFMbO7kCAwEAATANBgkqhkiG9w0BAQsFAAOCAQEAtm0C+T9q2oeD1x3O\n"
			      "LA0V/fGmQmPaXrJxz8ht6modXkdbGtKMBDotCXTJhuPibL6pZ/ywappgQr+Of9+O\n"
			      "7JxXCeGKrjrwQ6Gj1c2HmWodDlGG4YCTiHqDVPqfSd5srVPuTUIwxS6pAq+rNkzP\n"
			      "fyLmGaRoLQqS3S0gp17l3cYG8sg5TGcAXyfGYS0K25zRlo5AXdKO/yrMEP+trm/w\n"
			      "PGIXJZXVNfVZDOgFwYAFR151kMxU98J2SC1tHJnRITnOau872sZgzyHIa9gKtcZm\n"
			      "69WFBC2ncNd9s0LOw8qMrbNHF1TLoEtaz4iFqQxxsfXOeQgl9P2+KJEevJUJ7gpF\n"
			      "cGsZoA==\n"
			      "-----END CERTIFICATE-----\n";

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check(const struct possession_signature *signature)
{
	static const char *const pems[] = { p256_pem, p384_pem, rsa_pem };
	for (size_t i = 0; i < ARRAY_LEN(pems); i++) {
		struct error err = { .status = STATUS_OK };
		must(possession_check(pems[i], "a text that was never signed", signature, &err) == STATUS_DENIED);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct possession_signature signature = { .len = 0 };
	char *text = malloc(size + 1);
	must(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (possession_signature_read(text, &signature)) {
		must(signature.len > 0 && strlen(text) == 2 * signature.len);
		check(&signature);
	}
	free(text);
	signature.len = size < POSSESSION_SIGNATURE_MAX ? size : POSSESSION_SIGNATURE_MAX;
	memcpy(signature.bytes, data, signature.len);
	check(&signature);
	return 0;
}
