// SPDX-License-Identifier: MIT
#include "binding/lent_memory.h"

namespace vfm::binding {
namespace {

constexpr size_t kMostBytes = size_t{1} << 30;

void giveBack(napi_env, void*, void* hint) {
  std::unique_ptr<std::shared_ptr<void>> keep(static_cast<std::shared_ptr<void>*>(hint));
}

}  // namespace

Result<Napi::ArrayBuffer> lend(Napi::Env env, Bytes bytes, std::shared_ptr<void> keep) {
  if (bytes.size > kMostBytes) {
    return Failure::because(
        Reason::kUnsupported, "view of native memory",
        std::to_string(bytes.size) + " bytes; one view holds at most " + std::to_string(kMostBytes));
  }
  auto holder = std::make_unique<std::shared_ptr<void>>(std::move(keep));
  napi_value value = nullptr;
  const napi_status status =
      napi_create_external_arraybuffer(env, bytes.data, bytes.size, &giveBack, holder.get(), &value);
  if (status == napi_no_external_buffers_allowed) {
    return Failure::because(Reason::kUnsupported, "view of native memory",
                            "this JavaScript engine forbids ArrayBuffers over foreign memory");
  }
  if (status != napi_ok)
    return Failure::because(Reason::kUnsupported, "view of native memory", "the engine refused it");
  static_cast<void>(holder.release());  // the finalizer's now
  return Napi::ArrayBuffer(env, value);
}

void Loan::end() {
  if (buffer_.IsEmpty()) return;
  const Napi::HandleScope scope(buffer_.Env());
  Napi::ArrayBuffer buffer = buffer_.Value();
  if (!buffer.IsEmpty() && !buffer.IsDetached()) buffer.Detach();
  buffer_.Reset();
}

}  // namespace vfm::binding
