// SPDX-License-Identifier: MIT
// HMAC with SHA-256 (RFC 2104, FIPS 198-1).
#pragma once

#include "core/integrity/sha256.h"

namespace vfm {

// `key` of any length; not kept. Compare with equalDigests.
Sha256Digest hmacSha256(ConstBytes key, ConstBytes message);

}  // namespace vfm
