#pragma once

namespace tiercel {

// Prints the broken promise and aborts.
[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace tiercel

// An invariant of our own whose breach would serve a wrong answer; stays on in release builds. Cheap conditions only.
#define TIERCEL_CHECK(cond) \
    (static_cast<bool>(cond) ? static_cast<void>(0) : ::tiercel::check_failed(#cond, __FILE__, __LINE__))
