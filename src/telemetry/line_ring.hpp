#pragma once

// Bytes on their way from one thread to another, in contiguous pieces (a "bip buffer").
//
// The writer asks for room, formats a line straight into it and commits what it used; the reader takes everything that was
// committed. One writer, one reader, no lock, and neither ever waits: without room the writer is told so.
//
//   in order   [   .   tail ####### head   .   ]     reader owns [tail, head)
//   wrapped    [### head   .   tail ##### mark   ]   reader owns [tail, mark), then [0, head)
//
// The writer goes back to the front once it is past `usual`, as soon as the front is free. A reader that keeps up thus
// keeps the traffic in the first few pages, which stay in the processor's cache; the rest of the memory is only for a
// reader that falls behind.

#include <tiercel/check.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>

namespace tiercel::telemetry {

class line_ring {
public:
    // REQUIRES: usual <= capacity.
    explicit line_ring(std::size_t capacity, std::size_t usual)
        : capacity_(capacity), usual_(usual), bytes_(new char[capacity])
    {
        TIERCEL_CHECK(usual <= capacity);
    }

    // Writer: `n` contiguous bytes, or null when there is no room now.
    char* try_reserve(std::size_t n) noexcept
    {
        const auto tail = tail_.load(std::memory_order_acquire);
        if (head_at_ < tail) {                                  // wrapped: never catch up with the reader from behind
            return head_at_ + n < tail ? start_at(head_at_) : nullptr;
        }
        const bool fits = head_at_ + n <= capacity_;
        if (fits && (head_at_ + n <= usual_ || n >= tail)) { return start_at(head_at_); }
        return n < tail ? start_at(0) : nullptr;
    }

    // Writer: the first `n` bytes of the last reservation are a line. REQUIRES: n is not more than was reserved.
    void commit(std::size_t n) noexcept
    {
        if (start_ != head_at_) {
            mark_.store(head_at_, std::memory_order_relaxed);   // published by head_
        }
        head_at_ = start_ + n;
        head_.store(head_at_, std::memory_order_release);
    }

    // Reader: hands each committed piece to `take(std::string_view)`; the bytes are free again when it returns.
    template <class Take>
    void consume(Take&& take)
    {
        const auto head = head_.load(std::memory_order_acquire);
        auto tail = tail_.load(std::memory_order_relaxed);
        if (head < tail) {
            const auto mark = mark_.load(std::memory_order_relaxed);
            if (tail < mark) { take(std::string_view(bytes_.get() + tail, mark - tail)); }
            tail = 0;
            tail_.store(tail, std::memory_order_release);
        }
        if (tail < head) {
            take(std::string_view(bytes_.get() + tail, head - tail));
            tail_.store(head, std::memory_order_release);
        }
    }

private:
    char* start_at(std::size_t at) noexcept
    {
        start_ = at;
        return bytes_.get() + at;
    }

    const std::size_t capacity_;
    const std::size_t usual_;
    const std::unique_ptr<char[]> bytes_;      // not initialised: pages that are never used cost nothing
    // the writer's
    alignas(64) std::size_t head_at_ = 0;
    std::size_t start_ = 0;
    std::atomic<std::size_t> head_{0};
    std::atomic<std::size_t> mark_{0};
    // the reader's
    alignas(64) std::atomic<std::size_t> tail_{0};
};

}  // namespace tiercel::telemetry
