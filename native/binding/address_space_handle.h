// SPDX-License-Identifier: MIT
// NativeAddressSpace: an address space of any backend.
#pragma once

#include "binding/handle.h"
#include "core/dma/address_space.h"

namespace vfm::binding {

class AddressSpaceHandle : public Napi::ObjectWrap<AddressSpaceHandle> {
 public:
  static constexpr const char* kName = "AddressSpace";
  struct Init {
    std::shared_ptr<AddressSpace> space;
  };
  static Napi::Function classDefinition(Napi::Env env);
  explicit AddressSpaceHandle(const Napi::CallbackInfo& info);
  ~AddressSpaceHandle() override { dropOn(lane_, std::move(space_)); }

  // Null once closed.
  const std::shared_ptr<AddressSpace>& space() const { return space_; }

 private:
  Napi::Value kind(const Napi::CallbackInfo& info);
  Napi::Value inSoftware(const Napi::CallbackInfo& info);
  Napi::Value describe(const Napi::CallbackInfo& info);
  Napi::Value map(const Napi::CallbackInfo& info);
  Napi::Value unmap(const Napi::CallbackInfo& info);
  Napi::Value unmapAll(const Napi::CallbackInfo& info);
  Napi::Value mapped(const Napi::CallbackInfo& info);
  Napi::Value read(const Napi::CallbackInfo& info);
  Napi::Value write(const Napi::CallbackInfo& info);
  Napi::Value startDirtyTracking(const Napi::CallbackInfo& info);
  Napi::Value reportDirty(const Napi::CallbackInfo& info);
  Napi::Value stopDirtyTracking(const Napi::CallbackInfo& info);
  Napi::Value isSameAs(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  template <typename T, typename Work, typename Convert>
  Napi::Value call(Napi::Env env, const char* what, Work work, Convert convert, uint64_t pin = 0);
  template <typename Work>
  Napi::Value callForStatus(Napi::Env env, const char* what, Work work, uint64_t pin = 0);

  Lane lane_;
  std::shared_ptr<AddressSpace> space_;
};

// Of an address space or an IOAS. Null, with a TypeError pending, when the value is neither, or closed.
std::shared_ptr<AddressSpace> addressSpaceOf(Napi::Env env, Napi::Value value);

// createAddressTable(): an address space of this process.
Napi::Value createAddressTable(const Napi::CallbackInfo& info);

}  // namespace vfm::binding
