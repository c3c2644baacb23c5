#include <tiercel/entry.hpp>

#include <tiercel/check.hpp>

#include "cache/heap.hpp"

#include <cstring>
#include <new>

namespace tiercel {
namespace {

// The slot of an entry in the store's table: 16 bytes at a load between 3/8 and 3/4.
constexpr byte_count table_share = 24;

std::uint32_t length(std::size_t size)
{
    TIERCEL_CHECK(size <= std::numeric_limits<std::uint32_t>::max());
    return static_cast<std::uint32_t>(size);
}

constexpr std::size_t padded(std::size_t size) noexcept
{
    return (size + alignof(scope_hash) - 1) / alignof(scope_hash) * alignof(scope_hash);
}

char* put(char* to, std::string_view bytes) noexcept
{
    if (!bytes.empty()) { std::memcpy(to, bytes.data(), bytes.size()); }
    return to + bytes.size();
}

}  // namespace

entry::entry(const entry_parts& parts)
    : hash_(parts.hash)
    , key_size_(length(parts.key.size()))
    , head_size_(length(parts.head.size()))
    , status_(static_cast<std::int16_t>(parts.status))
    , times_(parts.times)
    , flags_(parts.flags)
    , etag_size_(length(parts.etag.size()))
    , stamp_(parts.stamp)
    , last_modified_(parts.last_modified.value_or(no_date))
    , date_(parts.date.value_or(no_date))
    , scope_count_(length(parts.scopes.size()))
{
}

entry_ptr entry::make(const entry_parts& parts)
{
    TIERCEL_CHECK(parts.scopes.size() < 65536);
    TIERCEL_CHECK(parts.status >= 0 && parts.status <= 999);

    // The body: small ones inline, wherever they came from; large ones in chunks.
    body_ptr content = parts.content;
    const byte_count body_size = content ? content->size() : parts.small_body.size();
    const std::size_t small_size = body_size <= inline_body_limit ? static_cast<std::size_t>(body_size) : 0;
    if (!content && small_size == 0 && body_size != 0) {
        content = body::make(body_size);
        content->append(parts.small_body);
    }

    const std::size_t texts = parts.key.size() + parts.head.size() + small_size + parts.etag.size();
    void* memory = ::operator new(sizeof(entry) + padded(texts) + parts.scopes.size_bytes());
    entry* made = ::new (memory) entry(parts);   // what can still throw has thrown

    char* to = static_cast<char*>(memory) + sizeof(entry);
    to = put(to, parts.key);
    to = put(to, parts.head);
    if (body_size > inline_body_limit) {
        made->content_ = std::move(content);
    } else if (content) {
        made->small_size_ = static_cast<std::uint32_t>(small_size);
        for (byte_count copied = 0; copied < small_size;) {
            const std::string_view run = content->at(copied).substr(0, small_size - static_cast<std::size_t>(copied));
            to = put(to, run);
            copied += run.size();
        }
    } else {
        made->small_size_ = static_cast<std::uint32_t>(small_size);
        to = put(to, parts.small_body);
    }
    to = put(to, parts.etag);
    to += padded(texts) - texts;
    if (!parts.scopes.empty()) { std::memcpy(to, parts.scopes.data(), parts.scopes.size_bytes()); }

    made->footprint_ = heap_size(memory) + table_share + (made->content_ ? made->content_->footprint() : 0);
    return entry_ptr(made);
}

std::span<const scope_hash> entry::scopes() const noexcept
{
    const std::size_t texts = std::size_t{key_size_} + head_size_ + small_size_ + etag_size_;
    return {reinterpret_cast<const scope_hash*>(tail() + padded(texts)), scope_count_};
}

std::string_view entry::body_at(byte_count offset) const noexcept
{
    if (content_) { return content_->at(offset); }
    return offset < small_size_ ? small_body().substr(static_cast<std::size_t>(offset)) : std::string_view();
}

void entry::note_refresh(instant now, double jitter) const noexcept
{
    constexpr milliseconds first{1'000};
    constexpr milliseconds longest{30'000};
    const std::uint32_t doublings = std::min(refreshes_.fetch_add(1, std::memory_order_relaxed), 5u);
    const milliseconds pause = std::min(first * (1u << doublings), longest);
    const auto jittered = static_cast<instant::rep>(static_cast<double>(pause.count()) * jitter);
    refresh_from_.store(now.time_since_epoch().count() + jittered, std::memory_order_relaxed);
}

void entry::put_off_refresh(instant until) const noexcept
{
    refreshes_.fetch_sub(1, std::memory_order_relaxed);
    refresh_from_.store(until.time_since_epoch().count(), std::memory_order_relaxed);
}

void intrusive_ptr_add_ref(const entry* e) noexcept { e->references_.fetch_add(1, std::memory_order_relaxed); }

void intrusive_ptr_release(const entry* e) noexcept
{
    // Whoever comes last must see all writes of the others before it frees.
    if (e->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        e->~entry();
        ::operator delete(const_cast<entry*>(e));
    }
}

}  // namespace tiercel
