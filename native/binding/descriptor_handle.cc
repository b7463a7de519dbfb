// SPDX-License-Identifier: MIT
#include "binding/descriptor_handle.h"

#include <fcntl.h>

#include "binding/arguments.h"
#include "core/kernel/adopt.h"

namespace vfm::binding {
namespace {

const char* nameOf(kernel::DescriptorKind kind) {
  switch (kind) {
    case kernel::DescriptorKind::kGroupDevice:
    case kernel::DescriptorKind::kDeviceNode:
      return "device";
    case kernel::DescriptorKind::kContainer:
      return "container";
    case kernel::DescriptorKind::kGroup:
      return "group";
    case kernel::DescriptorKind::kIommufd:
      return "iommufd";
    case kernel::DescriptorKind::kMigrationData:
      return "migration-data";
    case kernel::DescriptorKind::kOther:
      break;
  }
  return "other";
}

}  // namespace

Napi::Function DescriptorHandle::classDefinition(Napi::Env env) {
  return DefineClass(env, kName,
                     {InstanceAccessor<&DescriptorHandle::descriptor>("descriptor"),
                      InstanceMethod<&DescriptorHandle::close>("close")});
}

DescriptorHandle::DescriptorHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<DescriptorHandle>(info), lane_("vfm:descriptor") {
  fd_ = std::make_shared<UniqueFd>(takeInit<Init>(info).fd);
}

Napi::Value DescriptorHandle::descriptor(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), fd_ ? fd_->get() : -1);
}

Napi::Value DescriptorHandle::close(const Napi::CallbackInfo& info) {
  return closeOn(info.Env(), *this, lane_, std::move(fd_));
}

Napi::Value duplicateDescriptor(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.integer(0);
  if (!arguments.ok()) return info.Env().Undefined();
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy) {
    return toObject(info.Env(),
                    Failure::system(errno, "fcntl", "duplicate descriptor " + std::to_string(fd)));
  }
  return make<DescriptorHandle>(info.Env(), {std::move(copy)});
}

Napi::Value takeFromProcess(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int pid = arguments.integer(0);
  const int fd = arguments.integer(1);
  if (!arguments.ok()) return info.Env().Undefined();
  Lane lane("vfm:open");  // what is posted is done, also after the lane is gone
  return Runtime::of(info.Env())
      .run<std::shared_ptr<UniqueFd>>(
          info.Env(), lane,
          [=]() -> Result<std::shared_ptr<UniqueFd>> {
            auto taken = kernel::takeFromProcess(kernel::Sys::real(), pid, fd);
            if (!taken) return std::move(taken).failure();
            return std::make_shared<UniqueFd>(taken->release());
          },
          [](Napi::Env env, const std::shared_ptr<UniqueFd>& fd) -> Napi::Value {
            return make<DescriptorHandle>(env, {std::move(*fd)});
          });
}

Napi::Value identifyDescriptor(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.integer(0);
  if (!arguments.ok()) return info.Env().Undefined();
  Lane lane("vfm:open");
  return Runtime::of(info.Env())
      .run<kernel::DescriptorIdentity>(
          info.Env(), lane, [=] { return kernel::identifyDescriptor(kernel::Sys::real(), fd); },
          [](Napi::Env env, const kernel::DescriptorIdentity& identity) -> Napi::Value {
            Napi::Object object = Napi::Object::New(env);
            object.Set("kind", nameOf(identity.kind));
            object.Set("name", identity.name);
            return object;
          });
}

}  // namespace vfm::binding
