// SPDX-License-Identifier: MIT
#include "binding/device_handle.h"

#include <cstring>

#include "binding/arguments.h"
#include "binding/device_values.h"
#include "binding/irq_arguments.h"
#include "binding/mapping_handle.h"
#include "binding/server_handle.h"
#include "binding/session_handle.h"
#include "binding/sink_handle.h"
#include "binding/source_handle.h"
#include "core/data/memory.h"
#include "core/device/bulk_access.h"
#include "core/v1/load_rounds.h"
#include "core/v1/save_rounds.h"

namespace vfm::binding {

Napi::Function DeviceHandle::classDefinition(Napi::Env env) {
  return DefineClass(env, kName,
                     {InstanceAccessor<&DeviceHandle::descriptor>("descriptor"),
                      InstanceAccessor<&DeviceHandle::companions>("companions"),
                      InstanceMethod<&DeviceHandle::deviceInfo>("info"),
                      InstanceMethod<&DeviceHandle::regionInfo>("regionInfo"),
                      InstanceMethod<&DeviceHandle::irqInfo>("irqInfo"),
                      InstanceMethod<&DeviceHandle::reset>("reset"),
                      InstanceMethod<&DeviceHandle::hotResetInfo>("hotResetInfo"),
                      InstanceMethod<&DeviceHandle::hotReset>("hotReset"),
                      InstanceMethod<&DeviceHandle::setIrqs>("setIrqs"),
                      InstanceMethod<&DeviceHandle::setIoeventfd>("setIoeventfd"),
                      InstanceMethod<&DeviceHandle::readRegister>("readRegister"),
                      InstanceMethod<&DeviceHandle::writeRegister>("writeRegister"),
                      InstanceMethod<&DeviceHandle::readRegion>("readRegion"),
                      InstanceMethod<&DeviceHandle::writeRegion>("writeRegion"),
                      InstanceMethod<&DeviceHandle::map>("map"),
                      InstanceMethod<&DeviceHandle::migrationFlags>("migrationFlags"),
                      InstanceMethod<&DeviceHandle::migrationState>("migrationState"),
                      InstanceMethod<&DeviceHandle::setMigrationState>("setMigrationState"),
                      InstanceMethod<&DeviceHandle::migrationDataSize>("migrationDataSize"),
                      InstanceMethod<&DeviceHandle::adoptSession>("adoptSession"),
                      InstanceMethod<&DeviceHandle::startDmaLog>("startDmaLog"),
                      InstanceMethod<&DeviceHandle::reportDmaLog>("reportDmaLog"),
                      InstanceMethod<&DeviceHandle::stopDmaLog>("stopDmaLog"),
                      InstanceMethod<&DeviceHandle::addressSpace>("addressSpace"),
                      InstanceMethod<&DeviceHandle::attach>("attach"),
                      InstanceMethod<&DeviceHandle::detach>("detach"),
                      InstanceMethod<&DeviceHandle::feature>("feature"),
                      InstanceMethod<&DeviceHandle::v1Source>("v1Source"),
                      InstanceMethod<&DeviceHandle::v1Sink>("v1Sink"),
                      InstanceMethod<&DeviceHandle::serve>("serve"),
                      InstanceMethod<&DeviceHandle::close>("close")});
}

DeviceHandle::DeviceHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<DeviceHandle>(info),
      control_("vfm:control"),
      access_("vfm:access"),
      urgent_("vfm:urgent") {
  device_ = takeInit<Init>(info).device;
}

Napi::Value DeviceHandle::descriptor(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), device_ ? device_->descriptor() : -1);
}

Napi::Value DeviceHandle::companions(const Napi::CallbackInfo& info) {
  Napi::Array found = Napi::Array::New(info.Env());
  if (!device_) return found;
  for (const Companion& companion : device_->companions()) {
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("kind", companion.kind == Companion::Kind::kGroup       ? "group"
                       : companion.kind == Companion::Kind::kContainer ? "container"
                                                                       : "iommufd");
    object.Set("descriptor", companion.descriptor);
    found.Set(found.Length(), object);
  }
  return found;
}

Napi::Value DeviceHandle::deviceInfo(const Napi::CallbackInfo& info) {
  return call<DeviceInfo>(
      info.Env(), access_, "VFIO_DEVICE_GET_INFO", [](Device& device) { return device.info(); },
      [](Napi::Env env, const DeviceInfo& value) -> Napi::Value { return toObject(env, value); });
}

Napi::Value DeviceHandle::regionInfo(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t index = arguments.number(0);
  if (!arguments.ok()) return info.Env().Undefined();
  return call<RegionInfo>(
      info.Env(), access_, "VFIO_DEVICE_GET_REGION_INFO",
      [index](Device& device) { return device.regionInfo(index); },
      [](Napi::Env env, const RegionInfo& value) -> Napi::Value { return toObject(env, value); });
}

Napi::Value DeviceHandle::irqInfo(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t index = arguments.number(0);
  if (!arguments.ok()) return info.Env().Undefined();
  return call<IrqInfo>(
      info.Env(), access_, "VFIO_DEVICE_GET_IRQ_INFO",
      [index](Device& device) { return device.irqInfo(index); },
      [](Napi::Env env, const IrqInfo& value) -> Napi::Value { return toObject(env, value); });
}

Napi::Value DeviceHandle::setIrqs(const Napi::CallbackInfo& info) {
  auto asked = irqArguments(info);
  if (!asked) return info.Env().Undefined();
  return call<std::nullptr_t>(
      info.Env(), urgent_, "VFIO_DEVICE_SET_IRQS",
      [asked = std::move(*asked)](Device& device) -> Result<std::nullptr_t> {
        Status done = device.setIrqs(asked.request);
        if (!done) return std::move(done).failure();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); });
}

Napi::Value DeviceHandle::setIoeventfd(const Napi::CallbackInfo& info) {
  auto asked = ioeventfdArguments(info);
  if (!asked) return info.Env().Undefined();
  return call<std::nullptr_t>(
      info.Env(), urgent_, "VFIO_DEVICE_IOEVENTFD",
      [asked = std::move(*asked)](Device& device) -> Result<std::nullptr_t> {
        Status done = device.setIoeventfd(asked.request);
        if (!done) return std::move(done).failure();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); });
}

Napi::Value DeviceHandle::reset(const Napi::CallbackInfo& info) {
  return call<std::nullptr_t>(
      info.Env(), urgent_, "VFIO_DEVICE_RESET",
      [](Device& device) -> Result<std::nullptr_t> {
        Status done = device.reset();
        if (!done) return std::move(done).failure();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); });
}

Napi::Value DeviceHandle::hotResetInfo(const Napi::CallbackInfo& info) {
  return call<HotResetInfo>(
      info.Env(), access_, "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO",
      [](Device& device) { return device.hotResetInfo(); },
      [](Napi::Env env, const HotResetInfo& value) -> Napi::Value { return toObject(env, value); });
}

Napi::Value DeviceHandle::hotReset(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  std::vector<int> groups = arguments.integers(0);
  if (!arguments.ok()) return info.Env().Undefined();
  return call<std::nullptr_t>(
      info.Env(), urgent_, "VFIO_DEVICE_PCI_HOT_RESET",
      [groups = std::move(groups)](Device& device) -> Result<std::nullptr_t> {
        Status done = device.hotReset(groups);
        if (!done) return std::move(done).failure();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); });
}

Napi::Value DeviceHandle::readRegister(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t index = arguments.number(0);
  const uint64_t offset = arguments.wide(1);
  const uint32_t width = arguments.number(2);
  if (!arguments.ok()) return info.Env().Undefined();
  return call<uint64_t>(
      info.Env(), access_, "register read",
      [=](Device& device) { return vfm::readRegister(device, index, offset, width); },
      [](Napi::Env env, uint64_t value) -> Napi::Value { return Napi::BigInt::New(env, value); });
}

Napi::Value DeviceHandle::writeRegister(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t index = arguments.number(0);
  const uint64_t offset = arguments.wide(1);
  const uint32_t width = arguments.number(2);
  const uint64_t value = arguments.wide(3);
  if (!arguments.ok()) return info.Env().Undefined();
  return call<std::nullptr_t>(
      info.Env(), access_, "register write",
      [=](Device& device) -> Result<std::nullptr_t> {
        Status written = vfm::writeRegister(device, index, offset, width, value);
        if (!written) return std::move(written).failure();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); });
}

Napi::Value DeviceHandle::readRegion(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t index = arguments.number(0);
  const uint64_t offset = arguments.wide(1);
  const size_t length = arguments.length(2);
  if (!arguments.ok()) return info.Env().Undefined();
  struct Read {
    std::shared_ptr<Memory> memory;
    size_t length;
  };
  return call<Read>(
      info.Env(), access_, "region read",
      [=](Device& device) -> Result<Read> {
        auto memory = Memory::allocate(length);
        if (!memory) return std::move(memory).failure();
        Status done = readWhole(device, index, offset, Bytes{(*memory)->data(), length});
        if (!done) return std::move(done).failure();
        return Read{std::move(*memory), length};
      },
      [](Napi::Env env, Read read) -> Napi::Value {
        const Bytes bytes{read.memory->data(), read.length};
        auto view = lend(env, bytes, std::move(read.memory));
        if (!view) return vfm::binding::toObject(env, view.failure());
        return *view;
      });
}

Napi::Value DeviceHandle::writeRegion(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t index = arguments.number(0);
  const uint64_t offset = arguments.wide(1);
  auto data = arguments.bytes(2);
  if (!arguments.ok()) return info.Env().Undefined();
  Pinned pinned = Runtime::of(info.Env()).pin(data);
  const uint64_t pin = pinned.id;
  if (!device_) pinned.done();
  return call<std::nullptr_t>(
      info.Env(), access_, "region write",
      [=, pinned = std::move(pinned)](Device& device) mutable -> Result<std::nullptr_t> {
        Status done = writeWhole(device, index, offset, pinned.bytes);
        pinned.done();
        if (!done) return std::move(done).failure();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); }, pin);
}

Napi::Value DeviceHandle::map(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t index = arguments.number(0);
  const Area area{arguments.wide(1), arguments.wide(2)};
  const std::string protection = arguments.text(3);
  if (!arguments.ok()) return info.Env().Undefined();
  const Protection asked = protection == "read"    ? Protection::kRead
                           : protection == "write" ? Protection::kWrite
                                                   : Protection::kReadWrite;
  return call<std::shared_ptr<Mapping>>(
      info.Env(), access_, "mapping of a region",
      [=](Device& device) -> Result<std::shared_ptr<Mapping>> {
        auto mapping = device.map(index, area, asked);
        if (mapping && !(*mapping)->trusted()) {
          return Failure::because(
              Reason::kUnsupported, "mapping of a region",
              "its owner can shrink it at any time, which would kill this process: read the region instead");
        }
        return mapping;
      },
      [asked](Napi::Env env, std::shared_ptr<Mapping> mapping) -> Napi::Value {
        return make<MappingHandle>(env, {std::move(mapping), asked});
      });
}

Napi::Value DeviceHandle::migrationFlags(const Napi::CallbackInfo& info) {
  return call<uint64_t>(
      info.Env(), control_, "VFIO_DEVICE_FEATURE GET MIGRATION",
      [](Device& device) { return device.migrationFlags(); },
      [](Napi::Env env, uint64_t flags) -> Napi::Value { return Napi::BigInt::New(env, flags); });
}

Napi::Value DeviceHandle::migrationState(const Napi::CallbackInfo& info) {
  return call<uint32_t>(
      info.Env(), control_, "VFIO_DEVICE_FEATURE GET MIG_DEVICE_STATE",
      [](Device& device) { return device.migrationState(); },
      [](Napi::Env env, uint32_t state) -> Napi::Value { return Napi::Number::New(env, state); });
}

Napi::Value DeviceHandle::setMigrationState(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t state = arguments.number(0);
  if (!arguments.ok()) return info.Env().Undefined();
  return call<StateChange>(
      info.Env(), control_, "VFIO_DEVICE_FEATURE SET MIG_DEVICE_STATE",
      [state](Device& device) { return device.setMigrationState(state); },
      [](Napi::Env env, StateChange change) -> Napi::Value {
        if (!change.session) return env.Null();
        return make<SessionHandle>(env, {std::shared_ptr<Session>(std::move(change.session))});
      });
}

Napi::Value DeviceHandle::migrationDataSize(const Napi::CallbackInfo& info) {
  return call<uint64_t>(
      info.Env(), control_, "VFIO_DEVICE_FEATURE GET MIG_DATA_SIZE",
      [](Device& device) { return device.migrationDataSize(); },
      [](Napi::Env env, uint64_t size) -> Napi::Value { return Napi::BigInt::New(env, size); });
}

Napi::Value DeviceHandle::adoptSession(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.integer(0);
  if (!arguments.ok()) return info.Env().Undefined();
  return call<std::shared_ptr<Session>>(
      info.Env(), access_, "adoption of a session",
      [fd](Device& device) -> Result<std::shared_ptr<Session>> {
        auto session = device.adoptSession(fd);
        if (!session) return std::move(session).failure();
        return std::shared_ptr<Session>(std::move(*session));
      },
      [](Napi::Env env, std::shared_ptr<Session> session) -> Napi::Value {
        return make<SessionHandle>(env, {std::move(session)});
      });
}

Napi::Value DeviceHandle::feature(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t flags = arguments.number(0);
  auto view = arguments.bytes(1);
  if (!arguments.ok()) return info.Env().Undefined();
  std::vector<uint8_t> payload(view.Data(), view.Data() + view.ByteLength());
  return call<std::vector<uint8_t>>(
      info.Env(), control_, "VFIO_DEVICE_FEATURE",
      [flags, payload = std::move(payload)](Device& device) mutable -> Result<std::vector<uint8_t>> {
        Status done = device.feature(flags, Bytes{payload.data(), payload.size()});
        if (!done) return std::move(done).failure();
        return std::move(payload);
      },
      [](Napi::Env env, const std::vector<uint8_t>& payload) -> Napi::Value {
        Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, payload.size());
        if (!payload.empty()) std::memcpy(copy.Data(), payload.data(), payload.size());
        return copy;
      });
}

namespace {

struct V1Request {
  uint32_t region;
  DataPath path;
  size_t maxChunk;
  std::shared_ptr<Cancellation> cancellation;
};

// Throws, and answers nothing, when an argument is wrong or no descriptor is free.
std::optional<V1Request> v1Request(const Napi::CallbackInfo& info, bool open) {
  Arguments arguments(info);
  const uint32_t region = arguments.number(0);
  const Napi::Object options = arguments.object(1);
  if (!arguments.ok()) return std::nullopt;
  const std::string path = options.Get("dataPath").ToString().Utf8Value();
  const double most = options.Get("maxChunk").ToNumber().DoubleValue();
  auto cancellation = Cancellation::create();
  if (!open || !cancellation || !(most >= 1 && most <= 9007199254740991.0)) {
    Napi::Error::New(info.Env(),
                     open ? "v1 data: no descriptor free, or maxChunk is no size" : "the device is closed")
        .ThrowAsJavaScriptException();
    return std::nullopt;
  }
  const DataPath asked = path == "mapped"    ? DataPath::kMapped
                         : path == "trapped" ? DataPath::kTrapped
                                             : DataPath::kAuto;
  return V1Request{region, asked, static_cast<size_t>(most), std::move(*cancellation)};
}

}  // namespace

Napi::Value DeviceHandle::v1Source(const Napi::CallbackInfo& info) {
  auto request = v1Request(info, device_ != nullptr);
  if (!request) return info.Env().Undefined();
  auto source = std::make_shared<V1SaveRounds>(device_, request->region, request->path, request->maxChunk);
  return make<SourceHandle>(info.Env(), {std::move(source), std::move(request->cancellation)});
}

Napi::Value DeviceHandle::v1Sink(const Napi::CallbackInfo& info) {
  auto request = v1Request(info, device_ != nullptr);
  if (!request) return info.Env().Undefined();
  auto sink = std::make_shared<V1LoadRounds>(device_, request->region, request->path, request->maxChunk);
  return make<SinkHandle>(info.Env(), {std::move(sink), std::move(request->cancellation), 0});
}

Napi::Value DeviceHandle::serve(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const std::string path = arguments.text(0);
  const Napi::Object object = arguments.object(1);
  if (!arguments.ok()) return info.Env().Undefined();
  return call<std::shared_ptr<vfio_user::Server>>(
      info.Env(), access_, "vfio-user server",
      [path, options = serveOptionsFrom(object), device = device_](Device&) {
        return vfio_user::Server::start(device, path, options);
      },
      [](Napi::Env env, std::shared_ptr<vfio_user::Server> server) -> Napi::Value {
        return make<ServerHandle>(env, {std::move(server)});
      });
}

Napi::Value DeviceHandle::close(const Napi::CallbackInfo& info) {
  auto deferred = Napi::Promise::Deferred::New(info.Env());
  const Napi::Promise promise = deferred.Promise();
  closing_.push_back(deferred);
  if (device_) {
    device_->cancel();
    closingDevice_ = std::move(device_);
    device_.reset();
  }
  if (inProgress_ == 0) finishClose(info.Env());
  return promise;
}

void DeviceHandle::leave(Napi::Env env) {
  if (--inProgress_ == 0 && !closing_.empty()) finishClose(env);
}

// The last share of the handle goes on a lane: a driver resets the device when its last descriptor is closed.
void DeviceHandle::finishClose(Napi::Env env) {
  Ref();
  Runtime::of(env).run<std::nullptr_t>(
      env, urgent_,
      [device = std::move(closingDevice_)]() mutable -> Result<std::nullptr_t> {
        device.reset();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); },
      [this](Napi::Env env) {
        for (auto& waiting : closing_) waiting.Resolve(env.Null());
        closing_.clear();
        Unref();
      });
  closingDevice_.reset();
}

}  // namespace vfm::binding
