// SPDX-License-Identifier: MIT
#include "core/base/unique_fd.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

namespace {
bool isOpen(int fd) { return ::fcntl(fd, F_GETFD) != -1; }
}  // namespace

TEST_CASE("a descriptor is closed with its owner, once") {
  int raw = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(raw >= 0);
  {
    vfm::UniqueFd first(raw);
    vfm::UniqueFd second(std::move(first));
    CHECK_FALSE(first.valid());
    CHECK(second.get() == raw);
    CHECK(isOpen(raw));
  }
  CHECK_FALSE(isOpen(raw));
}

TEST_CASE("a released descriptor stays open") {
  vfm::UniqueFd owner(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  int raw = owner.release();
  CHECK_FALSE(owner);
  owner.reset();
  REQUIRE(isOpen(raw));
  ::close(raw);
}
