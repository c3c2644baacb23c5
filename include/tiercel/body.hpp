#pragma once

// Response content as an append-only list of chunks: one writer (the fill), any number of readers, each with a cursor.
// Published bytes never move or change, so readers send them without copying and without a lock. Cost: one allocation per
// chunk, one or two atomic loads per read.

#include <tiercel/units.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace tiercel {

// Bytes of content that is in no store and still in memory, because readers are busy with it. Shared with the content, which
// may outlive the store whose limit this counts against.
using held_bytes = std::atomic<byte_count>;

class body;
using body_ptr = boost::intrusive_ptr<body>;
void intrusive_ptr_add_ref(const body* b) noexcept;
void intrusive_ptr_release(const body* b) noexcept;

// Thread: append(), prepare() and commit() from one thread at a time; everything else from any. What size() says is readable.
class body {
public:
    static constexpr std::size_t chunk_size = 32 * 1024;
    // What the first chunk holds when nothing is known about the size: most answers are small.
    static constexpr std::size_t first_size = 4 * 1024;
    // Longer content is a broken promise of the caller, who has a limit far below.
    static constexpr byte_count max_size = byte_count{1} << 40;

    // `expected`: the size if known (Content-Length), so that no memory is taken that will not be filled; 0 = unknown. It is
    // a hint: the content may turn out shorter or longer.
    static body_ptr make(byte_count expected = 0);
    body(const body&) = delete;
    body& operator=(const body&) = delete;

    // Copies bytes in and publishes them.
    void append(std::string_view bytes);
    // Room to read into without a copy: at least one byte, at most the rest of a chunk; publish with commit().
    std::span<char> prepare();
    // Publishes the first n bytes of the room. REQUIRES: n <= size of the last prepare().
    void commit(std::size_t n);

    byte_count size() const noexcept { return published_.load(std::memory_order_acquire); }
    // The longest contiguous run of published bytes from `offset`; empty when offset >= size().
    std::string_view at(byte_count offset) const noexcept;
    // Frees the chunks that lie wholly before `offset`; for content that is passed on and not kept. The writer's to call.
    // REQUIRES: nobody reads before `offset` any more, now or later.
    void discard_before(byte_count offset) noexcept;
    // What the allocations really occupy, for the budget.
    byte_count footprint() const noexcept { return footprint_.load(std::memory_order_relaxed); }

    // ---- who counts its memory, when the writer does not or no longer does ----
    // `account`, from now until it is freed, but for the time in which a store counts it. The writer's to call; once it has an
    // account it keeps that.
    void hold(const std::shared_ptr<held_bytes>& account) noexcept;
    // An entry with this content, now complete, was linked into a store, or unlinked: the store counts it meanwhile, `account`
    // after that. Several entries may share it, and then the last one to be unlinked decides. Content that is freed with its
    // entry need not leave.
    void enter_store(const std::shared_ptr<held_bytes>& account) noexcept;
    void leave_store() noexcept;
    bool is_shared() const noexcept { return references_.load(std::memory_order_relaxed) > 1; }

private:
    // Chunk i holds the bytes from i * chunk_size on. Its pointer lies in block k of the directory, where block k has
    // 8 * 2^k pointers: blocks never move, so readers walk the directory while the writer extends it, and the place of a
    // chunk follows from its number by one bit scan.
    using chunk_pointer = std::atomic<char*>;
    static constexpr std::size_t first_block = 8;
    static constexpr std::size_t max_blocks = 23;   // 8 * (2^23 - 1) chunks are more than max_size needs

    explicit body(byte_count expected) noexcept : expected_(expected) {}
    ~body();
    friend void intrusive_ptr_add_ref(const body* b) noexcept;
    friend void intrusive_ptr_release(const body* b) noexcept;

    const chunk_pointer& slot(std::size_t chunk) const noexcept;
    chunk_pointer& make_slot(std::size_t chunk);
    std::size_t planned_capacity(std::size_t chunk) const noexcept;
    void grow();
    void* allocate(std::size_t bytes);
    bool is_held() const noexcept { return account_ != nullptr && stores_.load(std::memory_order_relaxed) == 0; }

    std::atomic<byte_count> published_{0};
    mutable std::atomic<int> references_{0};
    // The writer's: the chunk being filled and where its room ends.
    std::size_t tail_capacity_ = 0;
    char* tail_ = nullptr;
    byte_count tail_begin_ = 0;
    byte_count expected_;
    std::size_t discarded_ = 0;  // chunks freed already
    char* outgrown_ = nullptr;   // a chunk that was too small; readers may still look at it
    std::atomic<byte_count> footprint_{0};
    std::shared_ptr<held_bytes> account_;   // set once; counts the footprint whenever stores_ is 0
    std::atomic<unsigned> stores_{0};
    std::array<chunk_pointer, first_block> inline_block_{};
    std::array<std::atomic<chunk_pointer*>, max_blocks> blocks_{};   // blocks_[0] stays null: that is inline_block_
};

}  // namespace tiercel
