// SPDX-License-Identifier: MIT
#include "core/vfio_user/version.h"

#include <cstring>

#include "core/vfio_user/json.h"

namespace vfm::vfio_user {
namespace {

constexpr uint64_t kMostDescriptors = 1024;  // libvfio-user's bound
constexpr const char* kOperation = "VERSION";

Failure malformed(std::string detail) {
  return Failure::because(Reason::kMalformed, kOperation, std::move(detail));
}

// The member, where there is one, must be of the right type.
Status readNumber(const JsonValue& object, const char* key, std::optional<uint64_t>* into) {
  const JsonValue* member = object.member(key);
  if (!member) return {};
  const auto value = member->unsignedInteger();
  if (!value) return malformed(std::string(key) + " is not a whole number");
  *into = *value;
  return {};
}

Status readBoolean(const JsonValue& object, const char* key, bool* into) {
  const JsonValue* member = object.member(key);
  if (!member) return {};
  const auto value = member->boolean();
  if (!value) return malformed(std::string(key) + " is neither true nor false");
  *into = *value;
  return {};
}

Status readObject(const JsonValue& object, const char* key, const JsonValue** into) {
  *into = object.member(key);
  if (*into && (*into)->kind() != JsonValue::Kind::kObject) {
    return malformed(std::string(key) + " is not an object");
  }
  return {};
}

Status readMigration(const JsonValue& object, Capabilities* into) {
  const JsonValue* migration = nullptr;
  if (Status read = readObject(object, "migration", &migration); !read || !migration) return read;
  if (Status read = readNumber(*migration, "pgsize", &into->dirtyPageSize); !read) return read;
  if (into->dirtyPageSize &&
      (*into->dirtyPageSize == 0 || (*into->dirtyPageSize & (*into->dirtyPageSize - 1)) != 0)) {
    return malformed("pgsize " + std::to_string(*into->dirtyPageSize) + " is not a power of two");
  }
  return readNumber(*migration, "max_bitmap_size", &into->maxDirtyBitmap);
}

Status readTwinSocket(const JsonValue& object, Capabilities* into) {
  const JsonValue* twin = nullptr;
  if (Status read = readObject(object, "twin_socket", &twin); !read || !twin) return read;
  if (Status read = readBoolean(*twin, "supported", &into->twinSocket.supported); !read) return read;
  std::optional<uint64_t> index;
  if (Status read = readNumber(*twin, "fd_index", &index); !read) return read;
  if (!index) return {};
  if (*index >= kMostDescriptors) return malformed("fd_index " + std::to_string(*index));
  into->twinSocket.descriptor = static_cast<uint32_t>(*index);
  return {};
}

}  // namespace

std::string formatCapabilities(const Capabilities& capabilities) {
  const Capabilities defaults;
  std::string json =
      "{\"capabilities\":{\"max_msg_fds\":" + std::to_string(capabilities.maxMessageDescriptors) +
      ",\"max_data_xfer_size\":" + std::to_string(capabilities.maxTransfer) +
      ",\"pgsizes\":" + std::to_string(capabilities.pageSizes);
  if (capabilities.maxDmaMaps != defaults.maxDmaMaps) {
    json += ",\"max_dma_maps\":" + std::to_string(capabilities.maxDmaMaps);
  }
  if (capabilities.reassembles) json += ",\"reassembles\":true";
  if (capabilities.writeMultiple) json += ",\"write_multiple\":true";
  if (capabilities.dirtyPageSize || capabilities.maxDirtyBitmap) {
    json += ",\"migration\":{";
    if (capabilities.dirtyPageSize) json += "\"pgsize\":" + std::to_string(*capabilities.dirtyPageSize);
    if (capabilities.dirtyPageSize && capabilities.maxDirtyBitmap) json += ",";
    if (capabilities.maxDirtyBitmap) {
      json += "\"max_bitmap_size\":" + std::to_string(*capabilities.maxDirtyBitmap);
    }
    json += "}";
  }
  if (capabilities.twinSocket.supported) {
    json += ",\"twin_socket\":{\"supported\":true";
    if (capabilities.twinSocket.descriptor) {
      json += ",\"fd_index\":" + std::to_string(*capabilities.twinSocket.descriptor);
    }
    json += "}";
  }
  return json + "}}";
}

Result<Capabilities> parseCapabilities(std::string_view json) {
  auto document = JsonValue::parse(json);
  if (!document) return malformed(document.failure().detail);
  if (document->kind() != JsonValue::Kind::kObject) return malformed("the JSON is not an object");
  Capabilities capabilities;
  const JsonValue* object = nullptr;
  if (Status read = readObject(*document, "capabilities", &object); !read) return std::move(read).failure();
  if (!object) return capabilities;

  std::optional<uint64_t> descriptors, transfer, pageSizes, maps;
  const std::pair<const char*, std::optional<uint64_t>*> numbers[] = {{"max_msg_fds", &descriptors},
                                                                      {"max_data_xfer_size", &transfer},
                                                                      {"pgsizes", &pageSizes},
                                                                      {"max_dma_maps", &maps}};
  for (const auto& [key, into] : numbers) {
    if (Status read = readNumber(*object, key, into); !read) return std::move(read).failure();
  }
  if (Status read = readBoolean(*object, "write_multiple", &capabilities.writeMultiple); !read)
    return std::move(read).failure();
  if (Status read = readBoolean(*object, "reassembles", &capabilities.reassembles); !read)
    return std::move(read).failure();
  if (Status read = readMigration(*object, &capabilities); !read) return std::move(read).failure();
  if (Status read = readTwinSocket(*object, &capabilities); !read) return std::move(read).failure();

  if (descriptors && *descriptors > kMostDescriptors) {
    return malformed("max_msg_fds " + std::to_string(*descriptors));
  }
  if (transfer && *transfer == 0) return malformed("max_data_xfer_size 0");
  if (pageSizes && *pageSizes == 0) return malformed("pgsizes 0");
  if (descriptors) capabilities.maxMessageDescriptors = static_cast<uint32_t>(*descriptors);
  capabilities.maxTransfer = transfer.value_or(capabilities.maxTransfer);
  capabilities.pageSizes = pageSizes.value_or(capabilities.pageSizes);
  capabilities.maxDmaMaps = maps.value_or(capabilities.maxDmaMaps);
  return capabilities;
}

std::vector<uint8_t> formatVersion(const Version& version) {
  const VersionPayload fixed{version.major, version.minor};
  const std::string json = formatCapabilities(version.capabilities);
  std::vector<uint8_t> payload(sizeof fixed + json.size() + 1);
  std::memcpy(payload.data(), &fixed, sizeof fixed);
  std::memcpy(payload.data() + sizeof fixed, json.c_str(), json.size() + 1);
  return payload;
}

Result<Version> parseVersion(ConstBytes payload) {
  VersionPayload fixed;
  if (payload.size < sizeof fixed) return malformed("payload of " + std::to_string(payload.size) + " bytes");
  std::memcpy(&fixed, payload.data, sizeof fixed);
  Version version{fixed.major, fixed.minor, {}};
  const ConstBytes text = payload.from(sizeof fixed);
  if (text.size == 0) return version;
  if (text.data[text.size - 1] != 0) return malformed("the capabilities do not end in NUL");
  auto capabilities = parseCapabilities({reinterpret_cast<const char*>(text.data), text.size - 1});
  if (!capabilities) return std::move(capabilities).failure();
  version.capabilities = *capabilities;
  return version;
}

}  // namespace vfm::vfio_user
