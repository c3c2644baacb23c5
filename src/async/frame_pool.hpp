#pragma once

// Memory for coroutine frames.
//
// A request that is not a hit runs through a handful of coroutines, each with a frame of 0.3 to 3 KiB. Asio keeps frames for
// reuse only up to 1,020 bytes, looks for a fitting one by trying all it has, and asks aligned_alloc for the rest, which is
// several times dearer than malloc. Here a frame that ends goes on a list of its size, per thread, and the next one of that
// size takes it: a few instructions each way. Measured: docs/decisions.md.
//
// Thread: any; a frame may end on another thread than it began on. Memory is bounded: so many frames per size are kept,
// beyond that they are freed. Under the sanitizers nothing is kept, so that they see the use of a frame that is gone.

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TIERCEL_POOLS_FRAMES 0
#else
#define TIERCEL_POOLS_FRAMES 1
#endif

namespace tiercel::async {

class frame_pool {
public:
    static void* allocate(std::size_t size)
    {
        const std::size_t at = list_of(size);
        if (at >= lists) {
            return ::operator new(size);
        }
        list& l = mine_[at];
        if (l.first != nullptr) {
            frame* const f = l.first;
            l.first = f->next;
            --l.count;
            return f;
        }
        return ::operator new((at + 1) * step);
    }

    static void deallocate(void* memory, std::size_t size) noexcept
    {
        const std::size_t at = list_of(size);
        if (at >= lists || mine_[at].count == most_kept) {
            ::operator delete(memory);
            return;
        }
        list& l = mine_[at];
        if (l.count == 0 && !sweeps_at_exit()) {
            ::operator delete(memory);
            return;
        }
        l.first = new (memory) frame{l.first};
        ++l.count;
    }

private:
    static constexpr std::size_t step = 128;
    static constexpr std::size_t lists = TIERCEL_POOLS_FRAMES * 64;   // up to 8 KiB
    static constexpr std::uint32_t most_kept = 128;

    struct frame {
        frame* next;
    };
    struct list {
        frame* first;
        std::uint32_t count;
    };
    // Frees what is kept when its thread ends. What ends on that thread later still is freed at once.
    struct sweeper {
        ~sweeper();
        bool gone = false;
    };

    static std::size_t list_of(std::size_t size) noexcept { return (size - 1) / step; }
    static bool sweeps_at_exit() noexcept;

    // All zero and without destructor: reaching it needs no check whether it is there yet.
    static constinit inline thread_local std::array<list, 64> mine_{};
};

}  // namespace tiercel::async
