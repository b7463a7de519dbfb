// SPDX-License-Identifier: MIT
// The library's own pump, without Node around it.
#pragma once

#include <memory>

#include "contender.h"

namespace bench {

enum class Framing { kRaw, kFrames };

std::unique_ptr<Contender> oursContender(const Tuning& tuning, Framing framing);

}  // namespace bench
