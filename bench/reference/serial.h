// SPDX-License-Identifier: MIT
// What VMMs do today: one thread, one buffer, read, write.
#pragma once

#include <memory>

#include "contender.h"

namespace bench {

std::unique_ptr<Contender> serialContender(const Source& source, const Tuning& tuning);

}  // namespace bench
