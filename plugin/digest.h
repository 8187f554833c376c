/* digest.h - what a certificate is known by: the SHA-256 of its DER form. */
#ifndef CISTERN_PLUGIN_DIGEST_H
#define CISTERN_PLUGIN_DIGEST_H

struct certificate_digest {
	unsigned char bytes[32];
};

#endif
