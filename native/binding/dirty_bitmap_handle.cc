// SPDX-License-Identifier: MIT
#include "binding/dirty_bitmap_handle.h"

#include <algorithm>
#include <vector>

#include "binding/arguments.h"

namespace vfm::binding {

Napi::Function DirtyBitmapHandle::classDefinition(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceMethod<&DirtyBitmapHandle::add>("add"), InstanceMethod<&DirtyBitmapHandle::merge>("merge"),
       InstanceMethod<&DirtyBitmapHandle::mark>("mark"), InstanceMethod<&DirtyBitmapHandle::clear>("clear"),
       InstanceMethod<&DirtyBitmapHandle::dirtyPages>("dirtyPages"),
       InstanceMethod<&DirtyBitmapHandle::runs>("runs")});
}

DirtyBitmapHandle::DirtyBitmapHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<DirtyBitmapHandle>(info) {
  bitmap_ = takeInit<Init>(info).bitmap;
}

// The words of a report over the same stretch in the same pages.
Napi::Value DirtyBitmapHandle::add(const Napi::CallbackInfo& info) {
  if (!info[0].IsArrayBuffer() || info[0].As<Napi::ArrayBuffer>().ByteLength() != bitmap_->byteCount()) {
    Napi::TypeError::New(info.Env(), "argument 0 must be an ArrayBuffer of the bitmap's size")
        .ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  const auto* words = static_cast<const uint64_t*>(info[0].As<Napi::ArrayBuffer>().Data());
  for (size_t i = 0; i < bitmap_->wordCount(); ++i) bitmap_->words()[i] |= words[i];
  return info.Env().Undefined();
}

Napi::Value DirtyBitmapHandle::merge(const Napi::CallbackInfo& info) {
  const Napi::Function type = Runtime::of(info.Env()).classOf(kName).Value();
  if (!info[0].IsObject() || !info[0].As<Napi::Object>().InstanceOf(type)) {
    Napi::TypeError::New(info.Env(), "argument 0 must be a dirty bitmap").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  bitmap_->merge(*Napi::ObjectWrap<DirtyBitmapHandle>::Unwrap(info[0].As<Napi::Object>())->bitmap_);
  return info.Env().Undefined();
}

Napi::Value DirtyBitmapHandle::mark(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t iova = arguments.wide(0);
  const uint64_t length = arguments.wide(1);
  if (arguments.ok()) bitmap_->mark(iova, length);
  return info.Env().Undefined();
}

Napi::Value DirtyBitmapHandle::clear(const Napi::CallbackInfo& info) {
  bitmap_->clear();
  return info.Env().Undefined();
}

Napi::Value DirtyBitmapHandle::dirtyPages(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(bitmap_->dirtyPages()));
}

// The first and last address of at most `most` runs from page `from` on, in one array of bigints: one call
// fetches many.
Napi::Value DirtyBitmapHandle::runs(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t from = arguments.wide(0);
  const uint32_t most = arguments.number(1);
  if (!arguments.ok()) return info.Env().Undefined();
  constexpr size_t kMost = 65536;
  std::vector<IovaRange> found;
  auto run = bitmap_->nextRun(from);
  while (run && found.size() < std::min<size_t>(most, kMost)) {
    found.push_back(*run);
    run = bitmap_->nextRun((run->last - bitmap_->iova()) / bitmap_->pageSize() + 1);
  }
  Napi::BigUint64Array pairs = Napi::BigUint64Array::New(info.Env(), found.size() * 2);
  for (size_t i = 0; i < found.size(); ++i) {
    pairs.Data()[2 * i] = found[i].first;
    pairs.Data()[2 * i + 1] = found[i].last;
  }
  return pairs;
}

Napi::Value createDirtyBitmap(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t iova = arguments.wide(0);
  const uint64_t length = arguments.wide(1);
  const uint64_t pageSize = arguments.wide(2);
  if (!arguments.ok()) return info.Env().Undefined();
  auto bitmap = DirtyBitmap::create(iova, length, pageSize);
  if (!bitmap) return toObject(info.Env(), bitmap.failure());
  return make<DirtyBitmapHandle>(info.Env(), {std::move(*bitmap)});
}

}  // namespace vfm::binding
