// SPDX-License-Identifier: MIT
#include "binding/iova_values.h"

#include "binding/failure.h"
#include "binding/lent_memory.h"

namespace vfm::binding {
namespace {

std::optional<uint64_t> wideOf(const Napi::Value& value) {
  if (!value.IsBigInt()) return std::nullopt;
  bool lossless = false;
  const uint64_t wide = value.As<Napi::BigInt>().Uint64Value(&lossless);
  return lossless ? std::optional(wide) : std::nullopt;
}

std::optional<std::vector<IovaRange>> parse(const Napi::Value& value) {
  if (!value.IsArray()) return std::nullopt;
  std::vector<IovaRange> ranges;
  const Napi::Array array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value each = array.Get(i);
    if (!each.IsObject()) return std::nullopt;
    const auto first = wideOf(each.As<Napi::Object>().Get("first"));
    const auto last = wideOf(each.As<Napi::Object>().Get("last"));
    if (!first || !last) return std::nullopt;
    ranges.push_back(IovaRange{*first, *last});
  }
  return ranges;
}

}  // namespace

std::optional<std::vector<IovaRange>> rangesOf(Napi::Env env, Napi::Value value) {
  auto ranges = parse(value);
  if (!ranges && !env.IsExceptionPending()) {
    Napi::TypeError::New(env, "an array of ranges is needed, first and last of 64 bits")
        .ThrowAsJavaScriptException();
  }
  return ranges;
}

Napi::Value toBuffer(Napi::Env env, const std::shared_ptr<DirtyBitmap>& bitmap) {
  const Bytes bytes{reinterpret_cast<uint8_t*>(bitmap->words()), bitmap->byteCount()};
  auto view = lend(env, bytes, bitmap);
  if (!view) return toObject(env, view.failure());
  return *view;
}

Protection protectionOf(const std::string& text) {
  return text == "read" ? Protection::kRead : text == "write" ? Protection::kWrite : Protection::kReadWrite;
}

}  // namespace vfm::binding
