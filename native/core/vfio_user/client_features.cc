// SPDX-License-Identifier: MIT
#include "core/vfio_user/client_features.h"

#include "uapi/dma_logging.h"
#include "uapi/feature.h"
#include "uapi/migration_v2.h"

namespace vfm::vfio_user {
namespace {

template <typename Struct>
Bytes bytesOf(Struct& value) {
  return Bytes{reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}

}  // namespace

Result<ClientFeatures> ClientFeatures::probe(std::shared_ptr<ClientConnection> connection) {
  ClientFeatures features(std::move(connection));
  const std::pair<uint32_t, bool*> probed[] = {
      {uapi::kVfioDeviceFeatureGet | uapi::kVfioDeviceFeatureMigration, &features.migration_},
      {uapi::kVfioDeviceFeatureGet | uapi::kVfioDeviceFeatureMigDataSize, &features.dataSize_},
      {uapi::kVfioDeviceFeatureSet | uapi::kVfioDeviceFeatureDmaLoggingStart, &features.dmaLog_}};
  for (const auto& [flags, into] : probed) {
    auto has = features.has(flags);
    if (!has) return std::move(has).failure();
    *into = *has;
  }
  if (!features.migration_) return features;
  uapi::VfioDeviceFeatureMigration migration{};
  auto got = features.get(uapi::kVfioDeviceFeatureMigration, {}, {bytesOf(migration), {}},
                          "VFIO_DEVICE_FEATURE GET MIGRATION", features.requestTimeout());
  if (!got && got.failure().reason != Reason::kSystem) return std::move(got).failure();
  features.migration_ = got.ok();
  features.flags_ = migration.flags;
  return features;
}

Result<bool> ClientFeatures::has(uint32_t flags) const {
  uapi::VfioDeviceFeature header{sizeof header, flags | uapi::kVfioDeviceFeatureProbe};
  uapi::VfioDeviceFeature echo{};
  uint8_t rest[64];
  ClientRequest request{
      Command::kDeviceFeature, "VFIO_DEVICE_FEATURE PROBE", {bytesOf(header)}, {}, requestTimeout(),
      bytesOf(echo),           Bytes{rest, sizeof rest}};
  auto reply = connection_->call(request);
  if (reply) return true;
  if (reply.failure().reason == Reason::kSystem) return false;
  return std::move(reply).failure();
}

Result<size_t> ClientFeatures::get(uint32_t feature, ConstBytes sent, Answer answer, const char* operation,
                                   Milliseconds timeout) const {
  uapi::VfioDeviceFeature header{static_cast<uint32_t>(sizeof header + answer.fixed.size + answer.rest.size),
                                 uapi::kVfioDeviceFeatureGet | feature};
  // The struct, then what it is followed by: received into one piece, and taken apart.
  std::vector<uint8_t> fixed(sizeof header + answer.fixed.size);
  ClientRequest request{Command::kDeviceFeature,           operation,  {bytesOf(header), sent}, {}, timeout,
                        Bytes{fixed.data(), fixed.size()}, answer.rest};
  auto reply = connection_->call(request);
  if (!reply) return std::move(reply).failure();
  std::copy(fixed.begin() + sizeof header, fixed.end(), answer.fixed.data);
  return reply->data;
}

Status ClientFeatures::set(uint32_t feature, ConstBytes fixed, ConstBytes rest, const char* operation,
                           Milliseconds timeout) const {
  uapi::VfioDeviceFeature header{static_cast<uint32_t>(sizeof header + fixed.size + rest.size),
                                 uapi::kVfioDeviceFeatureSet | feature};
  uapi::VfioDeviceFeature echo{};
  std::vector<uint8_t> echoed(fixed.size + rest.size);
  ClientRequest request{Command::kDeviceFeature,
                        operation,
                        {bytesOf(header), fixed, rest},
                        {},
                        timeout,
                        bytesOf(echo),
                        Bytes{echoed.data(), echoed.size()}};
  auto reply = connection_->call(request);
  if (!reply) return std::move(reply).failure();
  return {};
}

}  // namespace vfm::vfio_user
