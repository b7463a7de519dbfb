// SPDX-License-Identifier: MIT
#include "core/events/event_fd.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

using namespace vfm;

TEST_CASE("an eventfd counts what is signalled, and taking takes all of it") {
  auto event = EventFd::create();
  REQUIRE(event.ok());
  CHECK(*(*event)->take() == 0);
  REQUIRE((*event)->signal(3).ok());
  REQUIRE((*event)->signal(4).ok());
  CHECK(*(*event)->take() == 7);
  CHECK(*(*event)->take() == 0);
}

TEST_CASE("a new eventfd neither blocks nor survives exec") {
  auto event = EventFd::create();
  REQUIRE(event.ok());
  CHECK((::fcntl((*event)->descriptor(), F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl((*event)->descriptor(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("a full counter is EAGAIN, and no count at all is no signal") {
  auto event = EventFd::create();
  REQUIRE(event.ok());
  REQUIRE((*event)->signal(UINT64_MAX - 1).ok());
  Status more = (*event)->signal(1);
  REQUIRE(!more.ok());
  CHECK(more.failure().error == EAGAIN);
  CHECK((*event)->signal(0).failure().reason == Reason::kInvalidArgument);
  CHECK((*event)->signal(UINT64_MAX).failure().reason == Reason::kInvalidArgument);
}

TEST_CASE("an adopted eventfd is a duplicate of the same counter") {
  const int theirs = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  auto ours = EventFd::adopt(theirs);
  REQUIRE(ours.ok());
  CHECK((*ours)->descriptor() != theirs);
  REQUIRE((*ours)->signal(2).ok());
  uint64_t count = 0;
  CHECK(::read(theirs, &count, sizeof(count)) == sizeof(count));
  CHECK(count == 2);
  ::close(theirs);
  CHECK((*ours)->signal(1).ok());
}

TEST_CASE("a blocking eventfd, another kind of file and a closed number are not adopted") {
  const int blocking = ::eventfd(0, EFD_CLOEXEC);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  CHECK(EventFd::adopt(blocking).failure().reason == Reason::kInvalidArgument);
  CHECK(EventFd::adopt(ends[0]).failure().reason == Reason::kInvalidArgument);
  CHECK(EventFd::adopt(987).failure().error == EBADF);
  CHECK(EventFd::adopt(-1).failure().error == EBADF);
  for (int fd : {blocking, ends[0], ends[1]}) ::close(fd);
}
