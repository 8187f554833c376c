/* Whose key has signed: certificates and signatures below were made with Python's cryptography, over the text `a challenge`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "claim/possession.h"

static const char text[] = "a challenge";

static const char p256_pem[] = "-----BEGIN CERTIFICATE-----\n"
			       "MIIBEzCBuqADAgECAggRIjNEVWZ3iDAKBggqhkjOPQQDAjAQMQ4wDAYDVQQDDAVu\n"
			       "b2RlMTAeFw0yNjAxMDEwMDAwMDBaFw00NjAxMDEwMDAwMDBaMBAxDjAMBgNVBAMM\n"
			       "BW5vZGUxMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaIvOGhlg6BE53r6fo1ki\n"
			       "UbJvjVTD0ucC/JjFdz15pbYEcPng9VVpFUoBtTUSAX88T/AzrImb2Hfh4NDJvlSV\n"
			       "6zAKBggqhkjOPQQDAgNIADBFAiBSSOLbHM//Yj4Lv8VmMjxT3y+kquxSHVTcE3eF\n"
			       "vXUvZQIhANq3L+zumIJ/YQH4jPMPf4BZNbOECdTu5ZQjP+O2dAtq\n"
			       "-----END CERTIFICATE-----\n";

static const char p384_pem[] = "-----BEGIN CERTIFICATE-----\n"
			       "MIIBUDCB16ADAgECAggRIjNEVWZ3iDAKBggqhkjOPQQDAjAQMQ4wDAYDVQQDDAVu\n"
			       "b2RlMTAeFw0yNjAxMDEwMDAwMDBaFw00NjAxMDEwMDAwMDBaMBAxDjAMBgNVBAMM\n"
			       "BW5vZGUxMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEfabAhLU7YcOOogot+KCj4vCv\n"
			       "Q4k0vH6GLhAWP80IG8KfcTpBUwd4tW9ogwv6lKCHa9VXVMZD65RTiodIpAb3Du7h\n"
			       "nTIL2Jxa7L6fQlpRNc/l275gTthDDZF4lHPJ1kBdMAoGCCqGSM49BAMCA2gAMGUC\n"
			       "MQCrHYQ5fIjfOer8Wrb54/1uCLBDlcUifYIA6nyqU/pguPJRYp7qPTtN8yQARQsL\n"
			       "OFcCMCuhfuBzgDMPOmszLLwFsxP00wRqAMhpQ7V9XDBGHeKf/O151DOmAvxdGAEo\n"
			       "9M21qQ==\n"
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

static const char p521_pem[] = "-----BEGIN CERTIFICATE-----\n"
			       "MIIBmzCB/aADAgECAggRIjNEVWZ3iDAKBggqhkjOPQQDAjAQMQ4wDAYDVQQDDAVu\n"
			       "b2RlMTAeFw0yNjAxMDEwMDAwMDBaFw00NjAxMDEwMDAwMDBaMBAxDjAMBgNVBAMM\n"
			       "BW5vZGUxMIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQBximoFAKpdo8wuZxvE3QA\n"
			       "yNfaza26x+NRgPbuBiPky239LVvcFP6JxxkzY+upOHj6WMTuTpt9EA/xkOmKbDJ+\n"
			       "5pUBWADZM3yL4dvbCIBFn0BzdgSq/5cdnbmoA5XXBA40ca6uZPt7xz4WUVT5UvEp\n"
			       "bfJgdh4KVQv+Mda1uq/PfeZUi5wwCgYIKoZIzj0EAwIDgYwAMIGIAkIBzoXEfTDb\n"
			       "04mAkaON0xrwAMbgUvZFTYsfBnc5GufX3c1EF1EaathAmX3R4h3SFkfvKBKOGlAt\n"
			       "1lRl+rBiAc99TyoCQgHJzAhoRCqMCg9JxHDpKCvxCvXOVYIVj147f7ApfOl/T/FG\n"
			       "nPd9DU3ph0+BOtB59EFn30p4AQK8Pz1+xPcp/XeBKg==\n"
			       "-----END CERTIFICATE-----\n";

static const char rsa1024_pem[] = "-----BEGIN CERTIFICATE-----\n"
				  "MIIBmzCCAQSgAwIBAgIIESIzRFVmd4gwDQYJKoZIhvcNAQELBQAwEDEOMAwGA1UE\n"
				  "AwwFbm9kZTEwHhcNMjYwMTAxMDAwMDAwWhcNNDYwMTAxMDAwMDAwWjAQMQ4wDAYD\n"
				  "VQQDDAVub2RlMTCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEAu/XShd3VMPUe\n"
				  "LQvIph8gt3Qduf80zmqN5mLPDGrp8zVlgYb+vgaNYQHr5Bdjr+m8zI3p3jSKKBc9\n"
				  "VKkS5GbB4U40M/cnHmmz1QjH7IFz7MuZRoaklZplCHap9nwJ8jbjv28E3iB5h8Pz\n"
				  "QJ0na5YWNsqzzvAI/eNULWuivI3iQx8CAwEAATANBgkqhkiG9w0BAQsFAAOBgQCU\n"
				  "SwqCcVwzVNdtLa3A5jpN8oEgatZKO8ONy/oCXjSvrudOwb1sug6Fmp0HVdskDeEX\n"
				  "gEMxJ/UPB3MGRjHiAB1gl+V09meNlHaUzhmAEj8HlWvmSacDxDWQMXW+nSi83Mg6\n"
				  "yyrbTyN6TuGUHKD9vElOyHTHnrhlFzC7HdXqy+wX5A==\n"
				  "-----END CERTIFICATE-----\n";

struct signature_case {
	const char *pem, *what, *hex;
};

static const struct signature_case good[] = {
	{ p256_pem, "ECDSA P-256",
	  "3046022100a93368147824ef1c7b808915fcbc95b434dca3a623af239e4ef4c2f4411763280221008fb915112e"
	  "c5c9ddfe2d7c8235cd4a503faab6574bb9bbf748805921cf9e3ed0" },
	{ p384_pem, "ECDSA P-384",
	  "3065023100a568c5ca80f79f1e5cd33741102bca2eaf2c9828411583970cfc294ccbaee04847664705782ae017"
	  "884421757779fa3b02306758d99e49a9d4306f896169cf542f39ef5e18ecba7f160c10b955b8800c0b364345ab"
	  "dde5fa56c452c1dfede753f2fc" },
	{ rsa_pem, "PSS, salt of the hash's length",
	  "54aaeb679dc0d024771d38e8f12ce457f036a911451dffcb6a37da6caaf27b685067c3b03365d9209eb40180f5"
	  "9574910df4346187991279a0bf7426e845a4590bcc555dfa4f158e4a4d3fc83fa89881d209c8a610f0e9a7dd7e"
	  "f4d6780b500fb3ff61c027ddfef1749f9b5dc7a448bb3ec1fbb6e4b2b7b28fea21b97f41560d5f819d2ac09d99"
	  "37e384e7e85a1916ae6f4cfbf31248e838c4a08d06117a75c4b034f597a17acf477636ca862bde95e32f6e7b6c"
	  "b52a34597c3dbc67421da088f6b95e6addf22b50b2c7f95401a09c94984cde0d29f940617e67d8041b386ba860"
	  "72acc1323c70ed1d087fdb4941234e39276ca2b19376587c41b887e5a46ea0" },
	{ rsa_pem, "PSS, all that fits",
	  "384a92fb51757cfeb2decfd8085f187070750bf84d39eb5a9b9c080db08597cd6f4e30dbe23ea33b6e95ffa1aa"
	  "c4d315997300c06d73e0295182bc83275d4e4cd4b4fe0e357f825977642dc53b7ce1d7b6a22a73af048acdc206"
	  "4344a4c151785f32a555419d1240cd61108eca982c5a140b9716629ab0696143f128a3a272ed428e649ae8d283"
	  "3896a67216b60145be555ea17a4d47616b2d6554f2d7eb63c9d032694150efb494b9467e40f3e612de7cb9d9de"
	  "da77cdbade956adf505a1e8a4864f5b652ddafc9ddfcc1a8ce518db0a1778e1dc49f37c4f7c51e8e771611b9d4"
	  "d46048b86d7c9524b80e4873598e0fe2cedcb7b4ddf47ebf3b09f019616765" },
	{ rsa_pem, "PSS, no salt",
	  "7aacb63e29a0ebb8e0142feac80b5462591aa8ff94f1ee5caf5c109fab5fc70dd72629c6e44b1f36bf73e75147"
	  "0138bcb09f91e33739a771a399bd8091b388870082e40044d0557428994e9df9d88e78f84bb9095e9670799854"
	  "25aa3b406c932308ea41627d35e672f68480178d22b69cc8e17e3faecef1686373c4ab1b97b70358c8474374de"
	  "397669549bd6be22a8fe82da840f853ca52b268aef818b6d7e478ed78d22550148b8409ecbb43997b812891cd9"
	  "5a23f3bd3d30e0ae995bf43a11081ac11c6ae97c70169f20a45ab6a36fb985c316676ca6c4af820e55eb1848df"
	  "315010d2921b38e6cd81accaf0f8d4eae33ee9020b4ff86927608f7de397c7" },
};

static const struct signature_case bad[] = {
	{ p256_pem, "SHA-384",
	  "3046022100dbbdbd3060211a5d130204b32e85376e7bc67deedd159a25e16e6569720e7ed5022100b221763dc2"
	  "bb11044a5606c8bd2157ff3d8adfcab9d84a0a9efa345e9a9f8f6d" },
	{ p521_pem, "P-521",
	  "308188024201279686697b81e0b9db821c76d3cbb623c3d604a173c7f15238b29c9fa58aa916db287934c41553"
	  "e3e7f7f3ce5290df4e566d1fabcd16eab940434a224c9b01e27e02420106ed695a5032e36f114c9e1424a98442"
	  "87a0bdf6793dc8a354841c1b8ed1a7ac7c9d565f541ff11eeaf48effe685688ec579f605088e90dee35819012d"
	  "5ea1b0e1" },
	{ rsa_pem, "PKCS #1 v1.5",
	  "46693d64e196c509fb2d065de87166ad42bcc5963cfb7d5a1cf5424b4238cce3c5857344d8d5311d3d53133183"
	  "fd7fed25f57007d7d64158a8e3ca60f319e446a73c23de2c0562f84793f0dfc2bb5eaaa3e242d97183535321c0"
	  "6ff01a4ac481a2f60b17c6dc64053f4ce9d929b997b7e076f3ab9b290f089345d0b6c7f7f193b43a55fc57340a"
	  "e52fc71a38ed23837327a1ea61c52a1028dc45eea138b7053c476e6e9b69483103fa80769cb8325dbce78d7e7a"
	  "1b925ac31417d012c9afa3a94ae5bd95ace79326ba9f4905c42180040a7068792d2877b765f1642b9ca0b3de30"
	  "c0254d00577744cb9fb2f895fa06b6ac8e90aa429ff39319871f9db7c612c3" },
	{ rsa_pem, "PSS with SHA-1",
	  "94e4f2f7c690744f31469543a9fc5d898dcd84765b8832b5ee9916776b8851acd00afdd45930baf1663f281175"
	  "48348dd1bccfb0ae5903246b93033dccdcb4240dd36234ca04e6d92576279eae6d37dd8f729456f0e82f95cd7f"
	  "a36e3f219509038f51b79d20323d5670277cea17a4b2ad2eefeb10eed471389727dcb40bac77242d07b95047ce"
	  "d3cd3c066ceff03b010102316395a4aaa4fee1d537db4893ff729a41d92cf5b4dfb938257649b5d110d0ea085c"
	  "5687a4c6c05884db8a20c3f968f6a9f386e44325d34e6edf4d5a6f803c3b87c17e6a3fbedc7da07602b4c80b52"
	  "1b60b24417da5850af4390d522746359b9da18ec784527344d0bfec909cf67" },
	{ rsa_pem, "MGF1 with SHA-1",
	  "0d108c2fe8e6d0cd3e0e167511fceb240fb4e0424cfcb4eb1befe0b13ec86e102020e1e79d3e2933868e488026"
	  "1b428f158ad62239b320e9e3e96f47b5c0979c4a79507d977eb74bd4092f4f513f6ac81a3ea841753d0d6b3df3"
	  "f03a7e0147518cabff5ead950ce11f8a6618dcc8492b799cfb408ac009daf60be3caf7858f0bac1d061cbe45e7"
	  "dc2cdbc32ed25c94f2849690c7b8609832ce7725c615fb5c0b73b3d4f75289823b37a57732a808aa381a83d67b"
	  "a00e8630071faafc81d6846772022c427e312f95eda583d47739a0287eeb842a5eee1ff27bac9a0b1f7bdea998"
	  "327a1551c3de4d402125bfd4afa66242d7b9534c48d8c5b3138a4bc5e9a3d2" },
	{ rsa1024_pem, "RSA-1024",
	  "1e9b28b91c63fc7bad73d8e5f5e3b20a50f7f6eeae118e2f8a6445116b455fdd20f73bb1a430a73e31946a8d37"
	  "af6b035cc577384f1b83cca285c352635e2232e7cc059788668ca7875def8891955cd60b914562eab3bb3ba285"
	  "536071193706e3d3d1b89134a9014bf62250e90b641df8ad2ad743f40d6cf9f40bd6219cf368" },
	{ p384_pem, "another key",
	  "3046022100a93368147824ef1c7b808915fcbc95b434dca3a623af239e4ef4c2f4411763280221008fb915112e"
	  "c5c9ddfe2d7c8235cd4a503faab6574bb9bbf748805921cf9e3ed0" },
	{ p256_pem, "raw r and s instead of DER",
	  "a93368147824ef1c7b808915fcbc95b434dca3a623af239e4ef4c2f4411763288fb915112ec5c9ddfe2d7c8235"
	  "cd4a503faab6574bb9bbf748805921cf9e3ed0" },
	{ p256_pem, "a byte behind the DER",
	  "3046022100a93368147824ef1c7b808915fcbc95b434dca3a623af239e4ef4c2f4411763280221008fb915112e"
	  "c5c9ddfe2d7c8235cd4a503faab6574bb9bbf748805921cf9e3ed000" },
	{ p256_pem, "a length in BER's long form",
	  "308146022100a93368147824ef1c7b808915fcbc95b434dca3a623af239e4ef4c2f4411763280221008fb91511"
	  "2ec5c9ddfe2d7c8235cd4a503faab6574bb9bbf748805921cf9e3ed0" },
};

static enum status check(const char *pem, const char *signed_text, const char *hex)
{
	struct possession_signature signature;
	struct error err = { .status = STATUS_OK };
	assert_true(possession_signature_read(hex, &signature));
	return possession_check(pem, signed_text, &signature, &err);
}

static void the_key_of_the_certificate_has_signed_the_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(check(good[i].pem, text, good[i].hex), STATUS_OK);
		assert_int_equal(check(good[i].pem, "another text", good[i].hex), STATUS_DENIED);
	}
}

static void another_scheme_hash_key_or_form_is_no_proof(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (check(bad[i].pem, text, bad[i].hex) != STATUS_DENIED)
			fail_msg("%s was taken", bad[i].what);
	}
}

static void one_bit_changed_is_no_proof(void **state)
{
	(void)state;
	struct possession_signature signature;
	struct error err = { .status = STATUS_OK };
	assert_true(possession_signature_read(good[0].hex, &signature));
	for (size_t bit = 0; bit < signature.len * 8; bit++) {
		signature.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		assert_int_equal(possession_check(p256_pem, text, &signature, &err), STATUS_DENIED);
		signature.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	assert_int_equal(possession_check(p256_pem, text, &signature, &err), STATUS_OK);
}

static void a_record_that_is_no_certificate_is_a_fault_of_ours(void **state)
{
	(void)state;
	static const char *const pems[] = { "", "AAAA",
					    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" };
	for (size_t i = 0; i < ARRAY_LEN(pems); i++)
		assert_int_equal(check(pems[i], text, "00"), STATUS_INTERNAL);
}

static void digits_are_read_in_any_case_and_nothing_else_is(void **state)
{
	(void)state;
	struct possession_signature signature;
	assert_true(possession_signature_read("00aBFf", &signature));
	assert_int_equal(signature.len, 3);
	assert_memory_equal(signature.bytes, "\x00\xab\xff", 3);
	static const char *const no_digits[] = { "",      "0",  "000",  "0x00", "00 11",
						 "00:11", "zz", "00\n", " 00",  "\xc3\xa4" };
	for (size_t i = 0; i < ARRAY_LEN(no_digits); i++)
		assert_false(possession_signature_read(no_digits[i], &signature));
}

static void a_signature_has_as_many_bytes_as_the_largest_key_gives(void **state)
{
	(void)state;
	struct possession_signature signature;
	char hex[2 * POSSESSION_SIGNATURE_MAX + 3] = "";
	memset(hex, 'a', sizeof(hex) - 1);
	assert_false(possession_signature_read(hex, &signature));
	hex[2 * POSSESSION_SIGNATURE_MAX] = '\0';
	assert_true(possession_signature_read(hex, &signature));
	assert_int_equal(signature.len, POSSESSION_SIGNATURE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_of_the_certificate_has_signed_the_text),
		cmocka_unit_test(another_scheme_hash_key_or_form_is_no_proof),
		cmocka_unit_test(one_bit_changed_is_no_proof),
		cmocka_unit_test(a_record_that_is_no_certificate_is_a_fault_of_ours),
		cmocka_unit_test(digits_are_read_in_any_case_and_nothing_else_is),
		cmocka_unit_test(a_signature_has_as_many_bytes_as_the_largest_key_gives),
	};
	return cmocka_run_group_tests_name("claim/possession", tests, NULL, NULL);
}
