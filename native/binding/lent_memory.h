// SPDX-License-Identifier: MIT
// Native memory seen as an ArrayBuffer, without a copy.
#pragma once

#include <napi.h>

#include <memory>

#include "core/base/result.h"
#include "core/base/span.h"

namespace vfm::binding {

// An ArrayBuffer over `bytes`, which `keep` keeps valid until the garbage collector has taken the buffer, or
// one event loop turn after it was detached. Refuses more than 1 GiB: above 4 GiB Node 20 aborts the process.
// The address must be under no other live ArrayBuffer.
Result<Napi::ArrayBuffer> lend(Napi::Env env, Bytes bytes, std::shared_ptr<void> keep);

// An ArrayBuffer that was lent and is to be taken back before its memory changes hands.
class Loan {
 public:
  void begin(Napi::ArrayBuffer buffer) { buffer_ = Napi::Weak(buffer); }
  // Every view has length 0 from here on. A buffer that was collected is back already.
  void end();

 private:
  Napi::Reference<Napi::ArrayBuffer> buffer_;
};

}  // namespace vfm::binding
