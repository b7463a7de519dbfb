// SPDX-License-Identifier: MIT
#include "binding/failure.h"

namespace vfm::binding {
namespace {

const char* nameOf(Reason reason) {
  switch (reason) {
    case Reason::kSystem:
      return "system";
    case Reason::kCancelled:
      return "cancelled";
    case Reason::kClosed:
      return "closed";
    case Reason::kMalformed:
      return "malformed";
    case Reason::kUnsupported:
      return "unsupported";
    case Reason::kShortTransfer:
      return "short-transfer";
    case Reason::kChunkTooLarge:
      return "chunk-too-large";
    case Reason::kTruncated:
      return "truncated";
    case Reason::kCorrupt:
      return "corrupt";
    case Reason::kVersion:
      return "version";
    case Reason::kInvalidArgument:
      return "invalid-argument";
    case Reason::kBusy:
      return "busy";
    case Reason::kDisconnected:
      return "disconnected";
    case Reason::kTimedOut:
      return "timed-out";
  }
  return "malformed";
}

}  // namespace

Napi::Object toObject(Napi::Env env, const Failure& failure) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("failed", true);
  object.Set("reason", nameOf(failure.reason));
  object.Set("errno", -failure.error);
  object.Set("syscall", failure.syscall);
  object.Set("operation", failure.operation);
  object.Set("detail", failure.detail);
  return object;
}

}  // namespace vfm::binding
