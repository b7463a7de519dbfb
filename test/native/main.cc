// SPDX-License-Identifier: MIT
// The one test program: every *_test.cc below this directory is linked into it.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
