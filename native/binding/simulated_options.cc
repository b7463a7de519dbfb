// SPDX-License-Identifier: MIT
#include "binding/simulated_options.h"

#include <optional>
#include <string>

#include "core/simulated/personality.h"

namespace vfm::binding {
namespace {

std::string text(const Napi::Object& object, const char* name) {
  return object.Get(name).ToString().Utf8Value();
}
uint32_t number(const Napi::Object& object, const char* name) {
  return object.Get(name).ToNumber().Uint32Value();
}
bool flag(const Napi::Object& object, const char* name) { return object.Get(name).ToBoolean().Value(); }

uint64_t wide(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  bool lossless = false;
  return value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : 0;
}

template <typename Each>
void forEach(const Napi::Object& object, const char* name, Each&& each) {
  const Napi::Value value = object.Get(name);
  if (!value.IsArray()) return;
  const Napi::Array array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) each(array.Get(i).As<Napi::Object>());
}

Failure unknown(const char* what, const std::string& value) {
  return Failure::because(Reason::kInvalidArgument, "options of a simulated device",
                          std::string(what) + " \"" + value + "\" is unknown");
}

template <typename T, typename Set>
void whenGiven(const Napi::Object& object, const char* name, T (*read)(const Napi::Object&, const char*),
               Set&& set) {
  const Napi::Value value = object.Get(name);
  if (!value.IsNull() && !value.IsUndefined()) set(read(object, name));
}

// What an option's words mean.
template <typename T>
struct Word {
  const char* word;
  T value;
};

// Keeps `into` where nothing is given; answers whether the word is known.
template <typename T, size_t N>
bool choose(const Napi::Object& object, const char* name, const Word<T> (&words)[N], T& into) {
  const Napi::Value value = object.Get(name);
  if (value.IsNull() || value.IsUndefined()) return true;
  const std::string given = value.ToString().Utf8Value();
  for (const Word<T>& word : words) {
    if (given != word.word) continue;
    into = word.value;
    return true;
  }
  return false;
}

constexpr Word<SimulatedProtocol> kProtocols[] = {
    {"none", SimulatedProtocol::kNone}, {"v1", SimulatedProtocol::kV1}, {"v2", SimulatedProtocol::kV2}};
constexpr Word<DataSection> kSections[] = {{"trapped", DataSection::kTrapped},
                                           {"mapped", DataSection::kMapped},
                                           {"sparse", DataSection::kSparse},
                                           {"straddling", DataSection::kStraddling}};
constexpr Word<V1Arcs> kArcs[] = {
    {"full", V1Arcs::kFull}, {"i915", V1Arcs::kI915}, {"lvu", V1Arcs::kLibvfioUser}};
constexpr Word<DrainedConvention> kDrained[] = {{"enomsg", DrainedConvention::kEnomsg},
                                                {"zero", DrainedConvention::kZero}};
constexpr Word<FaultOutcome> kOutcomes[] = {
    {"keep", FaultOutcome::kKeep}, {"error", FaultOutcome::kError}, {"requested", FaultOutcome::kRequested}};
constexpr Word<FaultKind> kKinds[] = {
    {"errno", FaultKind::kErrno}, {"short", FaultKind::kShort}, {"hang", FaultKind::kHang}};

}  // namespace

Result<SimulatedFault> faultFrom(const Napi::Object& object) {
  const auto operation = operationNamed(text(object, "operation"));
  if (!operation) return unknown("operation", text(object, "operation"));
  SimulatedFault fault{*operation, text(object, "argument"), static_cast<int>(number(object, "errno")),
                       number(object, "nth"), number(object, "count")};
  if (!choose(object, "outcome", kOutcomes, fault.outcome))
    return unknown("outcome", text(object, "outcome"));
  if (!choose(object, "kind", kKinds, fault.kind)) return unknown("kind of fault", text(object, "kind"));
  whenGiven(object, "bytes", wide, [&](uint64_t bytes) { fault.bytes = bytes; });
  return fault;
}

Result<SimulatedOptions> simulatedOptionsFrom(const Napi::Object& object) {
  SimulatedOptions options;
  if (!object.Get("personality").IsNull()) {
    const auto personality = personalityNamed(text(object, "personality"));
    if (!personality) return unknown("personality", text(object, "personality"));
    options = optionsAs(*personality);
  }
  SimulatedProtocol protocol = options.protocol;
  if (!choose(object, "protocol", kProtocols, protocol)) return unknown("protocol", text(object, "protocol"));
  if (options.personality != Personality::kPlain && protocol != options.protocol) {
    return Failure::because(
        Reason::kInvalidArgument, "options of a simulated device",
        std::string("personality ") + factsOf(options.personality).name + " speaks the other protocol");
  }
  options.protocol = protocol;
  if (!choose(object, "dataSection", kSections, options.data))
    return unknown("data section", text(object, "dataSection"));
  if (!choose(object, "arcs", kArcs, options.arcs)) return unknown("arcs", text(object, "arcs"));
  if (!choose(object, "drained", kDrained, options.drained))
    return unknown("drained convention", text(object, "drained"));

  options.stateBytes = wide(object, "stateBytes");
  options.chunkBytes = wide(object, "chunkBytes");
  if (object.Get("seed").IsNumber()) options.seed = number(object, "seed");
  options.dirtyRate = wide(object, "dirtyRate");
  options.reservedBits = number(object, "reservedBits");
  whenGiven(object, "preCopy", flag, [&](bool given) { options.precopy = given; });
  whenGiven(object, "p2p", flag, [&](bool given) { options.p2p = given; });
  whenGiven(object, "roundsByInfo", flag, [&](bool given) { options.roundsByInfo = given; });
  whenGiven(object, "saveTime", number, [&](uint32_t given) { options.saveTime = given; });
  options.shortRead = wide(object, "shortRead");
  options.shortWrite = wide(object, "shortWrite");

  std::optional<Failure> wrong;
  forEach(object, "events", [&](const Napi::Object& given) {
    const auto kind = eventNamed(text(given, "kind"));
    const auto operation = operationNamed(text(given, "operation"));
    if (!kind) wrong = unknown("event", text(given, "kind"));
    if (!operation) wrong = unknown("operation", text(given, "operation"));
    SimulatedEvent event;
    event.kind = kind.value_or(EventKind::kError);
    whenGiven(given, "milliseconds", number, [&](uint32_t after) { event.milliseconds = after; });
    event.operation = operation.value_or(Operation::kInfo);
    event.argument = text(given, "argument");
    event.nth = number(given, "nth");
    options.events.push_back(std::move(event));
  });
  forEach(object, "faults", [&](const Napi::Object& given) {
    auto fault = faultFrom(given);
    if (fault) {
      options.faults.push_back(std::move(*fault));
    } else {
      wrong = fault.failure();
    }
  });
  std::vector<SimulatedDelay> delays;
  forEach(object, "delays", [&](const Napi::Object& delay) {
    const auto operation = operationNamed(text(delay, "operation"));
    if (!operation) wrong = unknown("operation", text(delay, "operation"));
    delays.push_back(
        {operation.value_or(Operation::kInfo), text(delay, "argument"), number(delay, "milliseconds")});
  });
  // The first that matches counts, so what is asked for goes before what the personality brings.
  options.delays.insert(options.delays.begin(), delays.begin(), delays.end());
  forEach(object, "lies", [&](const Napi::Object& lie) {
    options.lies.push_back({text(lie, "name"), wide(lie, "value"), number(lie, "nth"), number(lie, "count")});
  });
  if (wrong) return *wrong;
  return options;
}

}  // namespace vfm::binding
