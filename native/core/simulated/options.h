// SPDX-License-Identifier: MIT
// What a simulated device is made of, and what is to go wrong with it. Filled by the binding from a `sim:`
// spec.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vfm {

// kNone: a device whose driver has no migration, of which there are many.
enum class SimulatedProtocol : uint8_t { kNone = 0, kV1 = 1, kV2 = 2 };

// v1: how the data section may be reached.
enum class DataSection : uint8_t {
  kTrapped,    // by region reads and writes only
  kMapped,     // one mappable area, all of the data section
  kSparse,     // several mappable areas with holes between them
  kStraddling  // one mappable area, and every chunk crosses its end; data_offset changes every round
};

// v1: which state changes are accepted.
enum class V1Arcs : uint8_t {
  kFull,        // from any of the five states to any of the five, as the January 2020 proposal has it
  kI915,        // what the out-of-tree i915 driver accepts; a refused one leads to the error state
  kLibvfioUser  // what libvfio-user accepts; a refused one is EINVAL and the state stays
};

// v2: how read() says that a pre-copy has nothing for now.
enum class DrainedConvention : uint8_t { kEnomsg, kZero };

// Which driver a device behaves like; kPlain: none, by the uAPI's word. What each of them does is in
// personality.cc.
enum class Personality : uint8_t {
  kPlain,
  kMlx5,
  kHisiAcc,
  kPds,
  kQat,
  kVirtio,
  kXe,
  kI915,        // v1, the out-of-tree driver
  kLibvfioUser  // v1, devices served by libvfio-user
};

// What faults, delays and lies attach to.
enum class Operation : uint8_t {
  kInfo,        // VFIO_DEVICE_GET_INFO
  kRegionInfo,  // argument: the region index in decimal
  kIrqInfo,     // argument: the interrupt index in decimal
  kSetIrqs,     // likewise
  kReset,
  kRegisterRead,  // argument: a register's name, "memory" (BAR2), "config" or "data" (v1 data section)
  kRegisterWrite,
  kMap,
  kSetState,  // argument: the state entered, hop by hop
  kGetState,
  kRead,         // of a save session; argument: the state
  kWrite,        // of a load session
  kPrecopyInfo,  // argument: the state
  kDataSize,
  kMigrationFlags,
  kDmaLogStart,
  kDmaLogReport,
  kDmaLogStop
};

std::optional<Operation> operationNamed(std::string_view name);
const char* operationName(Operation operation);
// Whether fewer bytes than asked for can be moved by it.
bool movesBytes(Operation operation);

enum class FaultKind : uint8_t {
  kErrno,  // the call fails
  kShort,  // reads, writes and register accesses: fewer bytes than asked for
  kHang  // the call does not return before a reset, close() or, in a session, cancel() and the session's end
};

enum class FaultOutcome : uint8_t {
  kKeep,      // the call fails and nothing else happens
  kError,     // the call fails and the device is in the error state
  kRequested  // set-state only: the call fails, yet the state is entered and its session lost (EMFILE,
              // EFAULT)
};

struct SimulatedFault {
  Operation operation = Operation::kSetState;
  std::string argument;  // empty: any
  int error = 0;         // positive errno
  uint32_t nth = 1;      // the first matching call that fails, counted from 1
  uint32_t count = 1;    // how many fail from there on
  FaultOutcome outcome = FaultOutcome::kKeep;
  FaultKind kind = FaultKind::kErrno;
  std::optional<uint64_t> bytes = std::nullopt;  // kShort: how many move; none: half of them
};

struct SimulatedDelay {
  Operation operation = Operation::kSetState;
  std::string argument;  // empty: any; a set-state delay without argument strikes once per request, else at
                         // the hop into that state
  uint32_t milliseconds = 0;
};

// A value the device reports instead of the truth.
// Names: device-state, pending-bytes, data-offset, data-size (v1 registers); state, estimate, initial-bytes,
// dirty-bytes (v2); region-size, area-offset, area-size (region information of BAR2, or of the migration
// region of a v1 device).
struct SimulatedLie {
  std::string name;
  uint64_t value = 0;
  uint32_t nth = 1;
  uint32_t count = UINT32_MAX;
};

// v2: what happens to a device without anybody asking for it.
enum class EventKind : uint8_t {
  kError,      // the firmware gives up: the error state (pds)
  kPeerGone,   // the physical function goes away (mlx5)
  kSaveFails,  // what is being saved fails behind the user's back (mlx5)
  kAbortFails  // the next way back from a pre-copy state fails halfway (mlx5)
};

std::optional<EventKind> eventNamed(std::string_view name);

struct SimulatedEvent {
  EventKind kind = EventKind::kError;
  // Either a time after the device was made, noticed at the next call, or right before a matching call.
  std::optional<uint32_t> milliseconds = std::nullopt;
  Operation operation = Operation::kInfo;
  std::string argument = {};  // empty: any
  uint32_t nth = 1;
};

struct SimulatedOptions {
  Personality personality = Personality::kPlain;
  SimulatedProtocol protocol = SimulatedProtocol::kV2;
  uint64_t stateBytes = 64ull << 20;  // a multiple of 4096, 4096 to 2^40
  std::optional<uint32_t> seed;       // none: zeros
  uint64_t dirtyRate = 0;             // bytes per second; not 0 also turns the workload on

  uint64_t chunkBytes = 1ull << 20;  // v1: the largest data_size; a multiple of 4096, 12288 to 2^30
  DataSection data = DataSection::kMapped;
  V1Arcs arcs = V1Arcs::kFull;
  uint32_t reservedBits = 0;  // v1: bits 3-31 of device_state after creation and reset

  bool precopy = true;
  bool p2p = true;
  DrainedConvention drained = DrainedConvention::kEnomsg;
  bool roundsByInfo =
      false;  // v2: only the pre-copy information ioctl starts the next incremental round (mlx5, virtio)

  // v2: milliseconds that the device takes for each image and each chunk of a save; a read waits for them.
  uint32_t saveTime = 0;

  uint64_t shortRead = 0;   // v2: the most bytes one read gives; 0: no limit
  uint64_t shortWrite = 0;  // v2: the most bytes one write takes; 0: no limit

  std::vector<SimulatedEvent> events;
  std::vector<SimulatedFault> faults;
  std::vector<SimulatedDelay> delays;
  std::vector<SimulatedLie> lies;
};

}  // namespace vfm
