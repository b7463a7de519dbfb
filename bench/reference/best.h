// SPDX-License-Identifier: MIT
// The fastest C that we could write: for each source and sink what measured best of one thread or two, the
// size of a read, the number of buffers, the socket's buffer and huge pages.
#pragma once

#include <memory>

#include "contender.h"

namespace bench {

std::unique_ptr<Contender> bestContender(const Source& source, const Tuning& tuning);

}  // namespace bench
