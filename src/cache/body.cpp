#include <tiercel/body.hpp>

#include <tiercel/check.hpp>

#include "cache/heap.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <new>

namespace tiercel {
namespace {

struct place {
    std::size_t block;
    std::size_t index;
};

// Block k begins at chunk 8 * (2^k - 1); adding 8 puts the block number into the position of the highest bit.
constexpr place place_of(std::size_t chunk) noexcept
{
    const std::size_t shifted = chunk + 8;
    const auto block = static_cast<std::size_t>(std::bit_width(shifted)) - 4;
    return {.block = block, .index = shifted - (std::size_t{8} << block)};
}
static_assert(place_of(0).block == 0 && place_of(7).index == 7 && place_of(8).block == 1 && place_of(8).index == 0);
static_assert(place_of((body::max_size / body::chunk_size) - 1).block < 23);

}  // namespace

body_ptr body::make(byte_count expected)
{
    body_ptr made(new body(expected));
    made->footprint_.store(heap_size(made.get()), std::memory_order_relaxed);
    return made;
}

body::~body()
{
    if (is_held()) { account_->fetch_sub(footprint(), std::memory_order_relaxed); }
    ::operator delete(outgrown_);
    for (chunk_pointer& chunk : inline_block_) {
        ::operator delete(chunk.load(std::memory_order_relaxed));
    }
    for (std::size_t k = 1; k < max_blocks; ++k) {
        chunk_pointer* block = blocks_[k].load(std::memory_order_relaxed);
        if (block == nullptr) { break; }
        for (std::size_t i = 0; i < first_block << k; ++i) {
            ::operator delete(block[i].load(std::memory_order_relaxed));
        }
        ::operator delete(block);   // atomics of pointers need no destructor
    }
}

void intrusive_ptr_add_ref(const body* b) noexcept { b->references_.fetch_add(1, std::memory_order_relaxed); }

void intrusive_ptr_release(const body* b) noexcept
{
    // Whoever comes last must see all writes of the others before it frees.
    if (b->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) { delete b; }
}

void body::append(std::string_view bytes)
{
    while (!bytes.empty()) {
        const std::span<char> room = prepare();
        const std::size_t n = std::min(room.size(), bytes.size());
        std::memcpy(room.data(), bytes.data(), n);
        commit(n);
        bytes.remove_prefix(n);
    }
}

std::span<char> body::prepare()
{
    const byte_count written = published_.load(std::memory_order_relaxed);
    if (written == tail_begin_ + tail_capacity_) { grow(); }
    const auto used = static_cast<std::size_t>(written - tail_begin_);
    return {tail_ + used, tail_capacity_ - used};
}

void body::commit(std::size_t n)
{
    const byte_count written = published_.load(std::memory_order_relaxed);
    TIERCEL_CHECK(n <= tail_begin_ + tail_capacity_ - written);
    // Release: who sees the new size also sees the bytes and the directory that leads to them.
    published_.store(written + n, std::memory_order_release);
}

std::string_view body::at(byte_count offset) const noexcept
{
    const byte_count end = published_.load(std::memory_order_acquire);
    if (offset >= end) { return {}; }
    const std::size_t chunk = static_cast<std::size_t>(offset / chunk_size);
    const std::size_t within = static_cast<std::size_t>(offset % chunk_size);
    const byte_count run = std::min<byte_count>(end - offset, chunk_size - within);
    // Acquire: a chunk that replaced a smaller one may be newer than `end`, and was filled before its pointer was stored.
    return {slot(chunk).load(std::memory_order_acquire) + within, static_cast<std::size_t>(run)};
}

const body::chunk_pointer& body::slot(std::size_t chunk) const noexcept
{
    const place where = place_of(chunk);
    if (where.block == 0) { return inline_block_[where.index]; }
    return blocks_[where.block].load(std::memory_order_acquire)[where.index];
}

body::chunk_pointer& body::make_slot(std::size_t chunk)
{
    const place where = place_of(chunk);
    if (where.block == 0) { return inline_block_[where.index]; }
    chunk_pointer* block = blocks_[where.block].load(std::memory_order_relaxed);
    if (block == nullptr) {
        const std::size_t count = first_block << where.block;
        block = static_cast<chunk_pointer*>(allocate(count * sizeof(chunk_pointer)));
        std::uninitialized_value_construct_n(block, count);
        blocks_[where.block].store(block, std::memory_order_release);
    }
    return block[where.index];
}

std::size_t body::planned_capacity(std::size_t chunk) const noexcept
{
    const byte_count begin = byte_count{chunk} * chunk_size;
    if (expected_ > begin) { return static_cast<std::size_t>(std::min<byte_count>(expected_ - begin, chunk_size)); }
    return expected_ == 0 && chunk == 0 ? first_size : chunk_size;
}

// Gives the writer room: the next chunk, or a full-sized one in place of a tail that was made too small. The latter happens
// at most once per body (to the first chunk, or to the last expected one), and costs one copy of less than a chunk.
void body::grow()
{
    const byte_count written = published_.load(std::memory_order_relaxed);
    TIERCEL_CHECK(written < max_size);
    const auto chunk = static_cast<std::size_t>(written / chunk_size);
    const auto kept = static_cast<std::size_t>(written % chunk_size);
    const std::size_t capacity = kept == 0 ? planned_capacity(chunk) : chunk_size;

    chunk_pointer& where = make_slot(chunk);
    char* fresh = static_cast<char*>(allocate(capacity));
    if (kept != 0) {
        TIERCEL_CHECK(outgrown_ == nullptr);
        std::memcpy(fresh, tail_, kept);
        outgrown_ = tail_;
    }
    where.store(fresh, std::memory_order_release);
    tail_ = fresh;
    tail_begin_ = byte_count{chunk} * chunk_size;
    tail_capacity_ = capacity;
}

void body::discard_before(byte_count offset) noexcept
{
    const byte_count end = std::min(offset, tail_begin_);   // never the chunk that is being filled
    for (; byte_count{discarded_ + 1} * chunk_size <= end; ++discarded_) {
        char* const chunk = make_slot(discarded_).exchange(nullptr, std::memory_order_relaxed);
        footprint_.fetch_sub(heap_size(chunk), std::memory_order_relaxed);
        if (is_held()) { account_->fetch_sub(heap_size(chunk), std::memory_order_relaxed); }
        ::operator delete(chunk);
    }
}

void body::hold(const std::shared_ptr<held_bytes>& account) noexcept
{
    if (account_ != nullptr) { return; }
    account_ = account;
    account_->fetch_add(footprint(), std::memory_order_relaxed);
}

// Entries that share content have the same key and go into the store one after the other: the first one sets the account.
void body::enter_store(const std::shared_ptr<held_bytes>& account) noexcept
{
    if (stores_.fetch_add(1, std::memory_order_relaxed) != 0) { return; }
    if (account_ == nullptr) {
        account_ = account;
    } else {
        account_->fetch_sub(footprint(), std::memory_order_relaxed);
    }
}

void body::leave_store() noexcept
{
    if (stores_.fetch_sub(1, std::memory_order_relaxed) == 1) { account_->fetch_add(footprint(), std::memory_order_relaxed); }
}

void* body::allocate(std::size_t bytes)
{
    void* memory = ::operator new(bytes);
    footprint_.fetch_add(heap_size(memory), std::memory_order_relaxed);
    if (is_held()) { account_->fetch_add(heap_size(memory), std::memory_order_relaxed); }
    return memory;
}

}  // namespace tiercel
