// SPDX-License-Identifier: MIT
// The addon's entry: what JavaScript sees of the native half (lib/native-binding.ts has the types). Only
// lib/binding.ts loads it.
#include <napi.h>

#include "binding/address_space_handle.h"
#include "binding/cancellation_handle.h"
#include "binding/chunk_writer_handle.h"
#include "binding/constants.h"
#include "binding/container_handle.h"
#include "binding/descriptor_handle.h"
#include "binding/device_handle.h"
#include "binding/dirty_bitmap_handle.h"
#include "binding/dma_buffer_handle.h"
#include "binding/event_fd_handle.h"
#include "binding/file_lock.h"
#include "binding/frame_reader_handle.h"
#include "binding/frame_writer_handle.h"
#include "binding/group_handle.h"
#include "binding/hwpt_handle.h"
#include "binding/ioas_handle.h"
#include "binding/iommufd_handle.h"
#include "binding/mapping_handle.h"
#include "binding/message_socket_handle.h"
#include "binding/rate_limit_handle.h"
#include "binding/server_handle.h"
#include "binding/session_handle.h"
#include "binding/simulated.h"
#include "binding/simulation_handle.h"
#include "binding/sink_handle.h"
#include "binding/source_handle.h"
#include "binding/stream_socket_handle.h"
#include "binding/vfio_user_client.h"

#ifndef VFM_VERSION
#error "VFM_VERSION is the package's version, given by binding.gyp and CMakeLists.txt"
#endif

namespace vfm::binding {

static Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  if (Runtime::install(env) == nullptr) return exports;
  define<DeviceHandle>(env);
  define<SessionHandle>(env);
  define<SourceHandle>(env);
  define<SinkHandle>(env);
  define<MappingHandle>(env);
  define<FrameWriterHandle>(env);
  define<ChunkWriterHandle>(env);
  define<FrameReaderHandle>(env);
  define<DmaBufferHandle>(env);
  define<DirtyBitmapHandle>(env);
  define<AddressSpaceHandle>(env);
  define<ContainerHandle>(env);
  define<GroupHandle>(env);
  define<DescriptorHandle>(env);
  define<MessageSocketHandle>(env);
  define<MessageListenerHandle>(env);
  define<RateLimitHandle>(env);
  define<CancellationHandle>(env);
  define<StreamSocketHandle>(env);
  define<StreamListenerHandle>(env);
  define<ServerHandle>(env);
  define<IommufdHandle>(env);
  define<IoasHandle>(env);
  define<HwptHandle>(env);
  define<EventFdHandle>(env);
  define<SimulationHandle>(env);
  exports.Set("version", VFM_VERSION);
  exports.Set("constants", makeConstants(env));
  exports.Set("openSimulated", Napi::Function::New(env, &openSimulated, "openSimulated"));
  exports.Set("allocateDmaBuffer", Napi::Function::New(env, &allocateDmaBuffer, "allocateDmaBuffer"));
  exports.Set("dmaBufferOfDescriptor",
              Napi::Function::New(env, &dmaBufferOfDescriptor, "dmaBufferOfDescriptor"));
  exports.Set("createDirtyBitmap", Napi::Function::New(env, &createDirtyBitmap, "createDirtyBitmap"));
  exports.Set("createAddressTable", Napi::Function::New(env, &createAddressTable, "createAddressTable"));
  exports.Set("openEventFd", Napi::Function::New(env, &openEventFd, "openEventFd"));
  exports.Set("adoptEventFd", Napi::Function::New(env, &adoptEventFd, "adoptEventFd"));
  exports.Set("openVfioUser", Napi::Function::New(env, &openVfioUser, "openVfioUser"));
  exports.Set("openContainer", Napi::Function::New(env, &openContainer, "openContainer"));
  exports.Set("openGroup", Napi::Function::New(env, &openGroup, "openGroup"));
  exports.Set("openDeviceNode", Napi::Function::New(env, &openDeviceNode, "openDeviceNode"));
  exports.Set("openIommufd", Napi::Function::New(env, &openIommufd, "openIommufd"));
  exports.Set("adoptIommufd", Napi::Function::New(env, &adoptIommufd, "adoptIommufd"));
  exports.Set("adoptDevice", Napi::Function::New(env, &adoptDevice, "adoptDevice"));
  exports.Set("adoptContainer", Napi::Function::New(env, &adoptContainer, "adoptContainer"));
  exports.Set("adoptGroup", Napi::Function::New(env, &adoptGroup, "adoptGroup"));
  exports.Set("identifyDescriptor", Napi::Function::New(env, &identifyDescriptor, "identifyDescriptor"));
  exports.Set("duplicateDescriptor", Napi::Function::New(env, &duplicateDescriptor, "duplicateDescriptor"));
  exports.Set("takeFromProcess", Napi::Function::New(env, &takeFromProcess, "takeFromProcess"));
  exports.Set("connectSocket", Napi::Function::New(env, &connectSocket, "connectSocket"));
  exports.Set("socketOver", Napi::Function::New(env, &socketOver, "socketOver"));
  exports.Set("listenAt", Napi::Function::New(env, &listenAt, "listenAt"));
  exports.Set("lockDescriptor", Napi::Function::New(env, &lockDescriptor, "lockDescriptor"));
  exports.Set("isDescriptorLocked", Napi::Function::New(env, &isDescriptorLocked, "isDescriptorLocked"));
  exports.Set("createRateLimit", Napi::Function::New(env, &createRateLimit, "createRateLimit"));
  exports.Set("createCancellation", Napi::Function::New(env, &createCancellation, "createCancellation"));
  exports.Set("connectStream", Napi::Function::New(env, &connectStream, "connectStream"));
  exports.Set("listenStream", Napi::Function::New(env, &listenStream, "listenStream"));
  exports.Set("streamPair", Napi::Function::New(env, &streamPair, "streamPair"));
  exports.Set("frameWriter", Napi::Function::New(env, &FrameWriterHandle::openOver, "frameWriter"));
  exports.Set("chunkWriter", Napi::Function::New(env, &ChunkWriterHandle::openOver, "chunkWriter"));
  exports.Set("frameReader", Napi::Function::New(env, &FrameReaderHandle::openOver, "frameReader"));
  return exports;
}

}  // namespace vfm::binding

using vfm::binding::initialize;  // the macro pastes the name, so it must be unqualified
NODE_API_MODULE(vfio_migration, initialize)
