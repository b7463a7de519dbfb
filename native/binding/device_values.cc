// SPDX-License-Identifier: MIT
#include "binding/device_values.h"

namespace vfm::binding {

Napi::Object toObject(Napi::Env env, const DeviceInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("flags", info.flags);
  object.Set("regions", info.regions);
  object.Set("irqs", info.irqs);
  return object;
}

Napi::Object toObject(Napi::Env env, const RegionInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("index", info.index);
  object.Set("flags", info.flags);
  object.Set("size", Napi::BigInt::New(env, info.size));
  object.Set("offset", Napi::BigInt::New(env, info.offset));
  Napi::Array mappable = Napi::Array::New(env, info.mappable.size());
  for (uint32_t i = 0; i < info.mappable.size(); ++i) {
    Napi::Object area = Napi::Object::New(env);
    area.Set("offset", Napi::BigInt::New(env, info.mappable[i].offset));
    area.Set("size", Napi::BigInt::New(env, info.mappable[i].size));
    mappable.Set(i, area);
  }
  object.Set("mappable", mappable);
  if (info.type) {
    Napi::Object type = Napi::Object::New(env);
    type.Set("type", info.type->type);
    type.Set("subtype", info.type->subtype);
    object.Set("type", type);
  } else {
    object.Set("type", env.Null());
  }
  Napi::Array capabilities = Napi::Array::New(env, info.capabilities.size());
  for (uint32_t i = 0; i < info.capabilities.size(); ++i)
    capabilities.Set(i, Napi::Number::New(env, info.capabilities[i]));
  object.Set("capabilities", capabilities);
  return object;
}

Napi::Object toObject(Napi::Env env, const IrqInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("index", info.index);
  object.Set("flags", info.flags);
  object.Set("count", info.count);
  return object;
}

Napi::Object toObject(Napi::Env env, const HotResetInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("byDeviceId", info.byDeviceId);
  Napi::Array devices = Napi::Array::New(env, info.devices.size());
  for (uint32_t i = 0; i < info.devices.size(); ++i) {
    Napi::Object device = Napi::Object::New(env);
    device.Set("address", info.devices[i].address());
    device.Set("id",
               info.devices[i].id ? Napi::Value(Napi::Number::New(env, *info.devices[i].id)) : env.Null());
    device.Set("owned", info.devices[i].owned);
    devices.Set(i, device);
  }
  object.Set("devices", devices);
  return object;
}

}  // namespace vfm::binding
