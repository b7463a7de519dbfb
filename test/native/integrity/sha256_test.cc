// SPDX-License-Identifier: MIT
#include "core/integrity/sha256.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "core/integrity/hmac_sha256.h"

namespace {

vfm::ConstBytes bytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string hex(const vfm::Sha256Digest& digest) {
  static const char kDigits[] = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string with(vfm::Sha256::Compress compress, const std::string& message) {
  vfm::Sha256 hash(compress);
  hash.update(bytesOf(message));
  return hex(hash.finish());
}

}  // namespace

TEST_CASE("SHA-256 gives the digests of the NIST examples, by every method") {
  const struct {
    std::string message;
    const char* digest;
  } vectors[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopq"
       "rst"
       "nopqrstu",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
      {std::string(1000000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const auto& vector : vectors) {
    CHECK(with(vfm::Sha256::portable(), vector.message) == vector.digest);
    if (vfm::Sha256::accelerated() != nullptr) {
      CHECK(with(vfm::Sha256::accelerated(), vector.message) == vector.digest);
    }
    CHECK(hex(vfm::Sha256::of(bytesOf(vector.message))) == vector.digest);
  }
  if (vfm::Sha256::accelerated() == nullptr) MESSAGE("not on this processor: the SHA extensions");
}

TEST_CASE("SHA-256 does not care how the message is cut, and the methods agree") {
  std::mt19937_64 random(99);
  for (int round = 0; round < 300; ++round) {
    std::string message(random() % 700, '\0');
    for (char& letter : message) letter = static_cast<char>(random());
    vfm::Sha256 hash;
    for (size_t at = 0; at < message.size();) {
      const size_t count = std::min<size_t>(1 + random() % 150, message.size() - at);
      hash.update({reinterpret_cast<const uint8_t*>(message.data()) + at, count});
      at += count;
    }
    hash.update({});
    REQUIRE(hex(hash.finish()) == with(vfm::Sha256::portable(), message));
  }
}

TEST_CASE("HMAC-SHA256 gives the digests of RFC 4231") {
  const std::string twenty(20, '\x0b');
  CHECK(hex(vfm::hmacSha256(bytesOf(twenty), bytesOf("Hi There"))) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hex(vfm::hmacSha256(bytesOf("Jefe"), bytesOf("what do ya want for nothing?"))) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hex(vfm::hmacSha256(bytesOf(std::string(131, '\xaa')),
                            bytesOf("Test Using Larger Than Block-Size Key - Hash Key First"))) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("equalDigests sees a difference in any byte") {
  const vfm::Sha256Digest a = vfm::Sha256::of({});
  CHECK(vfm::equalDigests(a, a));
  for (size_t i = 0; i < a.size(); ++i) {
    vfm::Sha256Digest b = a;
    b[i] ^= 0x80;
    CHECK_FALSE(vfm::equalDigests(a, b));
  }
}
