// SPDX-License-Identifier: MIT
// I/O address ranges and dirty bitmaps as JavaScript has them.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <vector>

#include "core/device/mapping.h"
#include "core/dma/dirty_bitmap.h"

namespace vfm::binding {

// An array of {first, last}, bigints. Nothing, with a TypeError pending, when it is something else.
std::optional<std::vector<IovaRange>> rangesOf(Napi::Env env, Napi::Value value);

// The bitmap's words as an ArrayBuffer, without a copy; or a failure object.
Napi::Value toBuffer(Napi::Env env, const std::shared_ptr<DirtyBitmap>& bitmap);

// 'read', 'write' or 'read-write'.
Protection protectionOf(const std::string& text);

}  // namespace vfm::binding
