// SPDX-License-Identifier: MIT
#include "binding/iommufd_handle.h"

#include <cstring>

#include "binding/address_space_handle.h"
#include "binding/arguments.h"
#include "binding/container_handle.h"
#include "binding/device_handle.h"
#include "binding/ioas_handle.h"
#include "core/kernel/cdev.h"
#include "core/kernel/kernel_device.h"

namespace vfm::binding {
namespace {

using kernel::MemoryCharge;

Napi::Value hwInfoOf(Napi::Env env, const kernel::HwInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("type", info.type);
  object.Set("capabilities", Napi::BigInt::New(env, info.capabilities));
  object.Set("dirtyTracking", info.dirtyTracking());
  object.Set("maxPasidLog2", static_cast<uint32_t>(info.maxPasidLog2));
  Napi::ArrayBuffer data = Napi::ArrayBuffer::New(env, info.data.size());
  if (!info.data.empty()) std::memcpy(data.Data(), info.data.data(), info.data.size());
  object.Set("data", data);
  return object;
}

Napi::Value iommufdOf(Napi::Env env, std::shared_ptr<kernel::Iommufd> iommufd) {
  return make<IommufdHandle>(env, {std::move(iommufd)});
}

}  // namespace

Napi::Function IommufdHandle::classDefinition(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceAccessor<&IommufdHandle::descriptor>("descriptor"),
       InstanceMethod<&IommufdHandle::memoryCharge>("memoryCharge"),
       InstanceMethod<&IommufdHandle::setMemoryCharge>("setMemoryCharge"),
       InstanceMethod<&IommufdHandle::destroy>("destroy"), InstanceMethod<&IommufdHandle::hwInfo>("hwInfo"),
       InstanceMethod<&IommufdHandle::compatIoas>("compatIoas"),
       InstanceMethod<&IommufdHandle::setCompatIoas>("setCompatIoas"),
       InstanceMethod<&IommufdHandle::clearCompatIoas>("clearCompatIoas"),
       InstanceMethod<&IommufdHandle::ioas>("ioas"), InstanceMethod<&IommufdHandle::container>("container"),
       InstanceMethod<&IommufdHandle::close>("close")});
}

IommufdHandle::IommufdHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<IommufdHandle>(info), lane_("vfm:iommufd") {
  iommufd_ = takeInit<Init>(info).iommufd;
}

template <typename T, typename Work, typename Convert>
Napi::Value IommufdHandle::call(Napi::Env env, const char* what, Work work, Convert convert) {
  if (!iommufd_) return failed(env, closed(what));
  Ref();
  return Runtime::of(env).run<T>(
      env, lane_, [iommufd = iommufd_, work = std::move(work)] { return work(iommufd); }, std::move(convert),
      [this](Napi::Env) { Unref(); });
}

template <typename Work>
Napi::Value IommufdHandle::callForStatus(Napi::Env env, const char* what, Work work) {
  return call<std::nullptr_t>(
      env, what,
      [work = std::move(work)](const std::shared_ptr<kernel::Iommufd>& iommufd) -> Result<std::nullptr_t> {
        Status status = work(*iommufd);
        if (!status) return std::move(status).failure();
        return nullptr;
      },
      [](Napi::Env env, std::nullptr_t) { return null(env); });
}

Napi::Value IommufdHandle::descriptor(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), iommufd_ ? iommufd_->descriptor() : -1);
}

Napi::Value IommufdHandle::memoryCharge(const Napi::CallbackInfo& info) {
  return call<MemoryCharge>(
      info.Env(), "IOMMU_OPTION GET RLIMIT_MODE",
      [](const std::shared_ptr<kernel::Iommufd>& iommufd) { return iommufd->memoryCharge(); },
      [](Napi::Env env, MemoryCharge charge) -> Napi::Value {
        return Napi::String::New(env, charge == MemoryCharge::kProcess ? "process" : "user");
      });
}

Napi::Value IommufdHandle::setMemoryCharge(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const std::string charge = arguments.text(0);
  if (!arguments.ok()) return info.Env().Undefined();
  return callForStatus(info.Env(), "IOMMU_OPTION SET RLIMIT_MODE",
                       [to = charge == "process" ? MemoryCharge::kProcess : MemoryCharge::kUser](
                           kernel::Iommufd& iommufd) { return iommufd.setMemoryCharge(to); });
}

Napi::Value IommufdHandle::destroy(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t id = arguments.number(0);
  if (!arguments.ok()) return info.Env().Undefined();
  return callForStatus(info.Env(), "IOMMU_DESTROY",
                       [id](kernel::Iommufd& iommufd) { return iommufd.destroy(id); });
}

Napi::Value IommufdHandle::hwInfo(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t device = arguments.number(0);
  if (!arguments.ok()) return info.Env().Undefined();
  return call<kernel::HwInfo>(
      info.Env(), "IOMMU_GET_HW_INFO",
      [device](const std::shared_ptr<kernel::Iommufd>& iommufd) { return iommufd->hwInfo(device); },
      [](Napi::Env env, const kernel::HwInfo& hw) { return hwInfoOf(env, hw); });
}

Napi::Value IommufdHandle::compatIoas(const Napi::CallbackInfo& info) {
  return call<uint32_t>(
      info.Env(), "IOMMU_VFIO_IOAS GET",
      [](const std::shared_ptr<kernel::Iommufd>& iommufd) { return iommufd->compatIoas(); },
      [](Napi::Env env, uint32_t id) -> Napi::Value { return Napi::Number::New(env, id); });
}

Napi::Value IommufdHandle::setCompatIoas(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint32_t id = arguments.number(0);
  if (!arguments.ok()) return info.Env().Undefined();
  return callForStatus(info.Env(), "IOMMU_VFIO_IOAS SET",
                       [id](kernel::Iommufd& iommufd) { return iommufd.setCompatIoas(id); });
}

Napi::Value IommufdHandle::clearCompatIoas(const Napi::CallbackInfo& info) {
  return callForStatus(info.Env(), "IOMMU_VFIO_IOAS CLEAR",
                       [](kernel::Iommufd& iommufd) { return iommufd.clearCompatIoas(); });
}

Napi::Value IommufdHandle::ioas(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const bool dirtyTracking = arguments.flag(0);
  if (!arguments.ok()) return info.Env().Undefined();
  return call<std::shared_ptr<kernel::Ioas>>(
      info.Env(), "IOMMU_IOAS_ALLOC",
      [dirtyTracking](const std::shared_ptr<kernel::Iommufd>& iommufd) {
        return kernel::Ioas::allocate(iommufd, kernel::IoasOptions{dirtyTracking});
      },
      [](Napi::Env env, std::shared_ptr<kernel::Ioas> ioas) -> Napi::Value {
        return make<IoasHandle>(env, {std::move(ioas)});
      });
}

Napi::Value IommufdHandle::container(const Napi::CallbackInfo& info) {
  using Opened = std::shared_ptr<kernel::Container>;
  return call<Opened>(
      info.Env(), "container of an iommufd",
      [](const std::shared_ptr<kernel::Iommufd>& iommufd) { return iommufd->container(); },
      [](Napi::Env env, Opened container) -> Napi::Value {
        return make<ContainerHandle>(env, {std::move(container)});
      });
}

Napi::Value IommufdHandle::close(const Napi::CallbackInfo& info) {
  return closeOn(info.Env(), *this, lane_, std::move(iommufd_));
}

Napi::Value openDeviceNode(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  std::string path = arguments.text(1);
  if (!arguments.ok()) return info.Env().Undefined();
  auto space = addressSpaceOf(info.Env(), info[0]);
  if (!space) return info.Env().Undefined();
  using Opened = std::shared_ptr<kernel::KernelDevice>;
  Lane lane("vfm:open");
  return Runtime::of(info.Env())
      .run<Opened>(
          info.Env(), lane,
          [space = std::move(space), path = std::move(path)]() -> Result<Opened> {
            auto ioas = kernel::Ioas::of(space);
            if (!ioas) {
              return Failure::because(Reason::kUnsupported, "VFIO_DEVICE_BIND_IOMMUFD",
                                      "a device node goes with an IOAS only");
            }
            auto opened = kernel::openCdev(ioas->iommufd(), path);
            if (!opened) return opened;
            if (auto attached = (*opened)->attach(space); !attached) return std::move(attached).failure();
            return opened;
          },
          [](Napi::Env env, Opened device) -> Napi::Value {
            const uint32_t id = device->binding()->deviceId();
            Napi::Object object = Napi::Object::New(env);
            object.Set("device", make<DeviceHandle>(env, {std::move(device)}));
            object.Set("id", id);
            return object;
          });
}

Napi::Value openIommufd(const Napi::CallbackInfo& info) {
  Lane lane("vfm:open");  // what is posted is done, also after the lane is gone
  return Runtime::of(info.Env())
      .run<std::shared_ptr<kernel::Iommufd>>(
          info.Env(), lane, [] { return kernel::Iommufd::open(kernel::Sys::real()); }, iommufdOf);
}

Napi::Value adoptIommufd(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const int fd = arguments.integer(0);
  if (!arguments.ok()) return info.Env().Undefined();
  Lane lane("vfm:open");
  return Runtime::of(info.Env())
      .run<std::shared_ptr<kernel::Iommufd>>(
          info.Env(), lane, [=] { return kernel::Iommufd::adopt(kernel::Sys::real(), fd); }, iommufdOf);
}

}  // namespace vfm::binding
