// SPDX-License-Identifier: MIT
// Options and totals of framed streams, to and from JavaScript.
#pragma once

#include <napi.h>

#include "core/stream/frame_reader.h"
#include "core/stream/frame_writer.h"

namespace vfm::binding {

WriterOptions writerOptions(const Napi::Object& object);
ReaderOptions readerOptions(const Napi::Object& object);
Napi::Object toObject(Napi::Env env, const StreamCounters& counters);

}  // namespace vfm::binding
