// SPDX-License-Identifier: MIT
// Arguments of a call from JavaScript. TypeScript has checked them; this is the second line, so that a wrong
// call throws and never crashes.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

namespace vfm::binding {

class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  uint32_t number(size_t index) {
    if (!info_[index].IsNumber()) return bad<uint32_t>(index, "a number");
    return info_[index].As<Napi::Number>().Uint32Value();
  }
  int32_t integer(size_t index) {
    if (!info_[index].IsNumber()) return bad<int32_t>(index, "a number");
    return info_[index].As<Napi::Number>().Int32Value();
  }
  // A length: what a double holds exactly.
  size_t length(size_t index) {
    if (!info_[index].IsNumber()) return bad<size_t>(index, "a number");
    const double value = info_[index].As<Napi::Number>().DoubleValue();
    if (!(value >= 0 && value <= 9007199254740991.0)) return bad<size_t>(index, "a length");
    return static_cast<size_t>(value);
  }
  uint64_t wide(size_t index) {
    if (!info_[index].IsBigInt()) return bad<uint64_t>(index, "a bigint");
    bool lossless = false;
    const uint64_t value = info_[index].As<Napi::BigInt>().Uint64Value(&lossless);
    return lossless ? value : bad<uint64_t>(index, "a bigint of 64 bits");
  }
  std::string text(size_t index) {
    if (!info_[index].IsString()) return bad<std::string>(index, "a string");
    return info_[index].As<Napi::String>().Utf8Value();
  }
  bool flag(size_t index) {
    if (!info_[index].IsBoolean()) return bad<bool>(index, "a boolean");
    return info_[index].As<Napi::Boolean>().Value();
  }
  Napi::TypedArrayOf<uint8_t> bytes(size_t index) {
    if (!info_[index].IsTypedArray() ||
        info_[index].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      return bad<Napi::TypedArrayOf<uint8_t>>(index, "a Uint8Array");
    }
    return info_[index].As<Napi::TypedArrayOf<uint8_t>>();
  }
  Napi::Object object(size_t index) {
    if (!info_[index].IsObject()) return bad<Napi::Object>(index, "an object");
    return info_[index].As<Napi::Object>();
  }

  Napi::Array array(size_t index) {
    if (!info_[index].IsArray()) return bad<Napi::Array>(index, "an array");
    return info_[index].As<Napi::Array>();
  }
  std::vector<int> integers(size_t index) {
    if (!info_[index].IsArray()) return bad<std::vector<int>>(index, "an array");
    const Napi::Array array = info_[index].As<Napi::Array>();
    std::vector<int> values;
    for (uint32_t i = 0; i < array.Length(); ++i) {
      const Napi::Value value = array.Get(i);
      if (!value.IsNumber()) return bad<std::vector<int>>(index, "an array of numbers");
      values.push_back(value.As<Napi::Number>().Int32Value());
    }
    return values;
  }

  // Once false, a TypeError is pending and the call must return.
  bool ok() const { return ok_; }

 private:
  template <typename T>
  T bad(size_t index, const char* expected) {
    if (ok_) {
      Napi::TypeError::New(info_.Env(), "argument " + std::to_string(index) + " must be " + expected)
          .ThrowAsJavaScriptException();
    }
    ok_ = false;
    return T();
  }

  const Napi::CallbackInfo& info_;
  bool ok_ = true;
};

}  // namespace vfm::binding
