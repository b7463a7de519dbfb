// SPDX-License-Identifier: MIT
// What the addon exports (lib/native-binding.ts has the types).
#include <napi.h>

#include "binding/device_handle.h"
#include "binding/frame_reader_handle.h"
#include "binding/frame_writer_handle.h"
#include "binding/mapping_handle.h"
#include "binding/session_handle.h"
#include "binding/sink_handle.h"
#include "binding/source_handle.h"

namespace vfm::binding {

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  if (Runtime::install(env) == nullptr) return exports;
  define<DeviceHandle>(env);
  define<SessionHandle>(env);
  define<SourceHandle>(env);
  define<SinkHandle>(env);
  define<MappingHandle>(env);
  define<FrameWriterHandle>(env);
  define<FrameReaderHandle>(env);
  exports.Set("version", VFM_VERSION);
  exports.Set("frameWriter", Napi::Function::New(env, &FrameWriterHandle::openOver, "frameWriter"));
  exports.Set("frameReader", Napi::Function::New(env, &FrameReaderHandle::openOver, "frameReader"));
  return exports;
}

NODE_API_MODULE(vfio_migration, initialize)

}  // namespace vfm::binding
